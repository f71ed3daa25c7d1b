/// The width of one access to a device register or port. The raw value is in bytes.
@usableFromInline
package enum AccessWidth: UInt8, CaseIterable, Sendable {
    case byte = 1
    case halfword = 2
    case word = 4
    case doubleword = 8

    // On the way of each exit, hence inlined into other modules.

    @inlinable
    @inline(__always)
    package var bytes: Int { Int(rawValue) }
    @inlinable
    @inline(__always)
    package var bits: Int { Int(rawValue) * 8 }

    /// All value bits of this width set: what a read of nothing gives on x86.
    @inlinable
    @inline(__always)
    package var mask: UInt64 { ~0 >> UInt64(64 - bits) }
}
