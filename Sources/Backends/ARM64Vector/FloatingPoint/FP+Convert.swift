/// Conversions between formats, to and from integers and fixed point, and rounding to integral.
extension FP {
    /// FPConvert(): between any two formats, by FPCR's rounding mode or, for FCVTXN, to odd.
    package static func convert(
        _ a: UInt64, from source: FPFormat, to target: FPFormat, rounding: FPRounding? = nil, _ fpcr: FPCR,
        _ fpsr: inout FPSR
    ) -> UInt64 {
        if let result = plainConvert(a, from: source, to: target, rounding, fpcr, fpsr) { return result }
        let x = unpack(a, source, fpcr, &fpsr)
        let isAlternative = target == .half && fpcr.AHP
        switch x.kind {
        case .quietNaN, .signallingNaN:
            if x.kind == .signallingNaN || isAlternative { fpsr.IOC = true }
            if isAlternative { return target.zero(x.negative) }
            if fpcr.DN { return target.defaultNaN }
            // FPConvertNaN(): the payload keeps its top bits.
            let payload = (a & source.fractionMask) << UInt64(63 - source.fractionBits)
            return target.infinity(x.negative) | target.quietBit | payload >> UInt64(63 - target.fractionBits)
        case .infinity:
            if isAlternative {
                fpsr.IOC = true
                return target.zero(x.negative) | 0x7FFF
            }
            return target.infinity(x.negative)
        case .zero:
            return target.zero(x.negative)
        case .nonzero:
            return round(
                negative: x.negative, exponent: x.exponent, significand: x.significand, target, fpcr,
                rounding ?? fpcr.RMode, &fpsr)
        }
    }

    /// Single to double of a normal number, which is exact, and back by the host where `FP+Host.swift` allows it.
    @inline(__always) private static func plainConvert(
        _ a: UInt64, from source: FPFormat, to target: FPFormat, _ rounding: FPRounding?, _ fpcr: FPCR, _ fpsr: FPSR
    ) -> UInt64? {
        if source == .single && target == .double {
            let exponent = a >> 23 & 0xFF
            guard exponent &- 1 < 254 else { return nil }
            return (a & 1 << 31) << 32 | (exponent + 896) << 52 | (a & 0x7F_FFFF) << 29
        }
        if source == .double && target == .single && rounding == nil && fpcr.isNearestWithoutFlush {
            return hostNarrow(a, fpsr)
        }
        return nil
    }

    /// FPRoundInt(). `exact`: FRINTX, which sets Inexact.
    package static func roundToIntegral(
        _ a: UInt64, _ rounding: FPRounding, exact: Bool, _ format: FPFormat, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        let x = unpack(a, format, fpcr, &fpsr)
        if x.isNaN { return processNaN(x.kind, a, format, fpcr, &fpsr) }
        if x.isInfinity { return a }
        if x.isZero { return format.zero(x.negative) }
        if x.exponent >= format.fractionBits { return a }
        let (integer, remainder) = magnitude(x, scale: 0, rounding)
        if remainder != .exact && exact { fpsr.IXC = true }
        if integer == 0 { return format.zero(x.negative) }
        let shift = integer.leadingZeroBitCount
        return round(
            negative: x.negative, exponent: 63 - shift, significand: integer << UInt64(shift), format, fpcr, .zero,
            &fpsr)
    }

    /// |x| × 2^`scale` rounded to an integer, for values below 2^64.
    private static func magnitude(_ x: FPUnpacked, scale: Int, _ rounding: FPRounding) -> (UInt64, Remainder) {
        let exponent = x.exponent + scale
        if exponent >= 63 { return (x.significand, .exact) }
        var (integer, remainder) = split(x.significand, by: 63 - exponent)
        if roundsUp(rounding, negative: x.negative, odd: integer & 1 != 0, remainder) { integer += 1 }
        return (integer, remainder)
    }

    /// FPToFixed(): to an integer of `width` bits (32 or 64) with `fractionBits` of them below the point, saturating.
    package static func toFixed(
        _ a: UInt64, width: Int, fractionBits: Int, unsigned: Bool, _ rounding: FPRounding, _ format: FPFormat,
        _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt64 {
        let x = unpack(a, format, fpcr, &fpsr)
        let ones = ~0 as UInt64 >> UInt64(64 - width)
        let limit: UInt64 = unsigned ? (x.negative ? 0 : ones) : x.negative ? ones >> 1 + 1 : ones >> 1
        switch x.kind {
        case .quietNaN, .signallingNaN:
            fpsr.IOC = true
            return 0
        case .zero:
            return 0
        case .infinity:
            fpsr.IOC = true
            return limit
        case .nonzero:
            if x.exponent + fractionBits >= 64 {
                fpsr.IOC = true
                return limit
            }
            let (integer, remainder) = magnitude(x, scale: fractionBits, rounding)
            if integer > limit {
                fpsr.IOC = true
                return limit
            }
            if remainder != .exact { fpsr.IXC = true }
            return (x.negative ? 0 &- integer : integer) & ones
        }
    }

    /// FixedToFP(): from an integer of `width` bits with `fractionBits` of them below the point.
    package static func fromFixed(
        _ a: UInt64, width: Int, fractionBits: Int, unsigned: Bool, _ format: FPFormat, _ fpcr: FPCR,
        _ fpsr: inout FPSR
    ) -> UInt64 {
        let shift = UInt64(64 - width)
        var negative = false
        var integer = (a << shift) >> shift
        if !unsigned {
            let value = Int64(bitPattern: a << shift) >> Int64(shift)
            negative = value < 0
            integer = value.magnitude
        }
        if integer == 0 { return 0 }
        let zeros = integer.leadingZeroBitCount
        return round(
            negative: negative, exponent: 63 - zeros - fractionBits, significand: integer << UInt64(zeros), format,
            fpcr, fpcr.RMode, &fpsr)
    }
}
