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
        link.interrupt(epoch: epoch, queue: queue.index)
    }

    /// Sends a used buffer notification for `queue`: whoever serves the queue in the device's place has found that the driver wants one.
    package func interruptForServer(_ queue: VirtioQueue) { link.interrupt(epoch: epoch, queue: queue.index) }

    /// Changes the configuration space by `apply`, so that the driver sees either all of it or that it must read again, and
    /// notifies it. `apply` sets the device's state, and nothing else.
    package func changeConfiguration(_ apply: () -> Void) { link.changeConfiguration(epoch: epoch, apply) }

    /// Tells that the driver broke a rule with `queue`: DEVICE_NEEDS_RESET, and a configuration change notification.
    package func refuse(_ queue: VirtioQueue, _ fault: QueueFault) {
        link.fail(epoch: epoch, queue: queue.index, fault)
    }

    /// Tells that the device cannot go on, for a reason of the host's that was reported: DEVICE_NEEDS_RESET, and a configuration change
    /// notification.
    package func giveUp() { link.giveUp(epoch: epoch) }
}

/// The interrupts of a transport that has one for each event besides the line for all: MSI-X.
///
/// Threading: any thread, without a lock held.
protocol InterruptVectors: AnyObject, Sendable {
    /// The driver uses them, and not the line.
    var isEnabled: Bool { get }
    /// One that is not there is nothing.
    func raise(_ vector: UInt16)
}

/// The part of a transport that devices reach: it does not know the device, so that neither keeps the other alive.
final class DriverLink: Sendable {
    let state: Mutex<TransportState>
    /// Held around accesses to the device's configuration space.
    let configuration = Mutex(())
    private let line: any InterruptLine
    /// Nil: there is the line only.
    private let vectors: (any InterruptVectors)?
    private let faults: GuestFaultLog
    private let name: String

    init(
        _ identity: VirtioIdentity, rings: VirtioRings, name: String, line: any InterruptLine,
        vectors: (any InterruptVectors)?, faults: GuestFaultLog
    ) {
        state = Mutex(TransportState(identity, rings: rings))
        self.name = name
        self.line = line
        self.vectors = vectors
        self.faults = faults
    }

    func interrupt(epoch: UInt32, queue: UInt16) {
        guard let vectors, vectors.isEnabled else {
            return drive(state.withLock { $0.raise(TransportState.usedBufferCause, epoch: epoch) })
        }
        if let vector = state.withLock({ $0.vector(ofQueue: queue, epoch: epoch) }) { vectors.raise(vector) }
    }

    func changeConfiguration(epoch: UInt32, _ apply: () -> Void) {
        let (level, vector) = configuration.withLock { _ in
            apply()
            return state.withLock { state in
                state.nextGeneration()
                return (
                    state.raise(TransportState.configurationCause, epoch: epoch),
                    state.configurationVector(epoch: epoch)
                )
            }
        }
        notify(level, vector)
    }

    func fail(epoch: UInt32, queue: UInt16, _ fault: QueueFault) {
        report("queue \(queue): \(fault), against virtio 1.2 \(fault.clause)")
        giveUp(epoch: epoch)
    }

    func giveUp(epoch: UInt32) {
        let (level, vector) = state.withLock { ($0.fail(epoch: epoch), $0.configurationVector(epoch: epoch)) }
        notify(level, vector)
    }

    /// Tells of a configuration change: its cause is set already (§4.1.4.5.1), the line's level or the vector comes after it.
    private func notify(_ level: Bool?, _ vector: UInt16?) {
        drive(level)
        if let vector, let vectors { vectors.raise(vector) }
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
