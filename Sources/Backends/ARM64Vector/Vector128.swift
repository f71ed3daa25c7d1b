/// The value of one SIMD and floating point register, V0 to V31, 128 bits.
///
/// Element 0 is in the low bits of `low`. Writing a smaller view (B, H, S, D, or a 64-bit arrangement) zeroes the rest, so a
/// function here returns the whole new register value.
/// Not `@usableFromInline`: with its initializer inlined there, the software CPU took a seventh more CPU time to boot Linux.
/// Source: DDI 0487 §B1.2.2.
package struct Vector128: Equatable, Hashable, Sendable {
    /// Bits 63:0, the D view.
    package var low: UInt64
    /// Bits 127:64.
    package var high: UInt64

    package static let zero = Vector128(low: 0, high: 0)

    @inlinable package init(low: UInt64, high: UInt64 = 0) {
        self.low = low
        self.high = high
    }

    /// Element `index` of `8 << size` bits, zero-extended. `index` is below `16 >> size`; beyond it, it wraps.
    @inlinable package func element(_ index: Int, size: Int) -> UInt64 {
        let position = index << (3 + size)
        let half = position & 64 == 0 ? low : high
        return (half >> UInt64(position & 63)) & Vector128.mask(size)
    }

    /// Replaces element `index`; bits of `value` above the element are ignored.
    @inlinable package mutating func setElement(_ index: Int, size: Int, to value: UInt64) {
        let position = index << (3 + size)
        let shift = UInt64(position & 63)
        let mask = Vector128.mask(size) << shift
        let bits = (value << shift) & mask
        if position & 64 == 0 { low = (low & ~mask) | bits } else { high = (high & ~mask) | bits }
    }

    /// Sets element `index`, which is zero so far, to `value`, which has no bits above the element.
    @inline(__always) mutating func fillElement(_ index: Int, size: Int, _ value: UInt64) {
        let position = index << (3 + size)
        let bits = value << UInt64(position & 63)
        if position & 64 == 0 { low |= bits } else { high |= bits }
    }

    /// All ones in the low `8 << size` bits; `size` is 0 to 3.
    @inlinable static func mask(_ size: Int) -> UInt64 { ~0 >> UInt64(64 - (8 << (size & 3))) }

    /// `value`'s low element in every element of the register.
    @inlinable static func broadcast(_ value: UInt64, size: Int) -> Vector128 {
        var bits = value & mask(size)
        var width = 8 << size
        while width < 64 {
            bits |= bits << UInt64(width)
            width <<= 1
        }
        return Vector128(low: bits, high: bits)
    }

    /// Byte `index`, 0 to 15.
    @inlinable func byte(_ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: (index & 8 == 0 ? low : high) >> UInt64((index & 7) << 3))
    }

    /// Word `index`, 0 to 3.
    @inlinable func word(_ index: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: (index & 2 == 0 ? low : high) >> UInt64((index & 1) << 5))
    }

    /// Four words, element 0 first.
    @inlinable init(_ w0: UInt32, _ w1: UInt32, _ w2: UInt32, _ w3: UInt32) {
        self.init(low: UInt64(w0) | UInt64(w1) << 32, high: UInt64(w2) | UInt64(w3) << 32)
    }

    @inlinable static func ^ (a: Vector128, b: Vector128) -> Vector128 {
        Vector128(low: a.low ^ b.low, high: a.high ^ b.high)
    }
}
