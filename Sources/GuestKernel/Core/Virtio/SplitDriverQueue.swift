import Synchronization

/// The driver's side of a split virtqueue.
///
/// Chains are `add`ed, made visible all at once by `publish`, and come back from `next`. The driver keeps what it needs to
/// know of a chain (links, bytes the device may write) in memory of its own and never reads the descriptor table, which
/// the device can write. A used element that names no chain in flight, or more bytes than the chain has for the device, is a
/// fault: from then on nothing is added and nothing comes back, and the device is to be reset.
///
/// Threading: by the caller's lock. No operation allocates.
/// Source: virtio 1.2 §2.7.
package struct SplitDriverQueue: ~Copyable {
    /// A chain that the device has used.
    package struct Completion: Equatable, Sendable {
        /// As `add` returned it.
        package let head: UInt16
        /// Bytes that the device says it wrote: at most what the chain has for it.
        package let count: UInt32
    }

    /// What a device did that no device may do.
    package enum Fault: Error, Equatable, Sendable {
        /// The used index went further than there are chains in flight.
        case usedIndex(UInt16)
        /// A used element names no chain in flight.
        case head(UInt32)
        /// More bytes were written than the chain has for the device.
        case count(UInt32, limit: UInt32)
    }

    /// Where the three parts are, for the device.
    package struct Addresses: Equatable, Sendable {
        package let descriptors: UInt64
        package let available: UInt64
        package let used: UInt64

        package init(descriptors: UInt64, available: UInt64, used: UInt64) {
            self.descriptors = descriptors
            self.available = available
            self.used = used
        }
    }

    /// Marks a chain's end among the links, and the end of the free list.
    private static var none: UInt16 { .max }

    private let memory: RawStorage
    package let addresses: Addresses
    package let size: UInt16
    private let hasEventIndex: Bool
    private let availableOffset: Int
    private let usedEventOffset: Int
    private let usedOffset: Int

    /// The descriptor behind each one, in its chain or in the free list.
    private var links: [UInt16]
    /// By head: bytes the device may write, plus 1; 0 when it is no head in flight.
    private var limits: [UInt64]
    private var freeHead: UInt16 = 0
    package private(set) var freeCount: UInt16
    /// Chains that the device has.
    package private(set) var inFlight: UInt16 = 0
    /// Index of the next available entry; what the device sees of it; that of the next used one.
    private var availableIndex: UInt16 = 0
    private var publishedIndex: UInt16 = 0
    private var usedIndex: UInt16 = 0
    package private(set) var fault: Fault?

    /// Bytes of memory that a queue of `size` descriptors takes. Source: virtio 1.2 §2.7, table.
    package static func memorySize(_ size: UInt16) -> Int {
        let used = (Int(size) * 16 + 6 + Int(size) * 2 + 3) & ~3
        return (used + 6 + Int(size) * 8 + 7) & ~7
    }

    /// - Parameters:
    ///   - size: a power of two up to 32768.
    ///   - memory: at least `memorySize` bytes, 16-byte aligned; cleared here.
    ///   - hasEventIndex: VIRTIO_F_EVENT_IDX was negotiated.
    package init(size: UInt16, memory: DMAMemory, hasEventIndex: Bool) {
        precondition(size > 0 && size & (size - 1) == 0 && memory.count >= Self.memorySize(size))
        precondition(memory.address & 15 == 0)
        self.memory = memory.storage
        self.size = size
        self.hasEventIndex = hasEventIndex
        availableOffset = Int(size) * 16
        usedEventOffset = availableOffset + 4 + Int(size) * 2
        usedOffset = (availableOffset + 6 + Int(size) * 2 + 3) & ~3
        addresses = Addresses(
            descriptors: memory.address, available: memory.address + UInt64(availableOffset),
            used: memory.address + UInt64(usedOffset))
        links = []
        links.reserveCapacity(Int(size))
        for index in 1...size { links.append(index < size ? index : Self.none) }
        limits = [UInt64](repeating: 0, count: Int(size))
        freeCount = size
        for offset in stride(from: 0, to: Self.memorySize(size), by: 8) { self.memory.storeWord(0, offset) }
    }
}

// MARK: - To the device

extension SplitDriverQueue {
    /// The head that the next `add` will return, if it does: what the driver keeps by head may be prepared.
    package var nextHead: UInt16? { freeCount > 0 ? freeHead : nil }

    /// Hands over a chain. The device does not see it before `publish`.
    ///
    /// - Parameters:
    ///   - segments: first those that the device reads, then those that it writes.
    ///   - readable: the number of the former.
    /// - Returns: the chain's head; nil when there are not enough descriptors, or after a fault.
    package mutating func add(_ segments: Span<DMASegment>, readable: Int) -> UInt16? {
        guard fault == nil, segments.count > 0, segments.count <= Int(freeCount) else { return nil }
        let head = freeHead
        var index = head
        var last = head
        var limit: UInt64 = 0
        for position in 0..<segments.count {
            let segment = segments[position]
            let isLast = position == segments.count - 1
            let isWritable = position >= readable
            if isWritable { limit += UInt64(segment.count) }
            let link = links[Int(index)]
            // struct virtq_desc; flags: 1 another follows, 2 the device writes.
            let offset = Int(index) * 16
            memory.storeWord(segment.address, offset)
            memory.storeSingle(segment.count, offset + 8)
            memory.storeHalf((isLast ? 0 : 1) | (isWritable ? 2 : 0), offset + 12)
            memory.storeHalf(isLast ? 0 : link, offset + 14)
            last = index
            index = link
        }
        freeHead = index
        links[Int(last)] = Self.none
        freeCount -= UInt16(segments.count)
        limits[Int(head)] = limit + 1
        memory.storeHalf(head, availableOffset + 4 + Int(availableIndex & (size - 1)) * 2)
        availableIndex &+= 1
        inFlight += 1
        return head
    }

    /// Shows the device all that was added.
    ///
    /// - Returns: true when the device wants to be notified.
    package mutating func publish() -> Bool {
        let old = publishedIndex
        guard old != availableIndex else { return false }
        // The entries before the index: pairs with the barrier behind the device's load of it.
        atomicMemoryFence(ordering: .releasing)
        memory.storeHalf(availableIndex, availableOffset + 2)
        publishedIndex = availableIndex
        // The index before the look at the device's wish: pairs with the device's barrier between telling its wish and its
        // last look at the index (virtio 1.2 §2.7.13.4.1).
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        guard hasEventIndex else { return memory.loadHalf(usedOffset) & 1 == 0 }
        let event = memory.loadHalf(usedOffset + 4 + Int(size) * 8)
        return availableIndex &- event &- 1 < availableIndex &- old
    }
}

// MARK: - From the device

extension SplitDriverQueue {
    /// Takes the next chain that the device has used; nil when there is none.
    package mutating func next() throws(Fault) -> Completion? {
        if let fault { throw fault }
        let index = memory.loadHalf(usedOffset + 2)
        guard index != usedIndex else { return nil }
        guard index &- usedIndex <= inFlight else { throw fail(.usedIndex(index)) }
        // The index before the element: pairs with the device's barrier before it stores the index.
        atomicMemoryFence(ordering: .acquiring)
        let offset = usedOffset + 4 + Int(usedIndex & (size - 1)) * 8
        let head = memory.loadSingle(offset)
        let count = memory.loadSingle(offset + 4)
        guard head < UInt32(size), limits[Int(head)] != 0 else { throw fail(.head(head)) }
        let limit = limits[Int(head)] - 1
        guard UInt64(count) <= limit else { throw fail(.count(count, limit: UInt32(truncatingIfNeeded: limit))) }
        usedIndex &+= 1
        inFlight -= 1
        limits[Int(head)] = 0
        release(UInt16(head))
        return Completion(head: UInt16(head), count: count)
    }

    /// Puts a chain's descriptors back into the free list.
    private mutating func release(_ head: UInt16) {
        var last = head
        var count: UInt16 = 1
        while links[Int(last)] != Self.none {
            last = links[Int(last)]
            count += 1
        }
        links[Int(last)] = freeHead
        freeHead = head
        freeCount += count
    }

    private mutating func fail(_ fault: Fault) -> Fault {
        self.fault = fault
        return fault
    }

    /// Asks for no interrupts, until `allowInterrupts`. A hint: some may come.
    package func suppressInterrupts() {
        // With an event index one interrupt comes when the index passes; it is behind already.
        if !hasEventIndex { memory.storeHalf(1, availableOffset) }
    }

    /// Asks for an interrupt when more chains have been used.
    ///
    /// - Parameter batch: so many, at least 1; without an event index always 1. Those in flight at most.
    /// - Returns: true when used chains are there already: no interrupt may come for them.
    package func allowInterrupts(batch: UInt16 = 1) -> Bool {
        if hasEventIndex {
            let wanted = max(min(batch, inFlight), 1)
            memory.storeHalf(usedIndex &+ wanted &- 1, usedEventOffset)
        } else {
            memory.storeHalf(0, availableOffset)
        }
        // The wish before the look: pairs with the device's barrier between its index and its look at the wish.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return memory.loadHalf(usedOffset + 2) != usedIndex
    }
}
