internal import Synchronization
package import VMMCore

/// A virtio file system device: a tag, and queues whose FUSE requests a program of the host's serves.
///
/// Without the notification queue and the DAX window (§5.11.6.3, §5.11.6.4): a driver asks for neither unless it is offered.
///
/// Threading: any thread; server and driver are called without a lock held. Errors: a server that cannot start, or ends, leaves the
/// driver with DEVICE_NEEDS_RESET.
/// Source: virtio 1.2 §5.11.
package final class VirtioFileSystem: FixedConfigurationDevice, EventVirtioDevice, StatisticsSource {
    private struct State {
        var activation: VirtioActivation?
        var notifications: UInt64 = 0
        var interrupts: UInt64 = 0
        var bound: [QueueEvents.Side: UInt64] = [:]
    }

    /// Bytes of a tag: one of fewer ends with zeros. Source: virtio 1.2 §5.11.4.
    package static let tagSize = 36
    private static let queueSize: UInt16 = 256
    /// Queue 0 is for requests that others must not hold up (§5.11.2); one more for the rest.
    private static let requestQueues: UInt16 = 1

    private let server: any QueueServer
    private let memory: GuestMemory
    package let configuration: [UInt8]
    private let state = Mutex(State())

    /// - Parameters:
    ///   - server: what serves the queues. It is this device's from here to `disconnect`.
    ///   - tag: what the guest mounts it by, at most `tagSize` bytes of UTF-8.
    ///   - memory: where the queues and their buffers are; programs can share it.
    package init(_ server: any QueueServer, tag: String, memory: GuestMemory) {
        self.server = server
        self.memory = memory
        let name = Array(tag.utf8.prefix(Self.tagSize))
        let count = [UInt8(Self.requestQueues), 0, 0, 0]
        configuration = name + [UInt8](repeating: 0, count: Self.tagSize - name.count) + count
        server.setHandler { [weak self] event in self?.handle(event) }
    }

    package var identity: VirtioIdentity {
        // Rings are the server's: what it does not know is not offered. A queue is not reset alone (§2.6.1): the server has no such request.
        let ours = VirtioFeatures.common.union(.packedRing)
        let served = VirtioFeatures(rawValue: server.features).union(.version1).subtracting(.ringReset)
        return VirtioIdentity(
            deviceType: 26, features: 0,
            queueSizes: [UInt16](repeating: Self.queueSize, count: 1 + Int(Self.requestQueues)),
            withheld: ours.subtracting(served))
    }

    package func activate(_ activation: VirtioActivation) {
        state.withLock { $0.activation = activation }
        let queues = activation.queues.compactMap(\.served)
        guard server.start(queues, features: activation.features, memory: memory) else {
            return activation.driver.giveUp()
        }
        // What the driver made available before it said so.
        for queue in queues { server.notify(queue: queue.index) }
    }

    package func notify(queue index: Int) {
        let isActive = state.withLock { state in
            state.notifications &+= 1
            return state.activation != nil
        }
        if isActive { server.notify(queue: UInt16(truncatingIfNeeded: index)) }
    }

    private func handle(_ event: QueueServerEvent) {
        guard let activation = state.withLock({ $0.activation }) else { return }
        switch event {
        case .interrupt(let index):
            guard Int(index) < activation.queues.count else { return }
            state.withLock { $0.interrupts &+= 1 }
            activation.driver.interruptForServer(activation.queues[Int(index)])
        case .ended: activation.driver.giveUp()
        }
    }

    package func reset() {
        guard state.withLock({ $0.activation.take() }) != nil else { return }
        server.stop()
    }

    /// The machine ends: the server is free for another one.
    package func disconnect() {
        reset()
        server.setHandler(nil)
    }

    package func events(ofQueue index: Int) -> QueueEvents? {
        guard let server = server as? any EventQueueServer, let queue = UInt16(exactly: index),
            let events = server.events(ofQueue: queue)
        else { return nil }
        return QueueEvents(doorbell: events.doorbell, interrupt: events.interrupt) { [weak self] side, isBound in
            events.noteBinding(side, isBound)
            if isBound { self?.state.withLock { $0.bound[side, default: 0] &+= 1 } }
        }
    }

    package var kind: String { "virtio-fs" }

    /// Notifications and interrupts that came this way: while an eventfd is bound, there are none. How often they were says the rest.
    package var counters: [DeviceCounter] {
        state.withLock {
            [
                DeviceCounter("notifications", $0.notifications), DeviceCounter("interrupts", $0.interrupts),
                DeviceCounter("doorbells bound", $0.bound[.doorbell, default: 0]),
                DeviceCounter("interrupts bound", $0.bound[.interrupt, default: 0]),
            ]
        }
    }
}
