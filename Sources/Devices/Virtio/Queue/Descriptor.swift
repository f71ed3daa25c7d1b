internal import VMMCore

/// One entry of a split ring's descriptor table, read once.
///
/// Source: virtio 1.2 §2.7.5, struct virtq_desc: le64 addr, le32 len, le16 flags, le16 next.
struct Descriptor {
    static let byteCount = 16

    let address: GuestAddress
    let length: UInt32
    let flags: Flags
    let next: UInt16

    struct Flags: OptionSet {
        let rawValue: UInt16
        static let next = Flags(rawValue: 1)
        static let write = Flags(rawValue: 2)
        static let indirect = Flags(rawValue: 4)
    }

    /// Entry `index` of a table that has it.
    @inline(__always)
    init(_ index: Int, of table: GuestWindow) {
        let (first, rest) = table.readDoublewordPair(at: index &* Self.byteCount)
        address = GuestAddress(first)
        length = UInt32(truncatingIfNeeded: rest)
        flags = Flags(rawValue: UInt16(truncatingIfNeeded: rest >> 32))
        next = UInt16(truncatingIfNeeded: rest >> 48)
    }
}

/// A table of descriptors that one descriptor refers to: of 16 bytes each in both kinds of ring.
///
/// Source: virtio 1.2 §2.7.5.3, §2.8.7.
enum IndirectTable {
    /// The table of `length` bytes: whole descriptors, at least one, and no more than the queue has entries.
    @inline(__always)
    static func window(
        _ address: GuestAddress, length: UInt32, queueSize: UInt16, memory: GuestMemory
    ) throws(QueueFault) -> GuestWindow {
        let size = Int(length)
        guard size > 0, size % Descriptor.byteCount == 0, size / Descriptor.byteCount <= Int(queueSize) else {
            throw .badIndirectLength(length)
        }
        guard let table = memory.window(at: address, size: size) else {
            throw .indirectTableOutsideRAM(address, length: length)
        }
        return table
    }
}
