import ARM64Vector
import Testing

/// Directed corner cases, each with the flags it sets and no others.
@Suite struct FloatingPointTests {
    static let nearest = FPCR(rawValue: 0)
    static let plus = FPCR(rawValue: 1 << 22)
    static let minus = FPCR(rawValue: 2 << 22)
    static let zero = FPCR(rawValue: 3 << 22)
    static let flush = FPCR(rawValue: 1 << 24)
    static let defaultNaN = FPCR(rawValue: 1 << 25)
    static let alternative = FPCR(rawValue: 1 << 26)

    /// Runs `body` with FPSR clear; the result and the flags.
    private func flags(_ body: (inout FPSR) -> UInt64) -> (UInt64, UInt32) {
        var fpsr = FPSR(rawValue: 0)
        let result = body(&fpsr)
        return (result, fpsr.rawValue)
    }

    private static let ioc: UInt32 = 1
    private static let dzc: UInt32 = 2
    private static let ofc: UInt32 = 4
    private static let ufc: UInt32 = 8
    private static let ixc: UInt32 = 16
    private static let idc: UInt32 = 128

    @Test("FPRound: overflow goes to infinity or the largest number by mode and sign")
    func overflow() {
        let largest: UInt64 = 0x7FEF_FFFF_FFFF_FFFF
        let expected: [(FPCR, UInt64, UInt64)] = [
            (Self.nearest, 0x7FF0_0000_0000_0000, 0xFFF0_0000_0000_0000),
            (Self.plus, 0x7FF0_0000_0000_0000, 0xFFEF_FFFF_FFFF_FFFF),
            (Self.minus, 0x7FEF_FFFF_FFFF_FFFF, 0xFFF0_0000_0000_0000),
            (Self.zero, 0x7FEF_FFFF_FFFF_FFFF, 0xFFEF_FFFF_FFFF_FFFF),
        ]
        for (fpcr, positive, negative) in expected {
            #expect(flags { FP.add(largest, largest, .double, fpcr, &$0) } == (positive, Self.ofc | Self.ixc))
            #expect(
                flags { FP.add(largest | 1 << 63, largest | 1 << 63, .double, fpcr, &$0) }
                    == (negative, Self.ofc | Self.ixc))
        }
    }

    @Test("FPRound: ties to even, and half a unit more or less, in each mode")
    func ties() {
        // 1 + 2^-24 lies between 1 and 1 + 2^-23; 1 + 3 × 2^-24 above the odd one.
        let one: UInt64 = 0x3F80_0000
        let half: UInt64 = 0x3380_0000
        #expect(flags { FP.add(one, half, .single, Self.nearest, &$0) } == (one, Self.ixc))
        #expect(flags { FP.add(one + 1, half, .single, Self.nearest, &$0) } == (one + 2, Self.ixc))
        #expect(flags { FP.add(one, half + 1, .single, Self.nearest, &$0) } == (one + 1, Self.ixc))
        #expect(flags { FP.add(one, half, .single, Self.plus, &$0) } == (one + 1, Self.ixc))
        #expect(flags { FP.add(one + 1, half, .single, Self.zero, &$0) } == (one + 1, Self.ixc))
        #expect(
            flags { FP.add(one | 1 << 31, half | 1 << 31, .single, Self.minus, &$0) } == (one + 1 | 1 << 31, Self.ixc))
    }

    @Test("FPRound: underflow is decided before rounding, and only when inexact")
    func underflow() {
        // The largest denormal plus half a unit rounds to the smallest normal: tiny before rounding.
        let product = flags { FP.multiply(0x007F_FFFF, 0x3F80_0001, .single, Self.nearest, &$0) }
        #expect(product == (0x0080_0000, Self.ufc | Self.ixc))
        // Exact denormals do not underflow.
        #expect(flags { FP.multiply(0x0080_0000, 0x3F00_0000, .single, Self.nearest, &$0) } == (0x0040_0000, 0))
        #expect(
            flags { FP.multiply(1, 0x3FE0_0000_0000_0000, .double, Self.nearest, &$0) } == (0, Self.ufc | Self.ixc))
        #expect(flags { FP.multiply(1, 0x3FE0_0000_0000_0000, .double, Self.plus, &$0) } == (1, Self.ufc | Self.ixc))
    }

    @Test("FPCR.FZ: inputs set IDC alone, results UFC alone")
    func flushToZero() {
        #expect(flags { FP.add(1, 0, .double, Self.flush, &$0) } == (0, Self.idc))
        #expect(flags { FP.multiply(0x0080_0000, 0x3F00_0000, .single, Self.flush, &$0) } == (0, Self.ufc))
        #expect(
            flags { FP.multiply(0x8080_0000, 0x3F00_0000, .single, Self.flush, &$0) } == (0x8000_0000, Self.ufc))
        #expect(flags { UInt64(FP.compare(1, 0, signalling: false, .single, Self.flush, &$0)) } == (6, Self.idc))
        // A conversion's half precision side is never flushed.
        #expect(flags { FP.convert(0x0001, from: .half, to: .single, Self.flush, &$0) } == (0x3380_0000, 0))
        #expect(flags { FP.convert(0x3380_0000, from: .single, to: .half, Self.flush, &$0) } == (0x0001, 0))
        // A double that would be a denormal single is.
        #expect(
            flags { FP.convert(0x3800_0000_0000_0000, from: .double, to: .single, Self.flush, &$0) }
                == (0, Self.ufc))
    }

    @Test("FPProcessNaNs: signalling before quiet, first before second, payload kept and made quiet")
    func nans() {
        let quiet: UInt64 = 0x7FC0_1111
        let otherQuiet: UInt64 = 0xFFC0_2222
        let signalling: UInt64 = 0x7F80_3333
        #expect(flags { FP.add(quiet, otherQuiet, .single, Self.nearest, &$0) } == (quiet, 0))
        #expect(flags { FP.add(quiet, signalling, .single, Self.nearest, &$0) } == (0x7FC0_3333, Self.ioc))
        #expect(flags { FP.add(quiet, otherQuiet, .single, Self.defaultNaN, &$0) } == (0x7FC0_0000, 0))
        #expect(flags { FP.subtract(0, otherQuiet, .single, Self.nearest, &$0) } == (otherQuiet, 0))
        #expect(flags { FP.maxNumber(quiet, 5, .single, Self.nearest, &$0) } == (5, 0))
        #expect(flags { FP.maxNumber(signalling, 5, .single, Self.nearest, &$0) } == (0x7FC0_3333, Self.ioc))
        // FPMulAdd: a quiet addend loses to infinity times zero.
        let infinity: UInt64 = 0x7F80_0000
        #expect(flags { FP.multiplyAdd(quiet, infinity, 0, .single, Self.nearest, &$0) } == (0x7FC0_0000, Self.ioc))
        #expect(
            flags { FP.multiplyAdd(signalling, infinity, 0, .single, Self.nearest, &$0) } == (0x7FC0_3333, Self.ioc))
    }

    @Test("invalid operations give the default NaN; a division by zero an infinity")
    func invalid() {
        let infinity: UInt64 = 0x7FF0_0000_0000_0000
        let nan: UInt64 = 0x7FF8_0000_0000_0000
        let one: UInt64 = 0x3FF0_0000_0000_0000
        #expect(flags { FP.subtract(infinity, infinity, .double, Self.nearest, &$0) } == (nan, Self.ioc))
        #expect(flags { FP.multiply(infinity, 0, .double, Self.nearest, &$0) } == (nan, Self.ioc))
        #expect(flags { FP.divide(0, 0, .double, Self.nearest, &$0) } == (nan, Self.ioc))
        #expect(flags { FP.divide(one, 1 << 63, .double, Self.nearest, &$0) } == (infinity | 1 << 63, Self.dzc))
        #expect(flags { FP.squareRoot(one | 1 << 63, .double, Self.nearest, &$0) } == (nan, Self.ioc))
        #expect(flags { FP.squareRoot(1 << 63, .double, Self.nearest, &$0) } == (1 << 63, 0))
        #expect(
            flags { FP.multiplyExtended(infinity, 1 << 63, .double, Self.nearest, &$0) } == (0xC000_0000_0000_0000, 0))
    }

    @Test("FPAdd: a sum that cancels is +0, or -0 when rounding down")
    func cancellation() {
        let one: UInt64 = 0x3FF0_0000_0000_0000
        #expect(flags { FP.subtract(one, one, .double, Self.nearest, &$0) } == (0, 0))
        #expect(flags { FP.subtract(one, one, .double, Self.minus, &$0) } == (1 << 63, 0))
        #expect(flags { FP.add(1 << 63, 1 << 63, .double, Self.nearest, &$0) } == (1 << 63, 0))
        #expect(flags { FP.max(1 << 63, 0, .double, Self.nearest, &$0) } == (0, 0))
        #expect(flags { FP.min(0, 1 << 63, .double, Self.nearest, &$0) } == (1 << 63, 0))
    }

    @Test("FPToFixed: saturation is Invalid alone, fraction bits scale, ties round by the instruction")
    func toFixed() {
        func convert(
            _ value: Double, width: Int, _ unsigned: Bool, _ rounding: FPRounding, fractionBits: Int = 0
        ) -> (UInt64, UInt32) {
            flags {
                FP.toFixed(
                    value.bitPattern, width: width, fractionBits: fractionBits, unsigned: unsigned, rounding, .double,
                    Self.nearest, &$0)
            }
        }
        #expect(convert(2_147_483_647.5, width: 32, false, .zero) == (0x7FFF_FFFF, Self.ixc))
        #expect(convert(2_147_483_648, width: 32, false, .zero) == (0x7FFF_FFFF, Self.ioc))
        #expect(convert(-2_147_483_649, width: 32, false, .zero) == (0x8000_0000, Self.ioc))
        #expect(convert(-0.5, width: 32, true, .zero) == (0, Self.ixc))
        #expect(convert(-1, width: 32, true, .zero) == (0, Self.ioc))
        #expect(convert(0x1p63, width: 64, false, .zero) == (0x7FFF_FFFF_FFFF_FFFF, Self.ioc))
        #expect(convert(-0x1p63, width: 64, false, .zero) == (1 << 63, 0))
        #expect(convert(.nan, width: 64, false, .zero) == (0, Self.ioc))
        #expect(convert(-.infinity, width: 64, true, .zero) == (0, Self.ioc))
        #expect(convert(2.5, width: 64, false, .tieEven) == (2, Self.ixc))
        #expect(convert(2.5, width: 64, false, .tieAway) == (3, Self.ixc))
        #expect(convert(-2.5, width: 64, false, .tieAway) == (UInt64(bitPattern: -3), Self.ixc))
        #expect(convert(-2.5, width: 64, false, .plusInfinity) == (UInt64(bitPattern: -2), Self.ixc))
        #expect(convert(0.75, width: 32, false, .zero, fractionBits: 2) == (3, 0))
        #expect(convert(1.5, width: 64, false, .zero, fractionBits: 64) == (0x7FFF_FFFF_FFFF_FFFF, Self.ioc))
    }

    @Test("FPRoundInt: FRINTX alone is inexact, a zero keeps its sign")
    func roundToIntegral() {
        let minusHalf = (-0.5).bitPattern
        #expect(
            flags { FP.roundToIntegral(minusHalf, .tieEven, exact: false, .double, Self.nearest, &$0) } == (1 << 63, 0))
        #expect(
            flags { FP.roundToIntegral(minusHalf, .tieEven, exact: true, .double, Self.nearest, &$0) }
                == (1 << 63, Self.ixc))
        #expect(
            flags { FP.roundToIntegral((2.5).bitPattern, .tieAway, exact: false, .double, Self.nearest, &$0) }
                == ((3.0).bitPattern, 0))
    }

    @Test("FPConvert: double rounding is avoided by FCVTXN; alternative half precision has no infinity")
    func conversions() {
        // 1 + 2^-24 + 2^-52 to odd keeps the sticky bit, so that a later rounding to half is right.
        let value: UInt64 = 0x3FF0_0000_1000_0001
        #expect(
            flags { FP.convert(value, from: .double, to: .single, rounding: .odd, Self.nearest, &$0) }
                == (0x3F80_0001, Self.ixc))
        #expect(
            flags { FP.convert(0x7F80_0000, from: .single, to: .half, Self.alternative, &$0) } == (0x7FFF, Self.ioc))
        #expect(
            flags { FP.convert(0xFFC0_0000, from: .single, to: .half, Self.alternative, &$0) } == (0x8000, Self.ioc))
        #expect(flags { FP.convert(0x7C00, from: .half, to: .single, Self.alternative, &$0) } == (0x4780_0000, 0))
        // A payload keeps its top bits.
        #expect(
            flags { FP.convert(0x7F81_2000, from: .single, to: .half, Self.nearest, &$0) } == (0x7E09, Self.ioc))
        #expect(
            flags { FP.convert(0x477F_F000, from: .single, to: .half, Self.nearest, &$0) }
                == (0x7C00, Self.ofc | Self.ixc))
    }

    @Test("estimates: 1 / 1, limits, and their flags")
    func estimates() {
        let one: UInt64 = 0x3F80_0000
        #expect(flags { FP.reciprocalEstimate(one, .single, Self.nearest, &$0) } == (0x3F7F_8000, 0))
        #expect(flags { FP.reciprocalSquareRootEstimate(one, .single, Self.nearest, &$0) } == (0x3F7F_8000, 0))
        #expect(flags { FP.reciprocalEstimate(0, .single, Self.nearest, &$0) } == (0x7F80_0000, Self.dzc))
        #expect(flags { FP.reciprocalEstimate(1, .single, Self.nearest, &$0) } == (0x7F80_0000, Self.ofc | Self.ixc))
        #expect(flags { FP.reciprocalEstimate(1, .single, Self.zero, &$0) } == (0x7F7F_FFFF, Self.ofc | Self.ixc))
        #expect(flags { FP.reciprocalEstimate(0x7F00_0000, .single, Self.flush, &$0) } == (0, Self.ufc))
        #expect(
            flags { FP.reciprocalStep(0x7F80_0000, 0, .single, Self.nearest, &$0) } == (0x4000_0000, 0))
        #expect(
            flags { FP.reciprocalSquareRootStep(0x7F80_0000, 0, .single, Self.nearest, &$0) } == (0x3FC0_0000, 0))
    }

    @Test("FPSR is cumulative: what is set stays set, and does not change results")
    func cumulative() {
        var fpsr = FPSR(rawValue: FPSR.writable)
        let third = FP.divide((1.0).bitPattern, (3.0).bitPattern, .double, Self.nearest, &fpsr)
        #expect(third == (1.0 / 3.0).bitPattern)
        #expect(fpsr.rawValue == FPSR.writable)
    }
}
