internal import VMMCore

/// A chain as its ring knows it.
struct TakenChain: Hashable, Sendable {
    /// What the driver calls it: the index of its first descriptor in a split ring, the buffer id in a packed one.
    var id: UInt16
    /// How many of the ring's entries it takes up until it is given back; packed rings only.
    var entries: UInt16
}

/// The ring of a queue: split, packed, or none while the queue does not run.
///
/// Two optionals, of which one at most is there, where an enum would say it better: only they can be changed in place. A
/// payload is moved out and in again, with its references counted, for each chain.
struct QueueRing: Sendable {
    private var split: SplitRing?
    private var packed: PackedRing?
    private let isPacked: Bool
    /// Entries; 0 without a ring.
    let size: Int

    /// No ring.
    init() {
        isPacked = false
        size = 0
    }

    /// What driver and device agreed on decides. Source: virtio 1.2 §6, VIRTIO_F_RING_PACKED.
    init(
        _ layout: QueueLayout, maximumSize: UInt16, features: VirtioFeatures, memory: GuestMemory
    ) throws(QueueFault) {
        isPacked = features.contains(.packedRing)
        if isPacked {
            let areas = try PackedRingAreas(layout, maximumSize: maximumSize, memory: memory)
            packed = PackedRing(areas, features: features)
            size = Int(areas.size)
        } else {
            let areas = try SplitRingAreas(layout, maximumSize: maximumSize, memory: memory)
            split = SplitRing(areas, features: features)
            size = Int(areas.size)
        }
    }

    var isRunning: Bool { size > 0 }

    @inline(__always)
    mutating func take(into buffers: inout ChainBuffers, memory: GuestMemory) throws(QueueFault) -> TakenChain? {
        // Optional chaining keeps the ring in place.
        if isPacked { return try packed?.take(into: &buffers, memory: memory) ?? nil }
        return try split?.take(into: &buffers, memory: memory) ?? nil
    }

    @inline(__always)
    mutating func give(_ chain: TakenChain, written: UInt32, publishes: Bool) {
        if isPacked {
            packed?.give(chain, written: written, publishes: publishes)
        } else {
            split?.give(chain.id, written: written, publishes: publishes)
        }
    }

    mutating func takeInterruptDecision() -> Bool {
        if isPacked { return packed?.takeInterruptDecision() ?? false }
        return split?.takeInterruptDecision() ?? false
    }

    func suspendNotifications() {
        if isPacked { packed?.suspendNotifications() } else { split?.suspendNotifications() }
    }

    mutating func resumeNotifications() throws(QueueFault) -> Bool {
        if isPacked { return packed?.resumeNotifications() ?? false }
        return try split?.resumeNotifications() ?? false
    }
}
