internal import Synchronization
package import VMMCore

/// A PC's interval timer: an 8254 at ports 0x40 to 0x43, whose counter 0 is IRQ 0, and the system control port 0x61 with counter 2's
/// GATE and OUT. There is no speaker.
///
/// Counter 0's interrupts come by deadline, at most one in 100 µs; counts and OUT as a program reads them are exact.
///
/// Threading: any thread; line and scheduler are called without a lock held. Errors: none that a guest can cause.
/// Source: 8254.
package final class I8254Timer: Sendable {
    private let clock: any Clock
    private let line: any InterruptLine
    private let scheduler: any DeadlineScheduler
    /// The counters' times count from here: sums of them stay small.
    private let origin: Nanoseconds
    private let state = Mutex(I8254State())

    /// - Parameters:
    ///   - line: IRQ 0, edge-triggered.
    ///   - scheduler: the clock's own; its owner makes it call `deadlinePassed()`.
    package init(clock: any Clock, interrupt line: any InterruptLine, scheduler: any DeadlineScheduler) {
        self.clock = clock
        self.line = line
        self.scheduler = scheduler
        origin = clock.now
    }

    /// Ports 0x40 to 0x43. Keeps the timer alive, as the other does.
    package var counterPorts: any PortDevice { I8254Ports(of: self) }
    /// Port 0x61.
    package var systemControlPort: any PortDevice { I8254SystemControl(of: self) }

    /// Call it when the deadline has come. Too early or too often does no harm.
    package func deadlinePassed() { step { state, now in state.deadlinePassed(at: now) } }

    /// Takes a step at the present time, counted from the timer's origin.
    fileprivate func step<Result: Sendable>(_ change: (inout I8254State, Nanoseconds) -> Result) -> Result {
        let now = clock.now - origin
        let (result, level, deadline) = state.withLock { state in
            let result = change(&state, now)
            state.update(at: now)
            return (result, state.output.beginDelivery(), state.deadline.beginDelivery())
        }
        line.deliver(level) { state.withLock { $0.output.continueDelivery() } }
        var next = deadline
        while let change = next {
            switch change {
            case .schedule(let deadline): scheduler.schedule(at: deadline + origin)
            case .cancel: scheduler.cancel()
            }
            next = state.withLock { $0.deadline.continueDelivery() }
        }
        return result
    }
}

private final class I8254Ports: ByteRegisterPortDevice {
    private let timer: I8254Timer

    init(of timer: I8254Timer) { self.timer = timer }

    var portCount: UInt16 { 4 }

    /// The control word register cannot be read.
    func readByte(at offset: UInt16) -> UInt8 {
        guard offset < 3 else { return 0xFF }
        return timer.step { state, now in state.readCounter(Int(offset), at: now) }
    }

    func writeByte(_ value: UInt8, at offset: UInt16) {
        timer.step { state, now in
            if offset < 3 {
                state.writeCounter(Int(offset), value, at: now)
            } else {
                state.writeControl(value, at: now)
            }
        }
    }
}

private final class I8254SystemControl: ByteRegisterPortDevice {
    private let timer: I8254Timer

    init(of timer: I8254Timer) { self.timer = timer }

    var portCount: UInt16 { 1 }
    func readByte(at offset: UInt16) -> UInt8 { timer.step { state, now in state.readSystemControl(at: now) } }
    func writeByte(_ value: UInt8, at offset: UInt16) {
        timer.step { state, now in state.writeSystemControl(value, at: now) }
    }
}
