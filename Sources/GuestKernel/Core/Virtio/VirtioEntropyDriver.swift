/// The driver of a virtio-rng device, but for its lock and its interrupt: one request at a time. Source: virtio 1.2 §5.4.
package struct VirtioEntropyDriver: ~Copyable {
    private let device: VirtioDevice
    private var queue: SplitDriverQueue
    private let memory: DMAMemory
    private var isPending = false
    package private(set) var failure: VirtioFailure?

    /// The most bytes of a request.
    package static var limit: Int { 4096 }

    package init(_ transport: any VirtioTransport, memory: (Int) -> DMAMemory?) throws(VirtioFailure) {
        let device = VirtioDevice(transport)
        let features = try device.negotiate(VirtioFeature.eventIndex)
        let queue = try device.makeQueue(0, limit: 8, features: features, memory: memory)
        guard let buffer = memory(Self.limit) else { throw device.giveUp(.noMemory) }
        self.memory = buffer
        self.device = device
        device.start()
        _ = queue.allowInterrupts()
        self.queue = queue
    }

    /// Asks for up to `count` bytes, 1 to `limit`; false when the device is at work or has failed.
    package mutating func request(_ count: Int) -> Bool {
        guard failure == nil, !isPending, count > 0, count <= Self.limit else { return false }
        let segment: InlineArray<1, DMASegment> = [memory.segment(at: 0, count: count)]
        guard queue.add(segment.span, readable: 0) != nil else { return false }
        isPending = true
        if queue.publish() { device.transport.notify(0) }
        return true
    }

    /// Appends the bytes that came; false while there are none. A device may give fewer than asked for.
    package mutating func collect(into bytes: inout [UInt8]) -> Bool {
        guard failure == nil, isPending else { return failure != nil }
        do throws(SplitDriverQueue.Fault) {
            guard let completion = try queue.next() else { return false }
            isPending = false
            for offset in 0..<Int(completion.count) { bytes.append(memory.storage[offset]) }
            _ = queue.allowInterrupts()
        } catch {
            failure = .fault(error)
            do throws(VirtioFailure) { try device.reset() } catch {}
        }
        return true
    }
}
