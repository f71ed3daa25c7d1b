internal import VMMCore

/// The state of an MC146818: its RAM, its control registers, and how its time runs against the host's.
struct MC146818State {
    /// A point in time: seconds since 1970-01-01 00:00:00 UTC, and nanoseconds below a second.
    private struct Instant {
        var seconds: Int64
        var nanoseconds: Int64
    }

    /// Whether the time counts.
    private enum Counting {
        /// Guest time less host time.
        case running(Instant)
        /// SET or the divider reset stops updates: the bytes stand as the guest writes them.
        case held(RTCTimeBytes, resumesWith: Instant)
    }

    /// UIP rises 244 µs before an update (t_BUC), and the update takes 1984 µs (t_UC) with the 32.768 kHz time base.
    static let updateLeadTime: Int64 = 244_000 + 1_984_000
    private static let second: Int64 = 1_000_000_000

    /// Port 0x70: bits 6:0 the index; bit 7 masks NMI on a PC.
    private(set) var index: UInt8 = 0
    private var ram = InlineArray<128, UInt8>(repeating: 0)
    private var a = RTC_A.firmwareValue
    private var b = RTC_B.firmwareValue
    private var counting = Counting.running(Instant(seconds: 0, nanoseconds: 0))
    /// The guest's second when register C was read last.
    private var secondOfLastFlags: Int64

    init(hostTime: Nanoseconds) {
        secondOfLastFlags = Int64(hostTime.rawValue / UInt64(Self.second))
    }

    mutating func writeIndex(_ value: UInt8) { index = value }

    // MARK: - Data port

    mutating func readData(hostTime: Nanoseconds) -> UInt8 {
        let location = index[0...6]
        guard let register = RTCRegister(rawValue: location) else { return ram[Int(location)] }
        switch register {
        case .a:
            var value = a
            value.uip = updateIsNear(hostTime)
            return value.rawValue
        case .b:
            return b.rawValue
        case .c:
            return readFlags(hostTime)
        case .d:
            // VRT: RAM and time are valid.
            return 0x80
        case .seconds, .minutes, .hours, .dayOfWeek, .dayOfMonth, .month, .year, .century:
            return timeBytes(hostTime)[register] ?? 0xFF
        }
    }

    mutating func writeData(_ value: UInt8, hostTime: Nanoseconds) {
        let location = index[0...6]
        guard let register = RTCRegister(rawValue: location) else {
            ram[Int(location)] = value
            return
        }
        switch register {
        case .a:
            control(hostTime) { $0.a.rawValue = value & RTC_A.writable }
        case .b:
            control(hostTime) { state in
                let wasSetting = state.b.set
                state.b.rawValue = value
                if state.b.set && !wasSetting { state.b.updateEndedInterruptEnable = false }
            }
        case .c, .d:
            break
        case .seconds, .minutes, .hours, .dayOfWeek, .dayOfMonth, .month, .year, .century:
            writeTime(value, to: register, hostTime)
        }
    }

    // MARK: - Time

    private var mustHold: Bool { b.set || a.dividerIsReset }

    private mutating func writeTime(_ value: UInt8, to register: RTCRegister, _ hostTime: Nanoseconds) {
        switch counting {
        case .held(var bytes, let instant):
            bytes[register] = value
            counting = .held(bytes, resumesWith: instant)
        case .running:
            // Without SET, as the chip allows: the new byte counts on from now. Nonsense is not taken.
            let now = guestTime(hostTime)
            var bytes = RTCTimeBytes(CivilTime(secondsSinceEpoch: now.seconds), format: b)
            bytes[register] = value
            guard let time = bytes.time(format: b) else { return }
            run(from: Instant(seconds: time.secondsSinceEpoch, nanoseconds: now.nanoseconds), hostTime)
        }
    }

    /// Changes register A or B, and stops or starts the time when that is what it means.
    private mutating func control(_ hostTime: Nanoseconds, _ change: (inout Self) -> Void) {
        let now = guestTime(hostTime)
        let dividerWasReset = a.dividerIsReset
        change(&self)
        switch counting {
        case .running:
            guard mustHold else { return }
            let time = CivilTime(secondsSinceEpoch: now.seconds)
            counting = .held(RTCTimeBytes(time, format: b), resumesWith: now)
        case .held(let bytes, var resume):
            // The first update comes half a second after the divider is released; after SET alone, the fraction of a
            // second at which the time was held goes on.
            if dividerWasReset && !a.dividerIsReset { resume.nanoseconds = Self.second / 2 }
            guard !mustHold else {
                counting = .held(bytes, resumesWith: resume)
                return
            }
            // Bytes that are no time leave the clock where it was held.
            resume.seconds = bytes.time(format: b)?.secondsSinceEpoch ?? resume.seconds
            run(from: resume, hostTime)
        }
    }

    private mutating func run(from instant: Instant, _ hostTime: Nanoseconds) {
        let host = Self.instant(hostTime)
        counting = .running(
            Instant(
                seconds: instant.seconds - host.seconds, nanoseconds: instant.nanoseconds - host.nanoseconds))
        secondOfLastFlags = min(secondOfLastFlags, instant.seconds)
        secondOfLastFlags = max(secondOfLastFlags, instant.seconds - 1)
    }

    /// The guest's time. Cannot overflow: host times are below 2^35 seconds, set times below the year 10000.
    private func guestTime(_ hostTime: Nanoseconds) -> Instant {
        switch counting {
        case .held(_, let instant):
            return instant
        case .running(let offset):
            let host = Self.instant(hostTime)
            var seconds = host.seconds + offset.seconds
            var nanoseconds = host.nanoseconds + offset.nanoseconds
            if nanoseconds < 0 {
                nanoseconds += Self.second
                seconds -= 1
            } else if nanoseconds >= Self.second {
                nanoseconds -= Self.second
                seconds += 1
            }
            return Instant(seconds: seconds, nanoseconds: nanoseconds)
        }
    }

    private static func instant(_ time: Nanoseconds) -> Instant {
        let (seconds, rest) = time.rawValue.quotientAndRemainder(dividingBy: UInt64(second))
        return Instant(seconds: Int64(seconds), nanoseconds: Int64(rest))
    }

    private func timeBytes(_ hostTime: Nanoseconds) -> RTCTimeBytes {
        switch counting {
        case .held(let bytes, _): bytes
        case .running: RTCTimeBytes(CivilTime(secondsSinceEpoch: guestTime(hostTime).seconds), format: b)
        }
    }

    private func updateIsNear(_ hostTime: Nanoseconds) -> Bool {
        switch counting {
        case .held: false
        case .running: guestTime(hostTime).nanoseconds >= Self.second - Self.updateLeadTime
        }
    }

    /// Register C: UF when a second has passed since the last read. AF and PF are never set: see `MC146818RTC`.
    private mutating func readFlags(_ hostTime: Nanoseconds) -> UInt8 {
        let now = guestTime(hostTime).seconds
        var flags = RTC_C()
        flags.updateEnded = now != secondOfLastFlags
        flags.interruptRequest = flags.updateEnded && b.updateEndedInterruptEnable
        secondOfLastFlags = now
        return flags.rawValue
    }
}
