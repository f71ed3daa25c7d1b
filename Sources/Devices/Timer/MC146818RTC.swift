internal import Synchronization
package import VMMCore

/// The PC's real-time clock and CMOS RAM: an MC146818 at two ports, the index (0x70) and the data (0x71), and IRQ 8.
///
/// The time is the host's wall clock in UTC until the guest sets it; from then on the difference is kept, for the life of
/// the machine. Time registers follow register B (BCD or binary, 12 or 24 hours); the century is at 0x32. The registers
/// start as PC firmware leaves them: A 0x26, B 0x02. The day of the week follows the date.
/// Alarm, update-ended and periodic interrupts come by deadline; while the time is held there is none. The square wave has no pin.
///
/// Threading: any thread; line and scheduler are called without a lock held. Errors: a time that is none (month 13, BCD digit 10) is
/// not taken when SET is cleared; the clock goes on from where it was held. An alarm that is none never comes.
/// Source: Motorola MC146818A data sheet.
package final class MC146818RTC: ByteRegisterPortDevice {
    private let clock: any Clock
    private let line: any InterruptLine
    private let scheduler: any DeadlineScheduler
    private let state: Mutex<MC146818State>

    /// - Parameters:
    ///   - line: IRQ 8: high for as long as register C has IRQF.
    ///   - scheduler: the clock's own; its owner makes it call `deadlinePassed()`.
    package init(clock: any Clock, interrupt line: any InterruptLine, scheduler: any DeadlineScheduler) {
        self.clock = clock
        self.line = line
        self.scheduler = scheduler
        state = Mutex(MC146818State(hostTime: clock.realTime))
    }

    package var portCount: UInt16 { 2 }

    /// The index port cannot be read back, as on a PC.
    package func readByte(at offset: UInt16) -> UInt8 {
        guard offset == 1 else { return 0xFF }
        return step { state, moment in
            state.update(moment)
            return state.readData(hostTime: moment.realTime)
        }
    }

    package func writeByte(_ value: UInt8, at offset: UInt16) {
        step { state, moment in
            // What was due before the write is not undone by it.
            state.update(moment)
            switch offset {
            case 0: state.writeIndex(value)
            case 1: state.writeData(value, hostTime: moment.realTime)
            default: break
            }
        }
    }

    /// Call it when the deadline has come. Too early or too often does no harm.
    package func deadlinePassed() { step { state, _ in state.deadlinePassed() } }

    /// The guest masked NMI with bit 7 of the index port.
    package var masksNMI: Bool { state.withLock { $0.index[bit: 7] } }

    private func step<Result: Sendable>(
        _ change: (inout MC146818State, MC146818State.Moment) -> Result
    ) -> Result {
        let moment = MC146818State.Moment(now: clock.now, realTime: clock.realTime)
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
