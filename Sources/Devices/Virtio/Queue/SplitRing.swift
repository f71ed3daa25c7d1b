internal import Synchronization
internal import VMMCore

/// The device's side of a split virtqueue: takes chains from the available ring, and puts them into the used ring.
///
/// The driver's code runs at the same time and is not trusted: each value is read once, checked, and used. Indices count
/// modulo 2^16 and are larger than the ring: only differences mean something. Not thread-safe: `VirtioQueue` has the lock.
/// Source: virtio 1.2 §2.7.
struct SplitRing: Sendable {
    let size: UInt16
    private let areas: SplitRingAreas
    private let hasIndirect: Bool
    private let hasEventIndex: Bool

    /// The index of the next chain to take.
    private var nextAvailable: UInt16 = 0
    /// The driver's index as it was last read.
    private var seenAvailable: UInt16 = 0
    /// The index of the next entry to fill: what `idx` of the used ring holds.
    private var nextUsed: UInt16 = 0
    /// `nextUsed` when an interrupt was last decided on.
    private var decidedUsed: UInt16 = 0

    init(_ areas: SplitRingAreas, features: VirtioFeatures) {
        self.areas = areas
        size = areas.size
        hasIndirect = features.contains(.indirectDescriptors)
        hasEventIndex = features.contains(.eventIndex)
    }

    // MARK: Taking

    /// The driver made something available that was not taken yet.
    private mutating func isEmpty() throws(QueueFault) -> Bool {
        if nextAvailable != seenAvailable { return false }
        let index = areas.available.loadHalfword(at: AvailableRing.index)
        // Pairs with the driver's write barrier between its descriptors and ring entries, and idx (§2.7.13.3).
        atomicMemoryFence(ordering: .acquiring)
        guard index &- nextAvailable <= size else { throw .availableIndexJump(from: nextAvailable, to: index) }
        seenAvailable = index
        return index == nextAvailable
    }

    /// Takes the next chain into `buffers`. Gives its id, or nil when there is none.
    @inline(__always)
    mutating func take(into buffers: inout ChainBuffers, memory: GuestMemory) throws(QueueFault) -> TakenChain? {
        if try isEmpty() { return nil }
        let head = areas.available.loadHalfword(at: AvailableRing.entry(Int(nextAvailable & (size &- 1))))
        guard head < size else { throw .headOutOfRange(head) }
        nextAvailable &+= 1
        buffers.clear()
        var index = head
        var visited: UInt16 = 0
        while true {
            let descriptor = Descriptor(Int(index), of: areas.descriptors)
            visited &+= 1
            guard visited <= size else { throw .chainTooLong }
            if descriptor.flags.contains(.indirect) {
                try takeIndirect(descriptor, into: &buffers, memory: memory)
                return TakenChain(id: head, entries: 0)
            }
            try buffers.append(
                descriptor.address, descriptor.length, isWritable: descriptor.flags.contains(.write), limit: Int(size),
                memory: memory)
            guard descriptor.flags.contains(.next) else { return TakenChain(id: head, entries: 0) }
            guard descriptor.next < size else { throw .nextOutOfRange(descriptor.next) }
            index = descriptor.next
        }
    }

    /// The rest of a chain, in a table of its own. The write flag of its descriptor means nothing (§2.7.5.3.2).
    private func takeIndirect(
        _ descriptor: Descriptor, into buffers: inout ChainBuffers, memory: GuestMemory
    ) throws(QueueFault) {
        guard hasIndirect else { throw .indirectNotNegotiated }
        guard !descriptor.flags.contains(.next) else { throw .indirectWithNext }
        let table = try IndirectTable.window(
            descriptor.address, length: descriptor.length, queueSize: size, memory: memory)
        let count = table.size / Descriptor.byteCount
        var index = 0
        for _ in 0..<count {
            let entry = Descriptor(index, of: table)
            guard !entry.flags.contains(.indirect) else { throw .nestedIndirect }
            try buffers.append(
                entry.address, entry.length, isWritable: entry.flags.contains(.write), limit: Int(size), memory: memory)
            guard entry.flags.contains(.next) else { return }
            guard Int(entry.next) < count else { throw .nextOutOfRange(entry.next) }
            index = Int(entry.next)
        }
        throw .chainTooLong
    }

    // MARK: Giving back

    /// Puts a chain into the used ring. `written`: bytes that the device wrote from the first writable buffer on. The driver sees
    /// it with the next one that is published.
    @inline(__always)
    mutating func give(_ id: UInt16, written: UInt32, publishes: Bool = true) {
        let entry = Int(nextUsed & (size &- 1))
        areas.used.storeWord(UInt32(id), at: UsedRing.id(entry))
        areas.used.storeWord(written, at: UsedRing.length(entry))
        nextUsed &+= 1
        guard publishes else { return }
        // Pairs with the driver's read barrier between idx and the entries (§2.7.14); also orders what the device wrote
        // into the buffers.
        atomicMemoryFence(ordering: .releasing)
        areas.used.storeHalfword(nextUsed, at: UsedRing.index)
    }

    /// Whether the driver wants an interrupt for what was given since the last call. Source: virtio 1.2 §2.7.7.2.
    mutating func takeInterruptDecision() -> Bool {
        let old = decidedUsed
        guard nextUsed != old else { return false }
        decidedUsed = nextUsed
        // Pairs with the driver's full barrier between its store to used_event or flags and its next look at used.idx:
        // either it sees the index, or this sees its wish.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        guard hasEventIndex else {
            return areas.available.loadHalfword(at: AvailableRing.flags) & AvailableRing.noInterrupt == 0
        }
        let event = areas.available.loadHalfword(at: AvailableRing.usedEvent(Int(size)))
        // The driver waits for entry `event`; it is among those from `old` on.
        return nextUsed &- event &- 1 < nextUsed &- old
    }

    // MARK: The driver's notifications

    /// Asks for no notifications. Only a hint; without effect with an event index, which lies behind by itself.
    func suspendNotifications() {
        guard !hasEventIndex else { return }
        areas.used.storeHalfword(UsedRing.noNotify, at: UsedRing.flags)
    }

    /// Asks for a notification of the next chain. True: one has come in between, and the caller must look again.
    /// Source: virtio 1.2 §2.7.10.
    mutating func resumeNotifications() throws(QueueFault) -> Bool {
        if hasEventIndex {
            areas.used.storeHalfword(nextAvailable, at: UsedRing.availableEvent(Int(size)))
        } else {
            areas.used.storeHalfword(0, at: UsedRing.flags)
        }
        // Pairs with the driver's full barrier between its store to avail.idx and its look at avail_event or flags
        // (§2.7.13.4.1): either it sees the wish, or this sees the index.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return try !isEmpty()
    }
}
