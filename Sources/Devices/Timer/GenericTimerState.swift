internal import VMMCore

/// A count of the system counter, or of a view of it. Wraps at 2^64.
struct CounterTicks: RawRepresentable, Hashable {
    var rawValue: UInt64
    init(rawValue: UInt64) { self.rawValue = rawValue }
    init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// One timer of a CPU, against the count of its view of the counter.
struct ComparatorState {
    var ctl = CNT_CTL()
    var cval: UInt64 = 0

    /// Counter and compare value are unsigned. Source: Arm ARM, "Operation of the CompareValue views of the timers".
    func isMet(at count: CounterTicks) -> Bool { count.rawValue >= cval }

    func readCTL(at count: CounterTicks) -> UInt64 {
        var value = ctl
        value.istatus = ctl.enable && isMet(at: count)
        return value.rawValue
    }

    /// The low 32 bits of what is left until the compare value.
    func readTVAL(at count: CounterTicks) -> UInt64 { (cval &- count.rawValue) & 0xFFFF_FFFF }

    /// The compare value becomes the count plus the low 32 bits, signed.
    mutating func writeTVAL(_ value: UInt64, at count: CounterTicks) {
        cval = count.rawValue &+ UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value)))
    }

    /// The level of the timer's interrupt.
    func level(at count: CounterTicks) -> Bool { ctl.enable && !ctl.imask && isMet(at: count) }

    /// How many ticks after `count` the interrupt's level will change: it rises at the compare value, and falls when the
    /// count wraps. Nil: not without another write.
    func ticksUntilChange(at count: CounterTicks) -> UInt64? {
        guard ctl.enable, !ctl.imask else { return nil }
        guard isMet(at: count) else { return cval &- count.rawValue }
        return cval == 0 ? nil : 0 &- count.rawValue
    }
}

/// The registers of one CPU's timers. Time comes in as ticks of the physical counter.
struct GenericTimerState {
    enum Output: Int, CaseIterable {
        case physical = 0
        case virtual = 1
    }

    private var frequency = GenericTimer.frequency
    private var kctl = CNTKCTL_EL1()
    private var physical = ComparatorState()
    private var virtual = ComparatorState()
    /// CNTVOFF_EL2: the virtual counter is this far behind the physical one.
    var virtualOffset: UInt64
    private var lines = InlineArray<2, OrderedInterruptOutput>(repeating: OrderedInterruptOutput())
    var deadline = DeadlineOutput()

    init(virtualOffset: UInt64) { self.virtualOffset = virtualOffset }

    private func virtualCount(_ count: CounterTicks) -> CounterTicks { CounterTicks(count.rawValue &- virtualOffset) }

    func read(_ register: GenericTimerRegister, at count: CounterTicks) -> UInt64 {
        switch register {
        case .CNTFRQ_EL0: frequency
        case .CNTPCT_EL0: count.rawValue
        case .CNTVCT_EL0: virtualCount(count).rawValue
        case .CNTKCTL_EL1: kctl.rawValue
        case .CNTP_TVAL_EL0: physical.readTVAL(at: count)
        case .CNTP_CTL_EL0: physical.readCTL(at: count)
        case .CNTP_CVAL_EL0: physical.cval
        case .CNTV_TVAL_EL0: virtual.readTVAL(at: virtualCount(count))
        case .CNTV_CTL_EL0: virtual.readCTL(at: virtualCount(count))
        case .CNTV_CVAL_EL0: virtual.cval
        }
    }

    /// A register that cannot be written stays as it is.
    mutating func write(_ value: UInt64, to register: GenericTimerRegister, at count: CounterTicks) {
        switch register {
        // EL1 is the highest level there is. The value tells the next reader and changes no frequency.
        case .CNTFRQ_EL0: frequency = value & 0xFFFF_FFFF
        case .CNTPCT_EL0, .CNTVCT_EL0: break
        case .CNTKCTL_EL1: kctl.rawValue = value & CNTKCTL_EL1.writable
        case .CNTP_TVAL_EL0: physical.writeTVAL(value, at: count)
        case .CNTP_CTL_EL0: physical.ctl.rawValue = value & CNT_CTL.writable
        case .CNTP_CVAL_EL0: physical.cval = value
        case .CNTV_TVAL_EL0: virtual.writeTVAL(value, at: virtualCount(count))
        case .CNTV_CTL_EL0: virtual.ctl.rawValue = value & CNT_CTL.writable
        case .CNTV_CVAL_EL0: virtual.cval = value
        }
    }

    func allowsEL0(_ register: GenericTimerRegister) -> Bool {
        switch register {
        case .CNTFRQ_EL0: kctl.el0pcten || kctl.el0vcten
        case .CNTPCT_EL0: kctl.el0pcten
        case .CNTVCT_EL0: kctl.el0vcten
        case .CNTKCTL_EL1: false
        case .CNTP_TVAL_EL0, .CNTP_CTL_EL0, .CNTP_CVAL_EL0: kctl.el0pten
        case .CNTV_TVAL_EL0, .CNTV_CTL_EL0, .CNTV_CVAL_EL0: kctl.el0vten
        }
    }

    /// What an update did to the lines.
    struct LineChanges {
        var physical: OrderedInterruptOutput.Change?
        var virtual: OrderedInterruptOutput.Change?
    }

    /// Brings lines and deadline to what `count` makes of the timers. `time` gives the time of a count, nil: never.
    mutating func update(at count: CounterTicks, time: (CounterTicks) -> Nanoseconds?) -> LineChanges {
        let changes = LineChanges(
            physical: lines[Output.physical.rawValue].want(physical.level(at: count)),
            virtual: lines[Output.virtual.rawValue].want(virtual.level(at: virtualCount(count))))
        let ticks =
            [
                physical.ticksUntilChange(at: count), virtual.ticksUntilChange(at: virtualCount(count)),
            ] as InlineArray<2, UInt64?>
        let first = min(ticks[0] ?? .max, ticks[1] ?? .max)
        let (target, overflow) = count.rawValue.addingReportingOverflow(first)
        deadline.want(overflow ? nil : time(CounterTicks(target)))
        return changes
    }
}
