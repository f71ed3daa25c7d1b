/// Arm's floating point on bit patterns: operands and results are right-aligned in `UInt64`, flags accumulate in FPSR.
///
/// Every function follows the pseudocode of the same name (`add` is FPAdd()) with integer arithmetic only; where it provably
/// gives the same bits and flags, the host's IEEE arithmetic answers first (`FP+Host.swift`).
/// Source: DDI 0487, shared/functions/float.
package enum FP {
    /// FPUnpack() and FPUnpackCV(): half precision is only ever converted here, so FZ16 does not reach it.
    static func unpack(_ bits: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR) -> FPUnpacked {
        let negative = bits & format.signBit != 0
        let exponent = Int(bits >> UInt64(format.fractionBits) & format.exponentMask)
        let fraction = bits & format.fractionMask
        if exponent == 0 {
            if fraction == 0 { return FPUnpacked(kind: .zero, negative: negative) }
            if fpcr.FZ && format != .half {
                fpsr.IDC = true
                return FPUnpacked(kind: .zero, negative: negative)
            }
            let shift = fraction.leadingZeroBitCount
            return FPUnpacked(
                kind: .nonzero, negative: negative,
                exponent: format.minimumExponent + 63 - format.fractionBits - shift,
                significand: fraction << UInt64(shift))
        }
        if exponent == Int(format.exponentMask) && !(format == .half && fpcr.AHP) {
            if fraction == 0 { return FPUnpacked(kind: .infinity, negative: negative) }
            return FPUnpacked(
                kind: fraction & format.quietBit != 0 ? .quietNaN : .signallingNaN, negative: negative)
        }
        return FPUnpacked(
            kind: .nonzero, negative: negative, exponent: exponent - 1 + format.minimumExponent,
            significand: 1 << 63 | fraction << UInt64(63 - format.fractionBits))
    }

    /// How far a discarded part lies from the kept one.
    enum Remainder { case exact, belowHalf, half, aboveHalf }

    /// Whether the magnitude is incremented.
    @inline(__always) static func roundsUp(
        _ rounding: FPRounding, negative: Bool, odd: Bool, _ remainder: Remainder
    ) -> Bool {
        switch rounding {
        case .tieEven: remainder == .aboveHalf || (remainder == .half && odd)
        case .plusInfinity: remainder != .exact && !negative
        case .minusInfinity: remainder != .exact && negative
        case .zero, .odd: false
        case .tieAway: remainder == .half || remainder == .aboveHalf
        }
    }

    /// `significand` shifted right by `shift`, 1 or more, and what fell off.
    @inline(__always) static func split(_ significand: UInt64, by shift: Int) -> (kept: UInt64, Remainder) {
        if shift > 64 { return (0, significand == 0 ? .exact : .belowHalf) }
        let lost = shift == 64 ? significand : significand & (1 << UInt64(shift) - 1)
        let half: UInt64 = 1 << UInt64(shift - 1)
        let remainder: Remainder = lost == 0 ? .exact : lost < half ? .belowHalf : lost == half ? .half : .aboveHalf
        return (shift == 64 ? 0 : significand >> UInt64(shift), remainder)
    }

    /// FPRound() and FPRoundCV(): the nonzero value `significand` × 2^(`exponent` - 63) in the format.
    ///
    /// `significand` has bit 63 set; its bit 0 may be sticky (or-ed from what lay below). Underflow is decided before
    /// rounding, as Arm does.
    static func round(
        negative: Bool, exponent: Int, significand: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ rounding: FPRounding,
        _ fpsr: inout FPSR
    ) -> UInt64 {
        if exponent < format.minimumExponent && fpcr.FZ && format != .half {
            fpsr.UFC = true
            return format.zero(negative)
        }
        let biased = Swift.max(exponent - format.minimumExponent + 1, 0)
        let denormalShift = Swift.max(format.minimumExponent - exponent, 0)
        let fractionBits = UInt64(format.fractionBits)
        var (mantissa, remainder) = split(significand, by: 63 - format.fractionBits + denormalShift)
        if biased == 0 && remainder != .exact { fpsr.UFC = true }
        if roundsUp(rounding, negative: negative, odd: mantissa & 1 != 0, remainder) { mantissa += 1 }
        if rounding == .odd && remainder != .exact { mantissa |= 1 }
        // The implicit bit of a normal mantissa carries into the exponent, as does rounding up.
        let magnitude = (UInt64(Swift.max(biased, 1) - 1) << fractionBits) + mantissa
        if format == .half && fpcr.AHP {
            if magnitude >= 1 << 15 {
                fpsr.IOC = true
                return format.zero(negative) | 0x7FFF
            }
        } else if magnitude >= format.exponentField {
            fpsr.OFC = true
            fpsr.IXC = true
            return overflowsToInfinity(rounding, negative: negative)
                ? format.infinity(negative) : format.maxNormal(negative)
        }
        if remainder != .exact { fpsr.IXC = true }
        return format.zero(negative) | magnitude
    }

    @inline(__always) static func overflowsToInfinity(_ rounding: FPRounding, negative: Bool) -> Bool {
        switch rounding {
        case .tieEven, .tieAway: true
        case .plusInfinity: !negative
        case .minusInfinity: negative
        case .zero, .odd: false
        }
    }

    // MARK: NaNs

    /// The default NaN with Invalid Operation.
    static func invalid(_ format: FPFormat, _ fpsr: inout FPSR) -> UInt64 {
        fpsr.IOC = true
        return format.defaultNaN
    }

    /// FPProcessNaN().
    static func processNaN(
        _ kind: FPUnpacked.Kind, _ bits: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        if kind == .signallingNaN { fpsr.IOC = true }
        return fpcr.DN ? format.defaultNaN : bits | format.quietBit
    }

    /// FPProcessNaNs(): the first signalling NaN, else the first quiet one, else nil.
    static func processNaNs(
        _ a: FPUnpacked, _ b: FPUnpacked, _ aBits: UInt64, _ bBits: UInt64, _ format: FPFormat, _ fpcr: FPCR,
        _ fpsr: inout FPSR
    ) -> UInt64? {
        if !a.isNaN && !b.isNaN { return nil }
        if a.kind == .signallingNaN { return processNaN(a.kind, aBits, format, fpcr, &fpsr) }
        if b.kind == .signallingNaN { return processNaN(b.kind, bBits, format, fpcr, &fpsr) }
        if a.isNaN { return processNaN(a.kind, aBits, format, fpcr, &fpsr) }
        return processNaN(b.kind, bBits, format, fpcr, &fpsr)
    }

    // MARK: Sign

    /// FPAbs().
    @inline(__always) package static func abs(_ a: UInt64, _ format: FPFormat) -> UInt64 { a & ~format.signBit }
    /// FPNeg().
    @inline(__always) package static func negate(_ a: UInt64, _ format: FPFormat) -> UInt64 { a ^ format.signBit }
}
