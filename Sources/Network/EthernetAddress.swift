/// The address of an Ethernet interface, or of a group of them.
///
/// Source: IEEE 802, §8.
package struct EthernetAddress: Hashable, Sendable {
    package static let byteCount = 6
    package static let broadcast = EthernetAddress(rawValue: 0xFFFF_FFFF_FFFF)

    /// The first byte is bits 40 to 47.
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue & 0xFFFF_FFFF_FFFF }

    /// The six bytes at `bytes[offset...]`.
    @inline(__always)
    package init(_ bytes: [UInt8], at offset: Int) {
        rawValue = UInt64(bytes.bigHalfword(at: offset)) << 32 | UInt64(bytes.bigWord(at: offset + 2))
    }

    package var bytes: [UInt8] { (0..<6).map { UInt8(truncatingIfNeeded: rawValue >> UInt64(40 - 8 * $0)) } }
    /// Of a group, everybody included.
    package var isGroup: Bool { rawValue >> 40 & 1 == 1 }
}
