/// The driver of a virtio-blk device, but for its lock and its interrupt: requests in, completed requests out.
///
/// What finds no descriptors waits in a list. Threading: by the owner's lock; `collect`ed requests are completed outside of it.
/// Source: virtio 1.2 §5.2.
package struct VirtioBlockDriver: ~Copyable {
    /// Feature bits. Source: virtio 1.2 §5.2.3.
    package enum Feature {
        package static var readOnly: UInt64 { 1 << 5 }
        package static var blockSize: UInt64 { 1 << 6 }
        package static var flush: UInt64 { 1 << 9 }
        package static var wanted: UInt64 { readOnly | blockSize | flush | VirtioFeature.eventIndex }
    }

    /// Offsets in the configuration space.
    private enum Configuration {
        static var capacity: UInt64 { 0 }
        static var blockSize: UInt64 { 20 }
    }

    /// A request header of 16 bytes, and the status byte behind it, by head.
    private static var slotSize: Int { 32 }
    private static var statusOffset: Int { 16 }
    /// 42 requests of three descriptors.
    package static var queueSize: UInt16 { 128 }

    package private(set) var sectorCount: UInt64
    package let blockSize: UInt32
    package let isReadOnly: Bool
    package let hasFlush: Bool
    /// Requests the queue has room for.
    package let depth: Int
    package private(set) var failure: VirtioFailure?
    /// Requests completed, and interrupts that completed some.
    package private(set) var completed: UInt64 = 0
    package private(set) var batches: UInt64 = 0

    private let device: VirtioDevice
    private var queue: SplitDriverQueue
    private let slots: DMAMemory
    /// By head.
    private var requests: [BlockRequest?]
    private var waiting: BlockRequestList

    /// Initializes the device; it is live when this returns.
    ///
    /// - Parameter memory: gives so many bytes, page-aligned, for ever.
    package init(_ transport: any VirtioTransport, memory: (Int) -> DMAMemory?) throws(VirtioFailure) {
        let device = VirtioDevice(transport)
        let features = try device.negotiate(Feature.wanted)
        let queue = try device.makeQueue(0, limit: Self.queueSize, features: features, memory: memory)
        let size = Int(queue.size)
        guard size >= 3 else { throw device.giveUp(.noQueue(0)) }
        guard let slots = memory(size * Self.slotSize) else { throw device.giveUp(.noMemory) }
        let block = features & Feature.blockSize != 0 ? transport.configuration32(Configuration.blockSize) : 512
        blockSize = block >= 512 && block & (block - 1) == 0 ? block : 512
        sectorCount = Self.readCapacity(device)
        isReadOnly = features & Feature.readOnly != 0
        hasFlush = features & Feature.flush != 0
        depth = size / 3
        requests = [BlockRequest?](repeating: nil, count: size)
        // Here, not at its declaration: Swift 6.2.3 fails at a throwing initializer otherwise.
        waiting = BlockRequestList()
        self.slots = slots
        self.device = device
        device.start()
        _ = queue.allowInterrupts()
        self.queue = queue
    }

    /// Takes a valid request. Nothing is seen by the device before `flushNotifications`.
    ///
    /// - Returns: false when the device has failed: the request is the caller's again.
    package mutating func submit(_ request: BlockRequest) -> Bool {
        guard failure == nil else { return false }
        request.status = .pending
        if !waiting.isEmpty || !start(request) { waiting.append(request) }
        return true
    }

    /// Shows the device what was submitted.
    package mutating func flushNotifications() { if queue.publish() { device.transport.notify(0) } }

    /// Puts a request on the queue; false when there is no room.
    private mutating func start(_ request: BlockRequest) -> Bool {
        let isFlush = request.operation == .flush
        let isRead = request.operation == .read
        // A free head's slot is free too.
        guard let head = queue.nextHead, queue.freeCount >= 3 else { return false }
        let slot = Int(head) * Self.slotSize
        // struct virtio_blk_req: type (0 read, 1 write, 4 flush), reserved, sector.
        slots.storage.storeSingle(isFlush ? 4 : isRead ? 0 : 1, slot)
        slots.storage.storeSingle(0, slot + 4)
        slots.storage.storeWord(isFlush ? 0 : request.sector, slot + 8)
        // No status that a device gives.
        slots.storage[slot + Self.statusOffset] = .max
        let header = slots.segment(at: slot, count: 16)
        let status = slots.segment(at: slot + Self.statusOffset, count: 1)
        let added: UInt16?
        if isFlush {
            let chain: InlineArray<2, DMASegment> = [header, status]
            added = queue.add(chain.span, readable: 1)
        } else {
            let chain: InlineArray<3, DMASegment> = [header, request.memory, status]
            added = queue.add(chain.span, readable: isRead ? 1 : 2)
        }
        guard let added else { return false }
        requests[Int(added)] = request
        return true
    }

    /// Takes what the device has completed, and starts what waits. Called on an interrupt.
    ///
    /// - Parameter configurationChanged: the device says so; its capacity may be another one.
    /// - Returns: the completed requests, with their status; after a fault of the device all that there were.
    package mutating func collect(configurationChanged: Bool = false) -> BlockRequestList {
        var finished = BlockRequestList()
        guard failure == nil else { return finished }
        if configurationChanged {
            if device.transport.status & VirtioStatus.needsReset != 0 {
                fail(.needsReset, &finished)
                return finished
            }
            sectorCount = Self.readCapacity(device)
        }
        do throws(SplitDriverQueue.Fault) {
            repeat {
                while let completion = try queue.next() {
                    guard let request = requests[Int(completion.head)] else { throw .head(UInt32(completion.head)) }
                    requests[Int(completion.head)] = nil
                    request.status = status(completion, request)
                    finished.append(request)
                    completed += 1
                }
            } while queue.allowInterrupts()
        } catch {
            fail(.fault(error), &finished)
            return finished
        }
        if !finished.isEmpty { batches += 1 }
        while let request = waiting.first, start(request) { _ = waiting.removeFirst() }
        flushNotifications()
        return finished
    }

    private static func readCapacity(_ device: VirtioDevice) -> UInt64 {
        device.readConfiguration {
            let high = UInt64($0.configuration32(Configuration.capacity + 4))
            return high << 32 | UInt64($0.configuration32(Configuration.capacity))
        }
    }

    /// Stops the device and hands all requests back.
    private mutating func fail(_ failure: VirtioFailure, _ finished: inout BlockRequestList) {
        guard self.failure == nil else { return }
        self.failure = failure
        do throws(VirtioFailure) { try device.reset() } catch {}
        for index in requests.indices {
            guard let request = requests[index] else { continue }
            requests[index] = nil
            request.status = .deviceFailed
            finished.append(request)
        }
        while let request = waiting.removeFirst() {
            request.status = .deviceFailed
            finished.append(request)
        }
    }

    /// The status byte says how it went, and the count that it was written.
    private func status(_ completion: SplitDriverQueue.Completion, _ request: BlockRequest) -> BlockRequest.Status {
        switch slots.storage[Int(completion.head) * Self.slotSize + Self.statusOffset] {
        case 0:
            // A device that has read less than was asked for did not do it.
            let expected = request.operation == .read ? request.memory.count + 1 : 1
            return completion.count == expected || request.operation != .read ? .done : .ioError
        case 2: return .unsupported
        default: return .ioError
        }
    }
}

/// Requests in a row, linked by their own `next`.
package struct BlockRequestList {
    package private(set) var first: BlockRequest?
    private var last: BlockRequest?

    package init() {}

    package var isEmpty: Bool { first == nil }

    package mutating func append(_ request: BlockRequest) {
        request.next = nil
        if let last { last.next = request } else { first = request }
        last = request
    }

    package mutating func removeFirst() -> BlockRequest? {
        guard let request = first else { return nil }
        first = request.next
        if first == nil { last = nil }
        request.next = nil
        return request
    }
}
