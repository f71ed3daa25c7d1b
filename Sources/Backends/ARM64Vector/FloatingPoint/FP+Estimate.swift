/// Reciprocal estimates and FRECPX. The estimates are exact functions: the manual gives the tables as arithmetic.
extension FP {
    /// RecipEstimate(): 256 ..< 512 to 256 ..< 512.
    private static func reciprocalEstimate(_ a: UInt64) -> UInt64 { ((1 << 19) / (a * 2 + 1) + 1) / 2 }

    /// RecipSqrtEstimate(): 128 ..< 512 to 256 ..< 512.
    private static func reciprocalSquareRootEstimate(_ operand: UInt64) -> UInt64 {
        let a = operand < 256 ? operand * 2 + 1 : ((operand & ~1) + 1) * 2
        var b: UInt64 = 512
        while a * (b + 1) * (b + 1) < 1 << 28 { b += 1 }
        return (b + 1) / 2
    }

    /// UnsignedRecipEstimate() (URECPE).
    package static func unsignedReciprocalEstimate(_ a: UInt64) -> UInt64 {
        a >> 31 & 1 == 0 ? 0xFFFF_FFFF : reciprocalEstimate(a >> 23 & 0x1FF) << 23
    }

    /// UnsignedRSqrtEstimate() (URSQRTE).
    package static func unsignedReciprocalSquareRootEstimate(_ a: UInt64) -> UInt64 {
        a >> 30 & 3 == 0 ? 0xFFFF_FFFF : reciprocalSquareRootEstimate(a >> 23 & 0x1FF) << 23
    }

    /// The fraction of `a` as the top of 52 bits, and its exponent field.
    private static func fields(_ a: UInt64, _ format: FPFormat) -> (fraction: UInt64, exponent: Int) {
        (
            (a & format.fractionMask) << UInt64(52 - format.fractionBits),
            Int(a >> UInt64(format.fractionBits) & format.exponentMask)
        )
    }

    /// FPRecipEstimate() (FRECPE), single and double.
    package static func reciprocalEstimate(
        _ a: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        let x = unpack(a, format, fpcr, &fpsr)
        switch x.kind {
        case .quietNaN, .signallingNaN: return processNaN(x.kind, a, format, fpcr, &fpsr)
        case .infinity: return format.zero(x.negative)
        case .zero:
            fpsr.DZC = true
            return format.infinity(x.negative)
        case .nonzero: break
        }
        // Below 2^-128 (2^-1024) the reciprocal overflows.
        if x.exponent < format.minimumExponent - 2 {
            fpsr.OFC = true
            fpsr.IXC = true
            return overflowsToInfinity(fpcr.RMode, negative: x.negative)
                ? format.infinity(x.negative) : format.maxNormal(x.negative)
        }
        // From 2^126 (2^1022) it is denormal.
        if fpcr.FZ && x.exponent >= -format.minimumExponent {
            fpsr.UFC = true
            return format.zero(x.negative)
        }
        var (fraction, exponent) = fields(a, format)
        if exponent == 0 {
            if fraction >> 51 == 0 {
                exponent = -1
                fraction = fraction << 2 & (1 << 52 - 1)
            } else {
                fraction = fraction << 1 & (1 << 52 - 1)
            }
        }
        let estimate = reciprocalEstimate(1 << 8 | fraction >> 44)
        var resultExponent = 2 * Int(format.exponentMask >> 1) - 1 - exponent
        var resultFraction = (estimate & 0xFF) << 44
        if resultExponent == 0 {
            resultFraction = 1 << 51 | resultFraction >> 1
        } else if resultExponent == -1 {
            resultFraction = 1 << 50 | resultFraction >> 2
            resultExponent = 0
        }
        return format.zero(x.negative) | UInt64(resultExponent) << UInt64(format.fractionBits)
            | resultFraction >> UInt64(52 - format.fractionBits)
    }

    /// FPRSqrtEstimate() (FRSQRTE), single and double.
    package static func reciprocalSquareRootEstimate(
        _ a: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        let x = unpack(a, format, fpcr, &fpsr)
        if x.isNaN { return processNaN(x.kind, a, format, fpcr, &fpsr) }
        if x.isZero {
            fpsr.DZC = true
            return format.infinity(x.negative)
        }
        if x.negative { return invalid(format, &fpsr) }
        if x.isInfinity { return 0 }
        var (fraction, exponent) = fields(a, format)
        if exponent == 0 {
            while fraction >> 51 == 0 {
                fraction <<= 1
                exponent -= 1
            }
            fraction = fraction << 1 & (1 << 52 - 1)
        }
        let scaled = exponent & 1 == 0 ? 1 << 8 | fraction >> 44 : 1 << 7 | fraction >> 45
        let bias = Int(format.exponentMask >> 1)
        let resultExponent = UInt64((3 * bias - 1 - exponent) / 2)
        let estimate = reciprocalSquareRootEstimate(scaled)
        return resultExponent << UInt64(format.fractionBits) | (estimate & 0xFF) << UInt64(format.fractionBits - 8)
    }

    /// FPRecpX() (FRECPX).
    package static func reciprocalExponent(
        _ a: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        let x = unpack(a, format, fpcr, &fpsr)
        if x.isNaN { return processNaN(x.kind, a, format, fpcr, &fpsr) }
        let exponent = a >> UInt64(format.fractionBits) & format.exponentMask
        let inverse = exponent == 0 ? format.exponentMask - 1 : ~exponent & format.exponentMask
        return format.zero(x.negative) | inverse << UInt64(format.fractionBits)
    }
}
