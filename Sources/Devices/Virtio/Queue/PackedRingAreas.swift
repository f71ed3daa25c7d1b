internal import VMMCore

/// One entry of a packed ring or of its indirect tables, read once.
///
/// Source: virtio 1.2 §2.8.13, struct pvirtq_desc: le64 addr, le32 len, le16 id, le16 flags.
struct PackedDescriptor {
    static let byteCount = 16
    static let lengthOffset = 8
    static let idOffset = 12
    static let flagsOffset = 14

    let address: GuestAddress
    let length: UInt32
    let id: UInt16
    let flags: Flags

    struct Flags: OptionSet {
        let rawValue: UInt16
        static let next = Flags(rawValue: 1)
        static let write = Flags(rawValue: 2)
        static let indirect = Flags(rawValue: 4)
        static let available = Flags(rawValue: 1 << 7)
        static let used = Flags(rawValue: 1 << 15)
    }

    /// Entry `index` of a ring or table that has it.
    @inline(__always)
    init(_ index: Int, of table: GuestWindow) {
        let (first, rest) = table.readDoublewordPair(at: index &* Self.byteCount)
        address = GuestAddress(first)
        length = UInt32(truncatingIfNeeded: rest)
        id = UInt16(truncatingIfNeeded: rest >> 32)
        flags = Flags(rawValue: UInt16(truncatingIfNeeded: rest >> 48))
    }

    /// The flags of entry `index` alone: to be looked at before the rest.
    @inline(__always)
    static func flags(_ index: Int, of ring: GuestWindow) -> Flags {
        Flags(rawValue: ring.loadHalfword(at: index &* byteCount &+ flagsOffset))
    }
}

/// What one side wants to be told of, written by it and read by the other.
///
/// Source: virtio 1.2 §2.8.14, struct pvirtq_event_suppress: le16 desc (offset and wrap counter), le16 flags.
enum EventSuppression {
    static let byteCount = 4
    static let entry = 0
    private static let flags = 2

    /// Bits 0 and 1 of the flags; the others are reserved.
    enum Flags: UInt16 {
        case enable = 0
        case disable = 1
        /// When a given entry is used or made available. Only with VIRTIO_F_EVENT_IDX.
        case entry = 2
        case reserved = 3
    }

    static func flags(of structure: GuestWindow) -> Flags {
        // Two bits have no other values.
        Flags(rawValue: structure.loadHalfword(at: flags) & 3) ?? .reserved
    }

    /// The structure as the word that it is stored as, so that nobody sees half of it.
    static func word(_ flags: Flags, _ position: PackedPosition = PackedPosition()) -> UInt32 {
        UInt32(flags.rawValue) << 16 | UInt32(position.event)
    }
}

/// The three parts of a packed ring, checked: sizes, alignments, and that they are RAM.
///
/// Source: virtio 1.2 §2.8.10.1.
struct PackedRingAreas: Sendable {
    /// 1 to 32768, not only powers of two.
    let size: UInt16
    let ring: GuestWindow
    let driverEvent: GuestWindow
    let deviceEvent: GuestWindow

    init(_ layout: QueueLayout, maximumSize: UInt16, memory: GuestMemory) throws(QueueFault) {
        guard layout.size > 0, layout.size <= UInt32(maximumSize) else {
            throw .badSize(layout.size, maximum: maximumSize)
        }
        size = UInt16(layout.size)
        ring = try layout.window(
            .descriptorRing, layout.descriptorTable, alignment: 16, size: PackedDescriptor.byteCount * Int(layout.size),
            memory)
        driverEvent = try layout.window(
            .driverEventSuppression, layout.driverArea, alignment: 4, size: EventSuppression.byteCount, memory)
        deviceEvent = try layout.window(
            .deviceEventSuppression, layout.deviceArea, alignment: 4, size: EventSuppression.byteCount, memory)
    }
}
