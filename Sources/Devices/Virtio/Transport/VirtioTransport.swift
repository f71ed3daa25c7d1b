internal import Synchronization
internal import VMMCore

/// What virtio-mmio and virtio-pci have in common: the device, its queues and what a driver does to them. The transports
/// decode their registers into these operations.
///
/// Threading: any thread. Status writes and starts and stops of queues are one at a time: their lock is held while the
/// device is called, which must not write its own registers.
final class VirtioTransport: Sendable {
    let link: DriverLink
    let device: any VirtioDevice
    let identity: VirtioIdentity
    private let queues: [VirtioQueue]
    /// Held while effects of the driver's life cycle are performed, in their order.
    private let lifecycle = Mutex(())

    init(
        _ device: any VirtioDevice, rings: VirtioRings, name: String, memory: GuestMemory,
        line: any InterruptLine, vectors: (any InterruptVectors)? = nil, faults: GuestFaultLog
    ) {
        self.device = device
        identity = device.identity
        link = DriverLink(identity, rings: rings, name: name, line: line, vectors: vectors, faults: faults)
        queues = identity.queueSizes.enumerated().map { index, size in
            VirtioQueue(index: UInt16(truncatingIfNeeded: index), maximumSize: size, memory: memory)
        }
    }

    /// A step that can start or stop something.
    func change(_ step: (inout TransportState) -> TransportState.Effect) {
        lifecycle.withLock { _ in
            let (effect, level) = link.state.withLock { state in
                let effect = step(&state)
                return (effect, state.beginDelivery())
            }
            link.drive(level)
            perform(effect)
        }
    }

    private func perform(_ effect: TransportState.Effect) {
        switch effect {
        case .none: break
        case .reset:
            for queue in queues { queue.stop() }
            device.reset()
        case .activate: activate()
        case .startQueue(let index):
            let (state, epoch) = link.state.withLock { ($0, $0.epoch) }
            if start(index, state, epoch) { device.notify(queue: index) }
        case .stopQueue(let index):
            queues[index].stop()
            // So that it gives back what it holds of the queue.
            device.notify(queue: index)
        case .refuse(let refusal): link.report("\(refusal)")
        }
    }

    private func activate() {
        let (state, epoch) = link.state.withLock { ($0, $0.epoch) }
        for index in state.queues.indices where state.queues[index].isReady {
            guard start(index, state, epoch) else {
                for queue in queues { queue.stop() }
                return
            }
        }
        device.activate(
            VirtioActivation(
                features: state.accepted, queues: queues, driver: VirtioDriver(link: link, epoch: epoch)))
    }

    private func start(_ index: Int, _ state: TransportState, _ epoch: UInt32) -> Bool {
        do throws(QueueFault) {
            try queues[index].start(state.queues[index].layout, features: VirtioFeatures(rawValue: state.accepted))
            return true
        } catch {
            link.fail(epoch: epoch, queue: queues[index].index, error)
            return false
        }
    }

    /// The driver's notification for queue `index`.
    func notify(_ index: UInt32) {
        guard link.state.withLock({ $0.takesNotification(index) }) else {
            link.report("notification of queue \(index), which does not run")
            return
        }
        device.notify(queue: Int(index))
    }

    /// The working queues whose ends are eventfds.
    func queueEvents() -> [(index: Int, vector: UInt16?, events: QueueEvents)] {
        guard let device = device as? any EventVirtioDevice else { return [] }
        return link.state.withLock { $0.workingQueues }.compactMap { index, vector in
            device.events(ofQueue: index).map { (index, vector, $0) }
        }
    }

    /// The device is not done yet with the selected queue as it was before its reset.
    func selectedQueueIsDraining() -> Bool {
        guard let index = link.state.withLock({ $0.selectedQueue }) else { return false }
        return queues[index].isDraining
    }

    // MARK: The configuration space

    func readConfiguration(at offset: UInt32, width: AccessWidth) -> UInt32 {
        link.configuration.withLock { _ in
            link.state.withLock { $0.noteConfigurationRead() }
            return device.readConfiguration(at: offset, width: width)
        }
    }

    func writeConfiguration(_ value: UInt32, at offset: UInt32, width: AccessWidth) {
        let effect = link.configuration.withLock { _ in
            device.writeConfiguration(value, at: offset, width: width)
        }
        switch effect {
        case .none: break
        case .emit(let character, let channel): channel.write(character)
        }
    }

    var configurationGeneration: UInt32 {
        link.configuration.withLock { _ in
            link.state.withLock { state in
                state.noteConfigurationRead()
                return state.generation
            }
        }
    }
}
