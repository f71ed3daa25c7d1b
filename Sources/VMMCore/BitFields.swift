/// Register fields by bit number, as the manuals name them: bits 12:10 are `rawValue[10...12]`.
extension FixedWidthInteger where Self: UnsignedInteger {
    /// The field `bits` (lowest bit first, as in `10...12`), moved down to bit 0; writing keeps the other bits.
    ///
    /// Bits past the width read as zero and ignore writes. The lower bound is not negative.
    @inlinable
    package subscript(bits: ClosedRange<Int>) -> Self {
        get { (self >> bits.lowerBound) & Self.fieldMask(bits) }
        set {
            let mask = Self.fieldMask(bits)
            self = (self & ~(mask << bits.lowerBound)) | ((newValue & mask) << bits.lowerBound)
        }
    }

    /// Bit `index` as a truth value.
    @inlinable
    package subscript(bit index: Int) -> Bool {
        get { (self >> index) & 1 == 1 }
        set { self = newValue ? self | (1 << index) : self & ~(1 << index) }
    }

    @inlinable
    package static func fieldMask(_ bits: ClosedRange<Int>) -> Self { ~0 >> (Self.bitWidth - bits.count) }
}
