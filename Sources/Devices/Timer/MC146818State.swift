internal import VMMCore

/// The state of an MC146818: its RAM, its control registers, and how its time runs against the host's.
struct MC146818State {
    /// Both clocks at one moment: the wall clock that the guest reads, the monotonic one that deadlines count in.
    struct Moment {
        var now: Nanoseconds
        var realTime: Nanoseconds
    }

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
    private var c = RTC_C()
    /// The guest's time up to which register C has been brought.
    private var settled: Instant
    /// What the deadline was computed for, by the host's wall clock.
    private var deadlineIsFor: Int64?
    var output = InterruptOutput()
    var deadline = DeadlineOutput()

    init(hostTime: Nanoseconds) { settled = Self.instant(hostTime) }

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
            defer { c.rawValue = 0 }
            return c.rawValue
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
        // Being set is no update.
        settled = instant
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

    // MARK: - Interrupts

    private var isHeld: Bool {
        if case .held = counting { true } else { false }
    }

    /// Brings register C, line and deadline to what the moment makes of them. Call it before and after each step.
    mutating func update(_ moment: Moment) {
        settle(guestTime(moment.realTime))
        c.interruptRequest = c.rawValue & b.enabledInterrupts != 0
        output.want(c.interruptRequest)
        // A flag that is set already brings no new interrupt before it has been read.
        let awaited = b.enabledInterrupts & ~c.rawValue
        guard !c.interruptRequest, let wait = timeUntil(awaited) else {
            deadlineIsFor = nil
            deadline.want(nil)
            return
        }
        // A step of the host's wall clock since is noticed at the deadline, or at the next access.
        let target = Int64(clamping: moment.realTime.rawValue).addingReportingOverflow(wait).partialValue
        guard deadline.deadline == nil || deadlineIsFor != target else { return }
        deadlineIsFor = target
        deadline.want(moment.now + Nanoseconds(UInt64(max(0, wait))))
    }

    /// The deadline has come. If it came too early, the next update makes another one.
    mutating func deadlinePassed() {
        deadline.passed()
        deadline.want(nil)
        deadlineIsFor = nil
    }

    /// Sets the flags of what happened since the last time.
    private mutating func settle(_ time: Instant) {
        let last = settled
        settled = time
        if !a.dividerIsReset, let rate = a.rate, Self.periods(last, rate) != Self.periods(time, rate) {
            c.periodic = true
        }
        guard !isHeld, time.seconds != last.seconds else { return }
        c.updateEnded = true
        if let alarm = nextAlarm(after: last.seconds), alarm <= time.seconds { c.alarm = true }
    }

    /// Nanoseconds from the settled time to the first of these flags; nil: none will come.
    private func timeUntil(_ flags: UInt8) -> Int64? {
        let wanted = RTC_C(rawValue: flags)
        var first: Int64?
        func consider(_ wait: Int64) { first = min(first ?? .max, wait) }
        if wanted.periodic, !a.dividerIsReset, let rate = a.rate {
            let inSecond = settled.nanoseconds * rate / Self.second + 1
            consider((inSecond * Self.second + rate - 1) / rate - settled.nanoseconds)
        }
        guard !isHeld else { return first }
        if wanted.updateEnded { consider(Self.second - settled.nanoseconds) }
        if wanted.alarm, let alarm = nextAlarm(after: settled.seconds) {
            consider((alarm - settled.seconds) * Self.second - settled.nanoseconds)
        }
        return first
    }

    /// How many periods have ended.
    private static func periods(_ time: Instant, _ rate: Int64) -> Int64 {
        time.seconds &* rate &+ time.nanoseconds * rate / second
    }

    /// The first second after `second` with the alarm's time, at most a day later; nil: it is no time.
    ///
    /// Source: MC146818A, "Alarm Bytes": one whose two upper bits are set is for every hour, minute or second.
    private func nextAlarm(after second: Int64) -> Int64? {
        let bytes = [ram[0x05], ram[0x03], ram[0x01]] as InlineArray<3, UInt8>
        /// Nil: any.
        var wanted = InlineArray<3, Int?>(repeating: nil)
        for index in 0..<3 where bytes[index] < 0xC0 {
            guard let value = index == 0 ? b.hour(bytes[index]) : b.number(bytes[index]),
                value < (index == 0 ? 24 : 60)
            else { return nil }
            wanted[index] = value
        }
        var time = second + 1
        // At most 24 hours, 60 minutes and 60 seconds are passed over, and what is left of the first ones.
        for _ in 0..<300 {
            let clock = CivilTime(secondsSinceEpoch: time)
            if wanted[0].map({ $0 != clock.hour }) ?? false {
                time += Int64(3600 - clock.minute * 60 - clock.second)
            } else if wanted[1].map({ $0 != clock.minute }) ?? false {
                time += Int64(60 - clock.second)
            } else if wanted[2].map({ $0 != clock.second }) ?? false {
                time += 1
            } else {
                return time
            }
        }
        return nil
    }
}
