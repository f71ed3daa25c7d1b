internal import Synchronization
package import VMMCore

/// The Arm generic timer of one CPU, by trap and emulate: the counter, and EL1's physical and virtual timers.
///
/// The counter runs at 62.5 MHz, as QEMU's: a tick is 16 ns of the clock. An interrupt is asserted by deadline: the
/// scheduler is told when the next one is due, and nothing is polled. `CNTKCTL_EL1`'s event stream is not generated.
///
/// Threading: registers on the CPU's thread, `deadlinePassed()` on any; lines and scheduler are called without a lock held.
/// Errors: none that a guest can cause.
/// Source: Arm ARM, chapter D12.
package final class GenericTimer: Sendable {
    /// 62.5 MHz.
    package static let frequency: UInt64 = 62_500_000
    package static let nanosecondsPerTick: UInt64 = 16

    private let clock: any Clock
    private let start: Nanoseconds
    private let physical: any OrderedInterruptLine
    private let virtual: any OrderedInterruptLine
    private let scheduler: any DeadlineScheduler
    private let state: Mutex<GenericTimerState>

    /// - Parameters:
    ///   - start: when the counter was zero, by `clock`; the same for all CPUs of a machine.
    ///   - virtualOffset: CNTVOFF_EL2, in ticks; the same for all CPUs.
    ///   - physical: the wire of CNTP, PPI 14 (INTID 30) on `virt`, level-sensitive.
    ///   - virtual: the wire of CNTV, PPI 11 (INTID 27) on `virt`, level-sensitive.
    ///   - scheduler: this timer's own; its owner makes it call `deadlinePassed()`.
    package init(
        clock: any Clock, start: Nanoseconds, virtualOffset: UInt64 = 0, physical: any OrderedInterruptLine,
        virtual: any OrderedInterruptLine, scheduler: any DeadlineScheduler
    ) {
        self.clock = clock
        self.start = start
        self.physical = physical
        self.virtual = virtual
        self.scheduler = scheduler
        state = Mutex(GenericTimerState(virtualOffset: virtualOffset))
    }

    /// MRS. Who reads ISTATUS as one finds the interrupt asserted: the deadline's own thread may not have come to it yet.
    package func read(_ register: GenericTimerRegister) -> UInt64 {
        let count = count
        let value = state.withLock { $0.read(register, at: count) }
        if register.isControl && CNT_CTL(rawValue: value).istatus { step { _, _ in } }
        return value
    }

    /// MSR. A register that cannot be written stays as it is.
    package func write(_ value: UInt64, to register: GenericTimerRegister) {
        step { $0.write(value, to: register, at: $1) }
    }

    /// CNTKCTL_EL1 lets EL0 access the register; else the access is trapped to EL1.
    package func allowsEL0(_ register: GenericTimerRegister) -> Bool { state.withLock { $0.allowsEL0(register) } }

    /// CNTVOFF_EL2, in ticks. Change it on all CPUs, while none runs.
    package var virtualOffset: UInt64 {
        get { state.withLock { $0.virtualOffset } }
        set { step { state, _ in state.virtualOffset = newValue } }
    }

    /// When a line is due to change next, by the clock; nil: not without a write to a register.
    package var nextDeadline: Nanoseconds? { state.withLock { $0.deadline.deadline } }

    /// Call it when the deadline has come. Too early or too often does no harm.
    package func deadlinePassed() {
        step { state, _ in state.deadline.passed() }
    }

    // MARK: Time

    private var count: CounterTicks { CounterTicks((clock.now - start).rawValue / Self.nanosecondsPerTick) }

    /// The first time at which the counter has `count`; nil when that cannot be told in nanoseconds.
    private static func time(of count: CounterTicks, start: Nanoseconds) -> Nanoseconds? {
        let (duration, overflow) = count.rawValue.multipliedReportingOverflow(by: nanosecondsPerTick)
        guard !overflow else { return nil }
        let (time, isTooLate) = start.rawValue.addingReportingOverflow(duration)
        return isTooLate ? nil : Nanoseconds(time)
    }

    // MARK: Effects

    private func step(_ change: (inout GenericTimerState, CounterTicks) -> Void) {
        let count = count
        let (lines, deadline) = state.withLock { state in
            change(&state, count)
            let lines = state.update(at: count) { Self.time(of: $0, start: start) }
            return (lines, state.deadline.beginDelivery())
        }
        if let change = lines.physical { physical.setLevel(change.level, order: change.order) }
        if let change = lines.virtual { virtual.setLevel(change.level, order: change.order) }
        var next = deadline
        while let change = next {
            scheduler.apply(change)
            next = state.withLock { $0.deadline.continueDelivery() }
        }
    }
}
