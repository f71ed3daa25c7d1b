internal import Synchronization
internal import VMMCore

/// The driver as a device sees it from DRIVER_OK to the reset: who gets interrupts and is told of changes and faults. After
/// the reset it is nobody, and calls do nothing.
///
/// Threading: any thread; call it without a lock held.
package struct VirtioDriver: Sendable {
    let link: DriverLink
    let epoch: UInt32

    /// Sends a used buffer notification for `queue`, if the driver wants one now. Call it after the last of several
    /// completions.
    package func interrupt(_ queue: VirtioQueue) {
        guard queue.takeInterruptDecision() else { return }
        link.interrupt(epoch: epoch)
    }

    /// Changes the configuration space by `apply`, so that the driver sees either all of it or that it must read again, and
    /// notifies it. `apply` sets the device's state, and nothing else.
    package func changeConfiguration(_ apply: () -> Void) { link.changeConfiguration(epoch: epoch, apply) }

    /// Tells that the driver broke a rule with `queue`: DEVICE_NEEDS_RESET, and a configuration change notification.
    package func refuse(_ queue: VirtioQueue, _ fault: QueueFault) {
        link.fail(epoch: epoch, queue: queue.index, fault)
    }
}

/// The part of a transport that devices reach: it does not know the device, so that neither keeps the other alive.
final class DriverLink: Sendable {
    let state: Mutex<TransportState>
    /// Held around accesses to the device's configuration space.
    let configuration = Mutex(())
    private let line: any InterruptLine
    private let faults: GuestFaultLog
    private let name: String

    init(_ identity: VirtioIdentity, name: String, line: any InterruptLine, faults: GuestFaultLog) {
        state = Mutex(TransportState(identity))
        self.name = name
        self.line = line
        self.faults = faults
    }

    func interrupt(epoch: UInt32) {
        drive(state.withLock { $0.raise(TransportState.usedBufferCause, epoch: epoch) })
    }

    func changeConfiguration(epoch: UInt32, _ apply: () -> Void) {
        let level = configuration.withLock { _ in
            apply()
            return state.withLock { state in
                state.nextGeneration()
                return state.raise(TransportState.configurationCause, epoch: epoch)
            }
        }
        drive(level)
    }

    func fail(epoch: UInt32, queue: UInt16, _ fault: QueueFault) {
        report("queue \(queue): \(fault), against virtio 1.2 \(fault.clause)")
        drive(state.withLock { $0.fail(epoch: epoch) })
    }

    func report(_ text: @autoclosure () -> String) { faults.report("\(name): \(text())") }

    /// Tells the line of `level` and what has come since.
    func drive(_ level: Bool?) {
        var level = level
        while let next = level {
            line.setLevel(next)
            level = state.withLock { $0.continueDelivery() }
        }
    }
}
