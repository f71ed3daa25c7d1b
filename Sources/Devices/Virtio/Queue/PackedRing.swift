internal import Synchronization
internal import VMMCore

/// The device's side of a packed virtqueue: takes chains from the descriptor ring, and writes used descriptors over them.
///
/// Both sides go round the same ring; a wrap counter that each keeps says whether what stands in an entry is of this lap.
/// The driver's code runs at the same time and is not trusted: each field is read once, checked, and used. A chain knows how
/// many entries it took, so buffer ids, which are the driver's own, need no table here. Not thread-safe: `VirtioQueue` has
/// the lock.
/// Source: virtio 1.2 §2.8.
struct PackedRing: Sendable {
    let size: UInt16
    private let areas: PackedRingAreas
    private let hasIndirect: Bool
    private let hasEventIndex: Bool

    /// The next entry to take.
    private var available = PackedPosition()
    /// The next entry to write a used descriptor to.
    private var used = PackedPosition()
    /// Entries between the two: of chains that the device has.
    private var taken: UInt16 = 0
    /// What makes the first of several used descriptors visible, and with it the others: kept back until the last.
    private var staged: Staged?
    /// Entries used since an interrupt was last decided on, at most two laps.
    private var undecided: UInt32 = 0

    init(_ areas: PackedRingAreas, features: VirtioFeatures) {
        self.areas = areas
        size = areas.size
        hasIndirect = features.contains(.indirectDescriptors)
        hasEventIndex = features.contains(.eventIndex)
    }

    // MARK: Taking

    /// The flags of the next entry; nil: the driver has not made it available.
    @inline(__always)
    private func availableFlags() -> PackedDescriptor.Flags? {
        let flags = PackedDescriptor.flags(Int(available.index), of: areas.ring)
        guard available.isAvailable(flags) else { return nil }
        // Pairs with the driver's write barrier between the rest of its descriptors and the flags of the first (§2.8.21.1).
        atomicMemoryFence(ordering: .acquiring)
        return flags
    }

    /// Takes the next chain into `buffers`. Gives its id and its entries, or nil when there is none.
    ///
    /// Neither this nor `give` is inlined: beside the split ring's code they would make that slower.
    @inline(never)
    mutating func take(into buffers: inout ChainBuffers, memory: GuestMemory) throws(QueueFault) -> TakenChain? {
        guard var flags = availableFlags() else { return nil }
        buffers.clear()
        var position = available
        var count: UInt16 = 0
        while true {
            let descriptor = PackedDescriptor(Int(position.index), of: areas.ring)
            if count > 0 {
                flags = descriptor.flags
                guard position.isAvailable(flags) else { throw .chainNotAvailable }
            }
            guard count < size &- taken else { throw .ringOverrun }
            count &+= 1
            position.advance(by: 1, size: size)
            if flags.contains(.indirect) {
                guard count == 1 else { throw .indirectInChain }
                guard !flags.contains(.next) else { throw .indirectWithNext }
                try takeIndirect(descriptor, into: &buffers, memory: memory)
            } else {
                try buffers.append(
                    descriptor.address, descriptor.length, isWritable: flags.contains(.write), limit: Int(size),
                    memory: memory)
                if flags.contains(.next) { continue }
            }
            available = position
            taken &+= count
            return TakenChain(id: descriptor.id, entries: count)
        }
    }

    /// A chain in a table of its own, entry by entry. Only the write flag counts in it (§2.8.7).
    private func takeIndirect(
        _ descriptor: PackedDescriptor, into buffers: inout ChainBuffers, memory: GuestMemory
    ) throws(QueueFault) {
        guard hasIndirect else { throw .indirectNotNegotiated }
        let table = try IndirectTable.window(
            descriptor.address, length: descriptor.length, queueSize: size, memory: memory)
        for index in 0..<table.size / PackedDescriptor.byteCount {
            let entry = PackedDescriptor(index, of: table)
            try buffers.append(
                entry.address, entry.length, isWritable: entry.flags.contains(.write), limit: Int(size), memory: memory)
        }
    }

    // MARK: Giving back

    /// Writes the used descriptor of a chain. `written`: bytes that the device wrote from the first writable buffer on. The
    /// driver sees it with the next one that is published. Source: virtio 1.2 §2.8.9.
    @inline(never)
    mutating func give(_ chain: TakenChain, written: UInt32, publishes: Bool) {
        let place = PackedDescriptor.byteCount &* Int(used.index)
        areas.ring.storeWord(written, at: place &+ PackedDescriptor.lengthOffset)
        areas.ring.storeHalfword(chain.id, at: place &+ PackedDescriptor.idOffset)
        let flags = Staged(place &+ PackedDescriptor.flagsOffset, used.usedFlags.union(written > 0 ? .write : []))
        if let first = staged {
            // The driver looks at it after the first one's.
            areas.ring.storeHalfword(flags.value.rawValue, at: flags.offset)
            if publishes {
                publish(first)
                staged = nil
            }
        } else if publishes {
            publish(flags)
        } else {
            staged = flags
        }
        used.advance(by: chain.entries, size: size)
        taken &-= chain.entries
        undecided = min(undecided &+ UInt32(chain.entries), 2 &* UInt32(size))
    }

    private func publish(_ flags: Staged) {
        // Pairs with the driver's read barrier between the flags and the rest (§2.8.22); also orders what the device wrote
        // into the buffers.
        atomicMemoryFence(ordering: .releasing)
        areas.ring.storeHalfword(flags.value.rawValue, at: flags.offset)
    }

    /// Flags of a used descriptor, and where they go.
    private struct Staged {
        let offset: Int
        let value: PackedDescriptor.Flags

        init(_ offset: Int, _ value: PackedDescriptor.Flags) {
            self.offset = offset
            self.value = value
        }
    }

    /// Whether the driver wants an interrupt for what was given since the last call. Source: virtio 1.2 §2.8.10.
    mutating func takeInterruptDecision() -> Bool {
        let count = undecided
        guard count > 0 else { return false }
        undecided = 0
        // Pairs with the driver's full barrier between its store to the structure and its next look at the ring: either it
        // sees the used descriptor, or this sees its wish.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        switch EventSuppression.flags(of: areas.driverEvent) {
        case .disable: return false
        case .entry where hasEventIndex:
            // Pairs with the driver's write barrier between entry and flags.
            atomicMemoryFence(ordering: .acquiring)
            let event = PackedPosition(areas.driverEvent.loadHalfword(at: EventSuppression.entry))
            // One interrupt too many is no harm for a driver that waits for an entry which is none.
            guard event.index < size else { return true }
            // The driver waits for one of the last `count` entries.
            return used.distance(from: event, size: size) &- 1 < count
        case .enable, .entry, .reserved: return true
        }
    }

    // MARK: The driver's notifications

    /// Asks for no notifications. Only a hint; with an event index, that lies behind by itself.
    func suspendNotifications() {
        guard !hasEventIndex else { return }
        areas.deviceEvent.storeWord(EventSuppression.word(.disable), at: 0)
    }

    /// Asks for a notification of the next chain. True: one has come in between, and the caller must look again.
    /// Source: virtio 1.2 §2.8.10, §2.8.21.2.
    func resumeNotifications() -> Bool {
        let wish = hasEventIndex ? EventSuppression.word(.entry, available) : EventSuppression.word(.enable)
        areas.deviceEvent.storeWord(wish, at: 0)
        // Pairs with the driver's full barrier between its store to a descriptor's flags and its look at this structure
        // (§2.8.21.3.1): either it sees the wish, or this sees the descriptor.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return availableFlags() != nil
    }
}

/// A place in the ring, with the wrap counter of who is there.
///
/// Source: virtio 1.2 §2.8.1.
struct PackedPosition: Hashable, Sendable {
    /// Below the ring's size.
    private(set) var index: UInt16 = 0
    private var wrap = true

    init() {}

    /// As the event suppression structures have it: bit 15 is the wrap counter. The index is not checked.
    init(_ event: UInt16) {
        index = event & 0x7FFF
        wrap = event & 0x8000 != 0
    }

    var event: UInt16 { index | (wrap ? 0x8000 : 0) }

    /// `count`: at most `size`, which is at most 32768: no overflow.
    mutating func advance(by count: UInt16, size: UInt16) {
        index &+= count
        guard index >= size else { return }
        index &-= size
        wrap.toggle()
    }

    /// Entries from `earlier` on to here, from 1 to two laps, after which positions come again.
    func distance(from earlier: PackedPosition, size: UInt16) -> UInt32 {
        let laps = 2 &* UInt32(size)
        let place = UInt32(index) &+ (wrap ? 0 : UInt32(size))
        let other = UInt32(earlier.index) &+ (earlier.wrap ? 0 : UInt32(size))
        return place > other ? place &- other : place &+ laps &- other
    }

    @inline(__always)
    func isAvailable(_ flags: PackedDescriptor.Flags) -> Bool {
        flags.intersection([.available, .used]) == (wrap ? .available : .used)
    }

    var usedFlags: PackedDescriptor.Flags { wrap ? [.available, .used] : [] }
}
