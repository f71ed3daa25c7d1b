/// A nonzero number with room below for exact sums: `significand` × 2^(`exponent` - 126), leading bit at 126.
struct FPWide {
    var negative: Bool
    var exponent: Int
    var significand: UInt128

    @inline(__always) init(_ value: FPUnpacked) {
        negative = value.negative
        exponent = value.exponent
        significand = UInt128(value.significand) << 63
    }

    /// The exact product. The formats have at most 53 significant bits, so the shift loses nothing.
    @inline(__always) init(productOf a: FPUnpacked, _ b: FPUnpacked) {
        negative = a.negative != b.negative
        exponent = a.exponent + b.exponent
        significand = UInt128(a.significand) * UInt128(b.significand)
        if significand >> 127 != 0 {
            significand >>= 1
            exponent += 1
        }
    }

    /// The sum, its lowest bit sticky; nil when it is zero.
    static func sum(_ x: FPWide, _ y: FPWide) -> FPWide? {
        let swap = x.exponent < y.exponent || (x.exponent == y.exponent && x.significand < y.significand)
        let big = swap ? y : x
        let small = swap ? x : y
        let distance = big.exponent - small.exponent
        var aligned: UInt128
        if distance >= 127 {
            aligned = 1
        } else {
            aligned = small.significand >> UInt128(distance)
            if aligned << UInt128(distance) != small.significand { aligned |= 1 }
        }
        var result = big
        if big.negative == small.negative {
            result.significand += aligned
            if result.significand >> 127 != 0 {
                result.significand = result.significand >> 1 | result.significand & 1
                result.exponent += 1
            }
        } else {
            result.significand -= aligned
            if result.significand == 0 { return nil }
            let shift = result.significand.leadingZeroBitCount - 1
            result.significand <<= UInt128(shift)
            result.exponent -= shift
        }
        return result
    }

    @inline(__always) func rounded(
        _ format: FPFormat, _ fpcr: FPCR, _ rounding: FPRounding, _ fpsr: inout FPSR
    ) -> UInt64 {
        let sticky: UInt64 = significand & (1 << 63 - 1) == 0 ? 0 : 1
        return FP.round(
            negative: negative, exponent: exponent, significand: UInt64(truncatingIfNeeded: significand >> 63) | sticky,
            format, fpcr, rounding, &fpsr)
    }
}

extension FP {
    /// FPAdd().
    package static func add(_ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR) -> UInt64 {
        if fpcr.isNearestWithoutFlush, let result = hostAdd(a, b, format, fpsr) { return result }
        return exactAdd(a, b, negateB: false, format, fpcr, &fpsr)
    }

    /// FPSub().
    package static func subtract(
        _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        if fpcr.isNearestWithoutFlush, let result = hostAdd(a, b ^ format.signBit, format, fpsr) { return result }
        return exactAdd(a, b, negateB: true, format, fpcr, &fpsr)
    }

    /// FPAdd(), FPSub() by integers. A NaN operand of a subtraction keeps its sign, so the negation comes after.
    static func exactAdd(
        _ a: UInt64, _ b: UInt64, negateB: Bool, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        let x = unpack(a, format, fpcr, &fpsr)
        var y = unpack(b, format, fpcr, &fpsr)
        if let nan = processNaNs(x, y, a, b, format, fpcr, &fpsr) { return nan }
        if negateB { y.negative.toggle() }
        return sum(x, y, format, fpcr, &fpsr)
    }

    /// The sum of two numbers that are not NaN.
    private static func sum(
        _ x: FPUnpacked, _ y: FPUnpacked, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        if x.isInfinity || y.isInfinity {
            if x.isInfinity && y.isInfinity && x.negative != y.negative { return invalid(format, &fpsr) }
            return format.infinity(x.isInfinity ? x.negative : y.negative)
        }
        let rounding = fpcr.RMode
        if x.isZero && y.isZero && x.negative == y.negative { return format.zero(x.negative) }
        let total: FPWide? =
            x.isZero ? (y.isZero ? nil : FPWide(y)) : y.isZero ? FPWide(x) : FPWide.sum(FPWide(x), FPWide(y))
        guard let total else { return format.zero(rounding == .minusInfinity) }
        return total.rounded(format, fpcr, rounding, &fpsr)
    }

    /// FPMul().
    package static func multiply(
        _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        if fpcr.isNearestWithoutFlush, let result = hostMultiply(a, b, format, fpsr) { return result }
        return exactMultiply(a, b, extended: false, format, fpcr, &fpsr)
    }

    /// FPMulX(): zero times infinity is 2 with the product's sign.
    package static func multiplyExtended(
        _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        if fpcr.isNearestWithoutFlush, let result = hostMultiply(a, b, format, fpsr) { return result }
        return exactMultiply(a, b, extended: true, format, fpcr, &fpsr)
    }

    static func exactMultiply(
        _ a: UInt64, _ b: UInt64, extended: Bool, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        let x = unpack(a, format, fpcr, &fpsr)
        let y = unpack(b, format, fpcr, &fpsr)
        if let nan = processNaNs(x, y, a, b, format, fpcr, &fpsr) { return nan }
        let negative = x.negative != y.negative
        if x.isInfinity || y.isInfinity {
            if x.isZero || y.isZero { return extended ? format.two(negative) : invalid(format, &fpsr) }
            return format.infinity(negative)
        }
        if x.isZero || y.isZero { return format.zero(negative) }
        return FPWide(productOf: x, y).rounded(format, fpcr, fpcr.RMode, &fpsr)
    }

    /// FPDiv().
    package static func divide(
        _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        if fpcr.isNearestWithoutFlush, let result = hostDivide(a, b, format, fpsr) { return result }
        return exactDivide(a, b, format, fpcr, &fpsr)
    }

    static func exactDivide(
        _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        let x = unpack(a, format, fpcr, &fpsr)
        let y = unpack(b, format, fpcr, &fpsr)
        if let nan = processNaNs(x, y, a, b, format, fpcr, &fpsr) { return nan }
        let negative = x.negative != y.negative
        if (x.isInfinity && y.isInfinity) || (x.isZero && y.isZero) { return invalid(format, &fpsr) }
        if x.isInfinity { return format.infinity(negative) }
        if y.isZero {
            fpsr.DZC = true
            return format.infinity(negative)
        }
        if x.isZero || y.isInfinity { return format.zero(negative) }
        // x × 2^63 / y: both leading bits are at 63, so the quotient has its own at 63 or 62, and the high word of the
        // dividend is below the divisor.
        let (quotient, rest) = y.significand.dividingFullWidth((x.significand >> 1, x.significand << 63))
        let shift = quotient.leadingZeroBitCount
        return round(
            negative: negative, exponent: x.exponent - y.exponent - shift,
            significand: quotient << UInt64(shift) | (rest == 0 ? 0 : 1), format, fpcr, fpcr.RMode, &fpsr)
    }

    /// FPSqrt().
    package static func squareRoot(_ a: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR) -> UInt64 {
        if fpcr.isNearestWithoutFlush, let result = hostSquareRoot(a, format, fpsr) { return result }
        return exactSquareRoot(a, format, fpcr, &fpsr)
    }

    static func exactSquareRoot(_ a: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR) -> UInt64 {
        let x = unpack(a, format, fpcr, &fpsr)
        if x.isNaN { return processNaN(x.kind, a, format, fpcr, &fpsr) }
        if x.isZero { return format.zero(x.negative) }
        if x.negative { return invalid(format, &fpsr) }
        if x.isInfinity { return format.infinity(false) }
        // An even exponent, so that the root of 2^(2k) × m is 2^k × root of m, m in 1 ..< 4.
        let odd = x.exponent & 1
        let (root, isExact) = integerSquareRoot(UInt128(x.significand) << UInt128(63 + odd))
        return round(
            negative: false, exponent: (x.exponent - odd) >> 1, significand: root | (isExact ? 0 : 1), format, fpcr,
            fpcr.RMode, &fpsr)
    }

    /// Digit by digit; the argument is at least 2^126, so that the root has bit 63 set.
    private static func integerSquareRoot(_ value: UInt128) -> (root: UInt64, isExact: Bool) {
        var rest = value
        var root: UInt128 = 0
        var bit: UInt128 = 1 << 126
        while bit != 0 {
            if rest >= root + bit {
                rest -= root + bit
                root = root >> 1 + bit
            } else {
                root >>= 1
            }
            bit >>= 2
        }
        return (UInt64(truncatingIfNeeded: root), rest == 0)
    }

    /// FPMulAdd(): `addend` + `a` × `b`, rounded once.
    package static func multiplyAdd(
        _ addend: UInt64, _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        if fpcr.isNearestWithoutFlush, let result = hostMultiplyAdd(addend, a, b, format, fpsr) { return result }
        return exactMultiplyAdd(addend, a, b, format, fpcr, &fpsr)
    }

    static func exactMultiplyAdd(
        _ addend: UInt64, _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        let z = unpack(addend, format, fpcr, &fpsr)
        let x = unpack(a, format, fpcr, &fpsr)
        let y = unpack(b, format, fpcr, &fpsr)
        let isInvalidProduct = (x.isInfinity && y.isZero) || (x.isZero && y.isInfinity)
        if z.isNaN || x.isNaN || y.isNaN {
            // FPProcessNaNs3(): the addend first, signalling before quiet.
            if z.kind == .quietNaN && isInvalidProduct { return invalid(format, &fpsr) }
            if z.kind == .signallingNaN { return processNaN(z.kind, addend, format, fpcr, &fpsr) }
            if x.kind == .signallingNaN { return processNaN(x.kind, a, format, fpcr, &fpsr) }
            if y.kind == .signallingNaN { return processNaN(y.kind, b, format, fpcr, &fpsr) }
            if z.isNaN { return processNaN(z.kind, addend, format, fpcr, &fpsr) }
            if x.isNaN { return processNaN(x.kind, a, format, fpcr, &fpsr) }
            return processNaN(y.kind, b, format, fpcr, &fpsr)
        }
        let negative = x.negative != y.negative
        let isInfiniteProduct = x.isInfinity || y.isInfinity
        if isInvalidProduct || (z.isInfinity && isInfiniteProduct && z.negative != negative) {
            return invalid(format, &fpsr)
        }
        if z.isInfinity { return format.infinity(z.negative) }
        if isInfiniteProduct { return format.infinity(negative) }
        let isZeroProduct = x.isZero || y.isZero
        if z.isZero && isZeroProduct && z.negative == negative { return format.zero(negative) }
        return fused(z, x, y, format, fpcr, &fpsr)
    }

    /// z + x × y for finite operands, `halvings` subtracted from the exponent before rounding.
    private static func fused(
        _ z: FPUnpacked, _ x: FPUnpacked, _ y: FPUnpacked, halvings: Int = 0, _ format: FPFormat, _ fpcr: FPCR,
        _ fpsr: inout FPSR
    ) -> UInt64 {
        let rounding = fpcr.RMode
        let product = x.isZero || y.isZero ? nil : FPWide(productOf: x, y)
        let total: FPWide?
        if let product {
            total = z.isZero ? product : FPWide.sum(FPWide(z), product)
        } else {
            total = z.isZero ? nil : FPWide(z)
        }
        guard var total else { return format.zero(rounding == .minusInfinity) }
        total.exponent -= halvings
        return total.rounded(format, fpcr, rounding, &fpsr)
    }

    /// FPRecipStepFused(): 2 - `a` × `b`.
    package static func reciprocalStep(
        _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        step(
            a, b, from: FPUnpacked(kind: .nonzero, negative: false, exponent: 1, significand: 1 << 63),
            halvings: 0, invalidProduct: format.two(false), format, fpcr, &fpsr)
    }

    /// FPRSqrtStepFused(): (3 - `a` × `b`) / 2.
    package static func reciprocalSquareRootStep(
        _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        step(
            a, b, from: FPUnpacked(kind: .nonzero, negative: false, exponent: 1, significand: 3 << 62),
            halvings: 1, invalidProduct: format.onePointFive(false), format, fpcr, &fpsr)
    }

    private static func step(
        _ operand: UInt64, _ b: UInt64, from constant: FPUnpacked, halvings: Int, invalidProduct: UInt64,
        _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        let a = negate(operand, format)
        let x = unpack(a, format, fpcr, &fpsr)
        let y = unpack(b, format, fpcr, &fpsr)
        if let nan = processNaNs(x, y, a, b, format, fpcr, &fpsr) { return nan }
        if x.isInfinity || y.isInfinity {
            return x.isZero || y.isZero ? invalidProduct : format.infinity(x.negative != y.negative)
        }
        return fused(constant, x, y, halvings: halvings, format, fpcr, &fpsr)
    }
}
