internal import Synchronization
package import VMMCore

/// A virtio block device on a disk's storage.
///
/// Requests go to the storage as they come and complete in any order; each is checked first, so that the storage sees whole
/// sectors of the disk only. As many are under way as the queues have entries. Without VIRTIO_BLK_F_FLUSH agreed on, writes
/// are durable when they complete.
///
/// Threading: any thread; storage and driver are called without a lock held. `reset` waits for what the storage has begun.
/// Errors: what a request asks in vain gets a status (§5.2.6); a driver that breaks a rule of the queues, or sends a request
/// without room for header or status, gets DEVICE_NEEDS_RESET.
/// Source: virtio 1.2 §5.2.
package final class VirtioBlock: FixedConfigurationDevice, BlockClient, StatisticsSource {
    /// Entries of each queue. Linux's largest request has 254 pieces then.
    package static let queueSize: UInt16 = 256
    /// Most queues: beyond that the storage is what limits.
    package static let queueLimit = 8

    package let memory: GuestMemory
    private let storage: any BlockBackend
    private let properties: BlockProperties
    package let configuration: [UInt8]
    private let queues: [Queue]

    /// A queue's state with its locks.
    private final class Queue: Sendable {
        let state: Mutex<VirtioBlockQueue>
        /// Held by who has the claim, also while the storage is called: `reset` waits for it.
        let submission = Mutex(())

        init(_ properties: BlockProperties, serial: [UInt8]) {
            state = Mutex(VirtioBlockQueue(disk: properties, serial: serial, size: Int(VirtioBlock.queueSize)))
        }
    }

    /// - Parameters:
    ///   - serial: what VIRTIO_BLK_T_GET_ID gives: at most 20 bytes count.
    ///   - memory: what the device can reach.
    ///   - queueCount: one for each vCPU is best; at most `queueLimit` are made.
    package init(_ storage: any BlockBackend, serial: String, memory: GuestMemory, queueCount: Int) {
        self.storage = storage
        self.memory = memory
        properties = storage.properties
        let count = max(1, min(queueCount, Self.queueLimit))
        configuration = VirtioBlockConfiguration.bytes(
            properties, queueCount: UInt16(truncatingIfNeeded: count), queueSize: Self.queueSize)
        var bytes = Array(serial.utf8.prefix(BlockCommand.serialSize))
        while bytes.count < BlockCommand.serialSize { bytes.append(0) }
        let (properties, padded) = (properties, bytes)
        queues = (0..<count).map { _ in Queue(properties, serial: padded) }
    }

    package var identity: VirtioIdentity {
        VirtioIdentity(
            deviceType: 2, features: VirtioBlockConfiguration.features(properties),
            queueSizes: queues.map { _ in Self.queueSize })
    }

    package func activate(_ activation: VirtioActivation) {
        for (queue, virtqueue) in zip(queues, activation.queues) {
            queue.state.withLock { $0.activate(virtqueue, activation) }
        }
        for index in queues.indices { notify(queue: index) }
    }

    package func notify(queue index: Int) {
        guard queues.indices.contains(index) else { return }
        let queue = queues[index]
        guard queue.state.withLock({ $0.takeClaim() }) else { return }
        queue.submission.withLock { _ in serve(queue, index) }.tellDriver()
    }

    /// Gives the storage what there is, to the claim's end.
    private func serve(_ queue: Queue, _ index: Int) -> QueueClaim.End {
        var hasSubmitted = false
        while true {
            switch queue.state.withLock({ $0.next() }) {
            case .submit(var request):
                request.tag |= UInt64(index) << 32
                storage.submit(request, for: self)
                hasSubmitted = true
            case .ended(let end):
                if hasSubmitted { storage.commit() }
                return end
            }
        }
    }

    package func completed(_ request: consuming BlockRequest, _ result: BlockResult) {
        let index = Int(truncatingIfNeeded: request.tag >> 32)
        request.tag &= 0xFFFF_FFFF
        guard queues.indices.contains(index) else { return }
        let wanted = queues[index].state.withLock { $0.completed(&request, result) }
        if let (driver, virtqueue) = wanted { driver.interrupt(virtqueue) }
    }

    /// Waits for what the storage has begun.
    package func reset() {
        for queue in queues {
            queue.state.withLock { $0.reset() }
            // Who was about to submit has done so, and comes to its end.
            queue.submission.withLock { _ in }
        }
        storage.drain(self)
    }

    /// Lets the storage go: the machine has ended.
    package func disconnect() { reset() }

    package var kind: String { "virtio-blk" }

    package var counters: [DeviceCounter] {
        var counts = VirtioBlockCounts()
        for queue in queues { counts.add(queue.state.withLock { $0.counts }) }
        return counts.counters
    }
}
