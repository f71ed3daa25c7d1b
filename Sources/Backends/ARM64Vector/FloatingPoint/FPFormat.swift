/// An IEEE 754 interchange format; numbers of it are bit patterns in the low bits of a `UInt64`.
package enum FPFormat: UInt8, Sendable {
    case half, single, double

    /// N: bits of the format.
    @inline(__always) var bits: Int { self == .double ? 64 : self == .single ? 32 : 16 }
    /// E: bits of the exponent.
    @inline(__always) var exponentBits: Int { self == .double ? 11 : self == .single ? 8 : 5 }
    /// F: bits of the fraction.
    @inline(__always) var fractionBits: Int { self == .double ? 52 : self == .single ? 23 : 10 }
    /// The exponent of the smallest normal number, 2 - 2^(E-1).
    @inline(__always) var minimumExponent: Int { self == .double ? -1022 : self == .single ? -126 : -14 }

    @inline(__always) var signBit: UInt64 { 1 << UInt64(bits - 1) }
    @inline(__always) var fractionMask: UInt64 { 1 << UInt64(fractionBits) - 1 }
    /// All ones, right-aligned.
    @inline(__always) var exponentMask: UInt64 { 1 << UInt64(exponentBits) - 1 }
    /// The exponent field of infinities and NaNs, in place: also the pattern of +infinity.
    @inline(__always) var exponentField: UInt64 { exponentMask << UInt64(fractionBits) }
    /// The top bit of the fraction: 1 in a quiet NaN.
    @inline(__always) var quietBit: UInt64 { 1 << UInt64(fractionBits - 1) }

    // Patterns: FPZero(), FPInfinity(), FPMaxNormal(), FPDefaultNaN(), FPOne() and so on.
    @inline(__always) func zero(_ negative: Bool) -> UInt64 { negative ? signBit : 0 }
    @inline(__always) func infinity(_ negative: Bool) -> UInt64 { zero(negative) | exponentField }
    @inline(__always) func maxNormal(_ negative: Bool) -> UInt64 { zero(negative) | (exponentField - 1) }
    @inline(__always) var defaultNaN: UInt64 { exponentField | quietBit }
    /// 2^`power` for a power in the normal range.
    @inline(__always) func power(_ power: Int, negative: Bool = false) -> UInt64 {
        zero(negative) | UInt64(power - minimumExponent + 1) << UInt64(fractionBits)
    }
    /// FPTwo().
    @inline(__always) func two(_ negative: Bool) -> UInt64 { self.power(1, negative: negative) }
    /// FPOnePointFive().
    @inline(__always) func onePointFive(_ negative: Bool) -> UInt64 { self.power(0, negative: negative) | quietBit }
}

/// What FPUnpack() makes of a bit pattern.
struct FPUnpacked {
    enum Kind { case zero, nonzero, infinity, quietNaN, signallingNaN }
    var kind: Kind
    var negative: Bool
    /// Of the leading bit: the value is `significand` × 2^(`exponent` - 63). For `.nonzero` only.
    var exponent = 0
    /// Bit 63 set, for `.nonzero` only.
    var significand: UInt64 = 0

    @inline(__always) var isNaN: Bool { kind == .quietNaN || kind == .signallingNaN }
    @inline(__always) var isZero: Bool { kind == .zero }
    @inline(__always) var isInfinity: Bool { kind == .infinity }
}
