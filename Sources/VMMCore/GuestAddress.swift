/// An address in guest physical memory (x86: GPA, Arm: IPA), in bytes.
///
/// Arithmetic is explicit and checked: an address that comes from the guest may lie anywhere in 2^64.
@usableFromInline
package struct GuestAddress: RawRepresentable, Hashable, Comparable, Sendable {
    @usableFromInline package var rawValue: UInt64

    @inlinable
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// The address `offset` bytes further on, or nil when that is past 2^64 - 1.
    package func advanced(by offset: UInt64) -> GuestAddress? {
        let (sum, overflow) = rawValue.addingReportingOverflow(offset)
        return overflow ? nil : GuestAddress(sum)
    }

    @inlinable
    package static func < (left: GuestAddress, right: GuestAddress) -> Bool { left.rawValue < right.rawValue }
}

extension GuestAddress: CustomStringConvertible {
    /// `0x` and the hexadecimal digits, without padding.
    @usableFromInline package var description: String { "0x" + String(rawValue, radix: 16) }
}

/// A half-open range of guest physical addresses: `start ..< start + size`, never empty, never past 2^64.
package struct GuestRange: Hashable, Sendable {
    package let start: GuestAddress
    /// Length in bytes, at least 1.
    package let size: UInt64

    /// Nil when `size` is 0 or the range does not end at or below 2^64 - 1.
    package init?(start: GuestAddress, size: UInt64) {
        guard size > 0, start.advanced(by: size) != nil else { return nil }
        self.start = start
        self.size = size
    }

    /// The first address behind the range.
    package var end: GuestAddress { GuestAddress(start.rawValue + size) }

    package func contains(_ address: GuestAddress) -> Bool { address >= start && address < end }

    /// True when `count` bytes from `address` on all lie in the range. An access of 0 bytes may start at `end`.
    package func contains(_ address: GuestAddress, count: UInt64) -> Bool {
        guard address >= start, let accessEnd = address.advanced(by: count) else { return false }
        return accessEnd <= end
    }

    package func overlaps(_ other: GuestRange) -> Bool { start < other.end && other.start < end }
}

extension GuestRange: CustomStringConvertible {
    /// `[0x1000, 0x2000)`.
    package var description: String { "[\(start), \(end))" }
}
