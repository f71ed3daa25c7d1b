/// Integers in arrays of bytes. Who calls has looked that they are in the array.
extension [UInt8] {
    @inline(__always)
    func littleHalfword(at offset: Int) -> UInt16 { UInt16(self[offset]) | UInt16(self[offset + 1]) << 8 }

    @inline(__always)
    mutating func setLittleHalfword(_ value: UInt16, at offset: Int) {
        self[offset] = UInt8(truncatingIfNeeded: value)
        self[offset + 1] = UInt8(truncatingIfNeeded: value >> 8)
    }

    /// In the network's order.
    @inline(__always)
    package func bigHalfword(at offset: Int) -> UInt16 { UInt16(self[offset]) << 8 | UInt16(self[offset + 1]) }

    @inline(__always)
    package mutating func setBigHalfword(_ value: UInt16, at offset: Int) {
        self[offset] = UInt8(truncatingIfNeeded: value >> 8)
        self[offset + 1] = UInt8(truncatingIfNeeded: value)
    }

    @inline(__always)
    package func bigWord(at offset: Int) -> UInt32 {
        UInt32(bigHalfword(at: offset)) << 16 | UInt32(bigHalfword(at: offset + 2))
    }

    @inline(__always)
    package mutating func setBigWord(_ value: UInt32, at offset: Int) {
        setBigHalfword(UInt16(truncatingIfNeeded: value >> 16), at: offset)
        setBigHalfword(UInt16(truncatingIfNeeded: value), at: offset + 2)
    }

    /// Copies `source[range]` to `offset`. Allocates nothing when the array has one owner.
    mutating func copy(_ source: [UInt8], _ range: Range<Int>, to offset: Int) {
        replaceSubrange(offset..<offset + range.count, with: source[range])
    }
}
