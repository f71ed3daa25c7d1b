internal import Synchronization
package import VMMCore

/// A PrimeCell real-time clock (PL031): seconds since 1970, and an alarm. `virt` has it at 0x0901_0000, SPI 2.
///
/// It starts with the host's wall-clock time, runs from the start, and follows the host's steps; writing LR makes an
/// offset to it. The alarm is due when the time equals MR, by deadline; MR's reset value alone makes none.
///
/// Registers take accesses of 32 bits; others read as zero and are ignored.
///
/// Threading: any thread; line and scheduler are called without a lock held. Errors: none that a guest can cause.
/// Source: PL031 (Arm DDI 0224).
package final class PL031RTC: MMIODevice {
    private let clock: any Clock
    private let line: any InterruptLine
    private let scheduler: any DeadlineScheduler
    private let state = Mutex(PL031State())

    /// - Parameters:
    ///   - line: RTCINTR, level-sensitive.
    ///   - scheduler: the clock's own; its owner makes it call `deadlinePassed()`.
    package init(clock: any Clock, interrupt line: any InterruptLine, scheduler: any DeadlineScheduler) {
        self.clock = clock
        self.line = line
        self.scheduler = scheduler
    }

    package var windowSize: UInt64 { PL031Register.windowSize }

    package func read(at offset: UInt64, width: AccessWidth) -> UInt64 {
        guard width == .word, let register = PL031Register(offset: offset) else { return 0 }
        return UInt64(
            step { state, moment in
                // An alarm that is due shows in RIS, masked or not.
                state.update(moment)
                return state.read(register, moment)
            })
    }

    package func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        guard width == .word, let register = PL031Register(offset: offset) else { return }
        step { state, moment in
            // What was due before the write is not undone by it.
            state.update(moment)
            state.write(UInt32(truncatingIfNeeded: value), to: register, moment)
        }
    }

    /// Call it when the deadline has come. Too early or too often does no harm.
    package func deadlinePassed() {
        step { state, _ in state.deadlinePassed() }
    }

    private func step<Result: Sendable>(_ change: (inout PL031State, PL031State.Moment) -> Result) -> Result {
        let moment = PL031State.Moment(now: clock.now, realTime: clock.realTime)
        let (result, level, deadline) = state.withLock { state in
            let result = change(&state, moment)
            state.update(moment)
            return (result, state.output.beginDelivery(), state.deadline.beginDelivery())
        }
        line.deliver(level) { state.withLock { $0.output.continueDelivery() } }
        scheduler.deliver(deadline) { state.withLock { $0.deadline.continueDelivery() } }
        return result
    }
}
