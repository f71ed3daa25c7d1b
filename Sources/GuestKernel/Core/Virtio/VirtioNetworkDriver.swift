/// The driver of a virtio-net device, but for its lock and its interrupt: frames in and out, in buffers that are handed over.
///
/// One pair of queues; no offloads, no merged buffers: a frame is one buffer, with the device's header in its headroom. All buffers
/// come from one pool: what was received may be sent as it is. Sent buffers come back without interrupts, when one is wanted.
/// Threading: by the owner's lock.
/// Source: virtio 1.2 §5.1.
package struct VirtioNetworkDriver: ~Copyable {
    /// Feature bits. Source: virtio 1.2 §5.1.3.
    package enum Feature {
        package static var hardwareAddress: UInt64 { 1 << 5 }
        package static var status: UInt64 { 1 << 16 }
        package static var wanted: UInt64 { hardwareAddress | status | VirtioFeature.eventIndex }
    }

    package struct Statistics: Equatable, Sendable {
        package var received: UInt64 = 0
        package var receivedBytes: UInt64 = 0
        package var sent: UInt64 = 0
        package var sentBytes: UInt64 = 0
        /// Received with a length that no frame has, and thrown away.
        package var malformed: UInt64 = 0
        /// Not sent for want of a descriptor.
        package var dropped: UInt64 = 0
    }

    /// struct virtio_net_hdr, with num_buffers as version 1 has it.
    private static var headerSize: Int { 12 }
    private static var headerOffset: Int { PacketBuffer.headroom - headerSize }
    private static var queueSize: UInt16 { 64 }
    /// Half of them wait for frames, at most.
    package static var bufferCount: Int { 128 }

    /// A locally administered one when the device has none.
    package let hardware: HardwareAddress
    package private(set) var statistics = Statistics()
    package private(set) var failure: VirtioFailure?

    private let device: VirtioDevice
    private let hasStatus: Bool
    private var receiveQueue: SplitDriverQueue
    private var sendQueue: SplitDriverQueue
    /// By head.
    private var receiving: [PacketBuffer?]
    private var sending: [PacketBuffer?]
    /// Spelt so that it is not nil by itself: with that, Swift 6.2.3 fails on the initializer, which throws.
    private var pool: Optional<PacketBuffer>

    /// Initializes the device; it is live when this returns, and receives from the first `refill` on (which Swift 6.2.3 does not let an
    /// initializer of a type like this call).
    ///
    /// - Parameter memory: gives so many bytes, page-aligned, for ever.
    package init(_ transport: any VirtioTransport, memory: (Int) -> DMAMemory?) throws(VirtioFailure) {
        let device = VirtioDevice(transport)
        let features = try device.negotiate(Feature.wanted)
        let receive = try device.makeQueue(0, limit: Self.queueSize, features: features, memory: memory)
        let send = try device.makeQueue(1, limit: Self.queueSize, features: features, memory: memory)
        guard let storage = memory(Self.bufferCount * PacketBuffer.memorySize) else { throw device.giveUp(.noMemory) }
        let address = device.readConfiguration { transport in
            var value: UInt64 = 0
            for offset: UInt64 in 0..<6 { value = value << 8 | UInt64(transport.configuration8(offset)) }
            return value
        }
        hardware = HardwareAddress(features & Feature.hardwareAddress != 0 ? address : 0x0253_5756_4D4D)
        hasStatus = features & Feature.status != 0
        receiving = [PacketBuffer?](repeating: nil, count: Int(receive.size))
        sending = [PacketBuffer?](repeating: nil, count: Int(send.size))
        var buffers: PacketBuffer?
        for index in 0..<Self.bufferCount {
            let buffer = PacketBuffer(storage.part(at: index * PacketBuffer.memorySize, count: PacketBuffer.memorySize))
            buffer.next = buffers
            buffers = buffer
        }
        pool = buffers
        self.device = device
        device.start()
        send.suppressInterrupts()
        _ = receive.allowInterrupts()
        receiveQueue = receive
        sendQueue = send
    }

    /// False when the device says that its cable is out. Source: virtio 1.2 §5.1.4, status bit 0.
    package var isLinkUp: Bool { !hasStatus || device.transport.configuration16(6) & 1 != 0 }

    /// A buffer for a frame to send; nil when all are in use.
    package mutating func takeBuffer() -> PacketBuffer? {
        reclaim()
        guard let buffer = pool else { return nil }
        pool = buffer.next
        buffer.next = nil
        return buffer
    }

    /// Takes a buffer back that is not sent.
    package mutating func recycle(_ buffer: PacketBuffer) {
        buffer.next = pool
        pool = buffer
    }

    /// Sends a frame; the buffer is the driver's. Without a descriptor the frame is lost, as networks lose frames.
    package mutating func send(_ buffer: PacketBuffer) {
        reclaim()
        // No offload is asked for. The buffers count only where they are merged.
        for offset in 0..<Self.headerSize { buffer.memory.storage[Self.headerOffset + offset] = 0 }
        let segment: InlineArray<1, DMASegment> = [
            buffer.memory.segment(at: Self.headerOffset, count: Self.headerSize + buffer.count)
        ]
        guard failure == nil, buffer.count > 0, let head = sendQueue.add(segment.span, readable: 1) else {
            statistics.dropped += 1
            return recycle(buffer)
        }
        sending[Int(head)] = buffer
        statistics.sent += 1
        statistics.sentBytes += UInt64(buffer.count)
        if sendQueue.publish() { device.transport.notify(1) }
    }

    /// Takes the next frame that came; the buffer is the caller's. Nil when there is none.
    package mutating func receive() -> PacketBuffer? {
        guard failure == nil else { return nil }
        do throws(SplitDriverQueue.Fault) {
            while let completion = try receiveQueue.next() {
                guard let buffer = receiving[Int(completion.head)] else { throw .head(UInt32(completion.head)) }
                receiving[Int(completion.head)] = nil
                let count = Int(completion.count) - Self.headerSize
                guard count >= 14 else {
                    statistics.malformed += 1
                    recycle(buffer)
                    continue
                }
                buffer.setCount(count)
                statistics.received += 1
                statistics.receivedBytes += UInt64(count)
                return buffer
            }
        } catch {
            fail(.fault(error))
        }
        return nil
    }

    /// Gives free buffers to the device, to receive into. To be called after a batch.
    package mutating func refill() {
        guard failure == nil else { return }
        reclaim()
        while receiveQueue.freeCount > 0, let buffer = pool {
            let segment: InlineArray<1, DMASegment> = [
                buffer.memory.segment(at: Self.headerOffset, count: Self.headerSize + PacketBuffer.capacity)
            ]
            guard let head = receiveQueue.add(segment.span, readable: 0) else { break }
            pool = buffer.next
            buffer.next = nil
            receiving[Int(head)] = buffer
        }
        if receiveQueue.publish() { device.transport.notify(0) }
    }

    /// Asks for no interrupts while the owner takes frames.
    package mutating func suppressInterrupts() { receiveQueue.suppressInterrupts() }

    /// Asks for an interrupt when frames come; true when some are there already.
    package mutating func allowInterrupts() -> Bool { failure == nil && receiveQueue.allowInterrupts() }

    /// The device says that something of it has changed.
    package mutating func configurationChanged() {
        if failure == nil, device.transport.status & VirtioStatus.needsReset != 0 { fail(.needsReset) }
    }

    /// Takes back what has been sent.
    private mutating func reclaim() {
        guard failure == nil else { return }
        do throws(SplitDriverQueue.Fault) {
            while let completion = try sendQueue.next() {
                guard let buffer = sending[Int(completion.head)] else { throw .head(UInt32(completion.head)) }
                sending[Int(completion.head)] = nil
                recycle(buffer)
            }
        } catch {
            fail(.fault(error))
        }
    }

    /// Stops the device; the buffers it had stay out of use.
    private mutating func fail(_ failure: VirtioFailure) {
        self.failure = failure
        do throws(VirtioFailure) { try device.reset() } catch {}
    }
}
