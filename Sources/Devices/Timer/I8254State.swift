internal import VMMCore

/// A PC's 8254 with what is around it: counter 0 is IRQ 0, counter 1 once refreshed memory, counter 2 the speaker, with port 0x61.
struct I8254State {
    /// In Hz. Source: IBM PC/AT Technical Reference: 14.31818 MHz divided by 12.
    static let frequency: UInt64 = 1_193_182
    /// Between two interrupts by deadline. A guest that counts to 2 would else keep the host's event loop busy.
    static let shortestPeriod = Nanoseconds.microseconds(100)

    /// GATE of counters 0 and 1 is wired high.
    private var counters: InlineArray<3, I8254Counter> = [
        I8254Counter(gate: true), I8254Counter(gate: true), I8254Counter(gate: false),
    ]
    private var control = SystemControlPort(rawValue: 0)
    /// What rose up to here has been told.
    private var settled: Int64 = 0
    private var lastInterrupt = Nanoseconds.zero
    /// IRQ 0.
    var output = InterruptOutput()
    var deadline = DeadlineOutput()

    /// The clock before or at a time. A frequency below 1 GHz keeps both factors' product's upper half below the divisor.
    static func ticks(_ time: Nanoseconds) -> Int64 {
        let product = time.rawValue.multipliedFullWidth(by: frequency)
        return Int64(truncatingIfNeeded: UInt64(1_000_000_000).dividingFullWidth(product).quotient)
    }

    /// The first time at which a clock has come.
    static func time(_ ticks: Int64) -> Nanoseconds {
        let product = UInt64(max(0, ticks)).multipliedFullWidth(by: 1_000_000_000)
        guard product.high < frequency else { return Nanoseconds(.max) }
        let (quotient, rest) = frequency.dividingFullWidth(product)
        return Nanoseconds(quotient) + Nanoseconds(rest == 0 ? 0 : 1)
    }

    // MARK: Registers

    mutating func readCounter(_ index: Int, at now: Nanoseconds) -> UInt8 {
        let time = begin(now)
        return counters[index].read(at: time)
    }

    mutating func writeCounter(_ index: Int, _ value: UInt8, at now: Nanoseconds) {
        let time = begin(now)
        counters[index].write(value, at: time)
    }

    mutating func writeControl(_ value: UInt8, at now: Nanoseconds) {
        let time = begin(now)
        switch I8254Control(value) {
        case .program(let counter, let format): counters[counter].program(format)
        case .latch(let counter): counters[counter].latchCount(at: time)
        case .readBack(let selected, let latchesCount, let latchesStatus):
            for counter in 0..<3 where selected[bit: counter] {
                if latchesStatus { counters[counter].latchStatus(at: time) }
                if latchesCount { counters[counter].latchCount(at: time) }
            }
        }
    }

    /// Port 0x61.
    mutating func readSystemControl(at now: Nanoseconds) -> UInt8 {
        let time = begin(now)
        var value = control
        // Memory refresh every 15 µs: 18 clocks, as PC firmware has programmed counter 1.
        value.refreshToggle = time / 18 % 2 == 1
        value.timer2Output = counters[2].out(at: time)
        return value.rawValue
    }

    mutating func writeSystemControl(_ value: UInt8, at now: Nanoseconds) {
        let time = begin(now)
        control.rawValue = value & SystemControlPort.writable
        counters[2].setGate(control.timer2Gate, at: time)
    }

    // MARK: Time

    /// Settles what happened until now, and gives the present clock.
    private mutating func begin(_ now: Nanoseconds) -> Int64 {
        update(at: now)
        return settled
    }

    /// Brings IRQ 0 and the deadline to what `now` makes of counter 0. A rise that has passed is told once, however many there were: an
    /// edge-triggered input keeps one. OUT's falls are told when somebody looks, or with the next rise.
    mutating func update(at now: Nanoseconds) {
        let time = max(settled, Self.ticks(now))
        var hasRisen = false
        if let rise = counters[0].nextRise(after: settled), rise <= time { hasRisen = true }
        for index in 0..<3 { counters[index].settle(at: time) }
        settled = time
        if hasRisen {
            output.want(false)
            output.want(true)
            lastInterrupt = now
        } else {
            output.want(counters[0].out(at: time))
        }
        guard let rise = counters[0].nextRise(after: time) else { return deadline.want(nil) }
        deadline.want(max(Self.time(rise), lastInterrupt + Self.shortestPeriod))
    }

    mutating func deadlinePassed(at now: Nanoseconds) {
        deadline.passed()
        update(at: now)
    }
}

/// Port 0x61. Source: IBM PC/AT Technical Reference, "System Board: Port B"; Intel 82801, "NMI_SC".
struct SystemControlPort: RawRepresentable {
    var rawValue: UInt8
    /// Bits 3:2 mask NMI's causes, of which there is none.
    static let writable: UInt8 = 0x0F
    /// Bit 0: GATE of counter 2.
    var timer2Gate: Bool { rawValue[bit: 0] }
    /// Bit 4: toggles with each refresh of memory.
    var refreshToggle: Bool {
        get { rawValue[bit: 4] }
        set { rawValue[bit: 4] = newValue }
    }
    /// Bit 5: OUT of counter 2.
    var timer2Output: Bool {
        get { rawValue[bit: 5] }
        set { rawValue[bit: 5] = newValue }
    }
}
