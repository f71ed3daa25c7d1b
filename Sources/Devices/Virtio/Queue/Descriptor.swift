internal import VMMCore

/// One entry of a descriptor table, read once.
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
        address = GuestAddress(table.readDoubleword(at: index &* Self.byteCount))
        let rest = table.readDoubleword(at: index &* Self.byteCount &+ 8)
        length = UInt32(truncatingIfNeeded: rest)
        flags = Flags(rawValue: UInt16(truncatingIfNeeded: rest >> 32))
        next = UInt16(truncatingIfNeeded: rest >> 48)
    }
}
