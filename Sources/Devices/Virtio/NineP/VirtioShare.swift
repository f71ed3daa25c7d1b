internal import Synchronization
package import VMMCore

/// A 9P transport device: a tree of the host's files, for drivers that speak 9P2000.L.
///
/// Requests are worked on elsewhere, several at once, so that a slow host file stops no vCPU; they complete in any order. With
/// each reset of the device its driver's session ends, and what was open is closed.
///
/// Threading: any thread; tree, work queue and driver are called without a lock held. `reset` waits for what has begun.
/// Errors: what a request asks in vain gets an Rlerror; a driver that breaks a rule of the queues, or sends a request
/// without room for header or reply, gets DEVICE_NEEDS_RESET.
/// Source: virtio 1.2 §5, device 9; Linux, include/uapi/linux/virtio_9p.h.
package final class VirtioShare<Tree: SharedTree>: FixedConfigurationDevice, HostWorkClient, StatisticsSource {
    /// Linux's largest request has 128 pieces.
    package static var queueSize: UInt16 { 128 }
    /// The largest message, in bytes: what fits Linux's queue, and a round number.
    static var messageLimit: UInt32 { 512 << 10 }
    /// VIRTIO_9P_MOUNT_TAG: the tag is in the configuration space.
    private static var mountTag: UInt64 { 1 }

    private let session: NinePSession<Tree>
    private let work: any HostWorkQueue
    /// le16 tag_len, and the tag.
    package let configuration: [UInt8]
    private let state = Mutex(VirtioShareState(size: Int(VirtioShare.queueSize)))
    /// Held by who has the claim, also while work is submitted: `reset` waits for it.
    private let submission = Mutex(())
    private let spareBuffers = Mutex<[Buffers]>([])
    private let counts = Counts()

    private struct Counts: ~Copyable {
        let requests = EventCounter()
        /// Those that were answered by an Rlerror.
        let errors = EventCounter()
        /// Of requests and of replies.
        let bytesIn = EventCounter()
        let bytesOut = EventCounter()
        let notifications = EventCounter()
    }

    /// Storage of one request and its reply. It grows to what messages need.
    private struct Buffers {
        var request: [UInt8] = []
        var reply: [UInt8] = []
    }

    /// - Parameters:
    ///   - tag: what the driver mounts it by.
    ///   - work: where requests are worked on.
    package init(_ tree: Tree, tag: String, work: any HostWorkQueue) {
        session = NinePSession(tree, messageLimit: Self.messageLimit)
        self.work = work
        let text = Array(tag.utf8.prefix(Int(UInt16.max)))
        configuration = [UInt8(truncatingIfNeeded: text.count), UInt8(truncatingIfNeeded: text.count >> 8)] + text
    }

    package var identity: VirtioIdentity {
        VirtioIdentity(deviceType: 9, features: Self.mountTag, queueSizes: [Self.queueSize])
    }

    package func activate(_ activation: VirtioActivation) {
        state.withLock { $0.activate(activation) }
        notify(queue: 0)
    }

    package func notify(queue index: Int) {
        counts.notifications.add()
        guard index == 0, state.withLock({ $0.takeClaim() }) else { return }
        submission.withLock { _ in serve() }.tellDriver()
    }

    /// Has worked on what there is, to the claim's end.
    private func serve() -> QueueClaim.End {
        while true {
            switch state.withLock({ $0.next() }) {
            case .submit(let slot): work.submit(slot, for: self)
            case .ended(let end): return end
            }
        }
    }

    package func perform(_ slot: Int) {
        guard var request = state.withLock({ $0.take(slot) }) else { return }
        var buffers = spareBuffers.withLock { $0.popLast() } ?? Buffers()
        answer(&request, &buffers)
        let kept = buffers
        spareBuffers.withLock { $0.append(kept) }
        var finished: VirtioShareRequest? = consume request
        if let (driver, queue) = state.withLock({ $0.completed(slot, &finished) }) { driver.interrupt(queue) }
    }

    /// Reads the rest of the message, and writes the reply to the chain.
    private func answer(_ request: inout VirtioShareRequest, _ buffers: inout Buffers) {
        let limit = UInt64(Self.messageLimit)
        // A message beyond the limit is told by its header.
        let count = Int(min(request.chain.readableBytes + UInt64(NinePHeader.size), limit))
        let room = Int(min(request.chain.writableBytes, limit))
        buffers.request.grow(to: count)
        buffers.reply.grow(to: room)
        request.header.put(into: &buffers.request)
        let read = request.queue.read(&request.chain, into: &buffers.request, NinePHeader.size..<count)
        let size = session.answer(
            buffers.request, count: NinePHeader.size + read, reply: &buffers.reply, room: room)
        _ = request.queue.write(&request.chain, from: buffers.reply, 0..<size)
        counts.requests.add()
        counts.bytesIn.add(UInt64(NinePHeader.size + read))
        counts.bytesOut.add(UInt64(size))
        if NinePHeader(buffers.reply).type == NinePType.errorReply.rawValue { counts.errors.add() }
    }

    /// Waits for what has begun.
    package func reset() {
        state.withLock { $0.reset() }
        // Who was about to submit has done so, and comes to its end.
        submission.withLock { _ in }
        work.drain(self)
        state.withLock { $0.forget() }
        session.reset()
    }

    /// Lets the tree go: the machine has ended.
    package func disconnect() { reset() }

    package var kind: String { "virtio-9p" }

    package var counters: [DeviceCounter] {
        [
            DeviceCounter("requests", counts.requests.value), DeviceCounter("errors", counts.errors.value),
            DeviceCounter("bytesIn", counts.bytesIn.value), DeviceCounter("bytesOut", counts.bytesOut.value),
            DeviceCounter("notifications", counts.notifications.value),
            DeviceCounter("interrupts", state.withLock { $0.interruptCount }),
        ]
    }
}

extension NinePHeader {
    /// As it came in, so that nothing of a message is read twice.
    fileprivate func put(into bytes: inout [UInt8]) {
        for index in 0..<4 { bytes[index] = UInt8(truncatingIfNeeded: messageSize >> UInt32(index * 8)) }
        bytes[4] = type
        bytes[5] = UInt8(truncatingIfNeeded: tag)
        bytes[6] = UInt8(truncatingIfNeeded: tag >> 8)
    }
}

extension [UInt8] {
    fileprivate mutating func grow(to count: Int) {
        if count > self.count { append(contentsOf: repeatElement(0, count: count - self.count)) }
    }
}
