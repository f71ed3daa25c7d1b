/// Advanced SIMD two-register miscellaneous, and its scalar forms: floating point.
///
/// For FCVTL, FCVTN and FCVTXN the arrangement is that of the narrow elements.
/// Source: DDI 0487 §C4.1, "Advanced SIMD two-register miscellaneous", "Advanced SIMD scalar two-register miscellaneous".
package enum AdvSIMDTwoRegMiscFP: UInt8, CaseIterable, Sendable {
    case FCVTL, FCVTN, FCVTXN
    case FRINTN, FRINTM, FRINTP, FRINTZ, FRINTA, FRINTX, FRINTI
    case FCVTNS, FCVTNU, FCVTMS, FCVTMU, FCVTPS, FCVTPU, FCVTZS, FCVTZU, FCVTAS, FCVTAU
    case SCVTF, UCVTF
    case FCMGTzero, FCMGEzero, FCMEQzero, FCMLEzero, FCMLTzero
    case FABS, FNEG, FSQRT, FRECPE, FRSQRTE, FRECPX

    package static func execute(
        _ op: AdvSIMDTwoRegMiscFP, _ a: Arrangement, _ n: Vector128, _ d: Vector128, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> Vector128 {
        let f = a.format
        switch op {
        case .FCVTL:
            let source = Vector128(low: n.half(upper: a.upper))
            let wide = a.widened
            var result = Vector128.zero
            for index in 0..<a.elements {
                result.setElement(
                    index, size: wide.size,
                    to: FP.convert(source.element(index, size: a.size), from: f, to: wide.format, fpcr, &fpsr))
            }
            return result
        case .FCVTN: return narrow(a, n, d, nil, fpcr, &fpsr)
        case .FCVTXN: return narrow(a, n, d, .odd, fpcr, &fpsr)

        case .FRINTN: return integral(a, n, .tieEven, fpcr, &fpsr)
        case .FRINTM: return integral(a, n, .minusInfinity, fpcr, &fpsr)
        case .FRINTP: return integral(a, n, .plusInfinity, fpcr, &fpsr)
        case .FRINTZ: return integral(a, n, .zero, fpcr, &fpsr)
        case .FRINTA: return integral(a, n, .tieAway, fpcr, &fpsr)
        case .FRINTI: return integral(a, n, fpcr.RMode, fpcr, &fpsr)
        case .FRINTX: return integral(a, n, fpcr.RMode, exact: true, fpcr, &fpsr)

        case .FCVTNS: return toFixed(a, n, 0, unsigned: false, .tieEven, fpcr, &fpsr)
        case .FCVTNU: return toFixed(a, n, 0, unsigned: true, .tieEven, fpcr, &fpsr)
        case .FCVTMS: return toFixed(a, n, 0, unsigned: false, .minusInfinity, fpcr, &fpsr)
        case .FCVTMU: return toFixed(a, n, 0, unsigned: true, .minusInfinity, fpcr, &fpsr)
        case .FCVTPS: return toFixed(a, n, 0, unsigned: false, .plusInfinity, fpcr, &fpsr)
        case .FCVTPU: return toFixed(a, n, 0, unsigned: true, .plusInfinity, fpcr, &fpsr)
        case .FCVTZS: return toFixed(a, n, 0, unsigned: false, .zero, fpcr, &fpsr)
        case .FCVTZU: return toFixed(a, n, 0, unsigned: true, .zero, fpcr, &fpsr)
        case .FCVTAS: return toFixed(a, n, 0, unsigned: false, .tieAway, fpcr, &fpsr)
        case .FCVTAU: return toFixed(a, n, 0, unsigned: true, .tieAway, fpcr, &fpsr)
        case .SCVTF: return fromFixed(a, n, 0, unsigned: false, fpcr, &fpsr)
        case .UCVTF: return fromFixed(a, n, 0, unsigned: true, fpcr, &fpsr)

        case .FCMGTzero: return .map(a, n) { AdvSIMDThreeSame.ones(FP.compareGT($0, 0, f, fpcr, &fpsr)) }
        case .FCMGEzero: return .map(a, n) { AdvSIMDThreeSame.ones(FP.compareGE($0, 0, f, fpcr, &fpsr)) }
        case .FCMEQzero: return .map(a, n) { AdvSIMDThreeSame.ones(FP.compareEQ($0, 0, f, fpcr, &fpsr)) }
        case .FCMLEzero: return .map(a, n) { AdvSIMDThreeSame.ones(FP.compareGE(0, $0, f, fpcr, &fpsr)) }
        case .FCMLTzero: return .map(a, n) { AdvSIMDThreeSame.ones(FP.compareGT(0, $0, f, fpcr, &fpsr)) }

        case .FABS: return .map(a, n) { FP.abs($0, f) }
        case .FNEG: return .map(a, n) { FP.negate($0, f) }
        case .FSQRT: return .map(a, n) { FP.squareRoot($0, f, fpcr, &fpsr) }
        case .FRECPE: return .map(a, n) { FP.reciprocalEstimate($0, f, fpcr, &fpsr) }
        case .FRSQRTE: return .map(a, n) { FP.reciprocalSquareRootEstimate($0, f, fpcr, &fpsr) }
        case .FRECPX: return .map(a, n) { FP.reciprocalExponent($0, f, fpcr, &fpsr) }
        }
    }

    private static func narrow(
        _ a: Arrangement, _ n: Vector128, _ d: Vector128, _ rounding: FPRounding?, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> Vector128 {
        let wide = a.widened
        var result = Vector128.zero
        for index in 0..<a.elements {
            result.setElement(
                index, size: a.size,
                to: FP.convert(
                    n.element(index, size: wide.size), from: wide.format, to: a.format, rounding: rounding, fpcr,
                    &fpsr))
        }
        return .narrow(result.low, into: d, upper: a.upper)
    }

    private static func integral(
        _ a: Arrangement, _ n: Vector128, _ rounding: FPRounding, exact: Bool = false, _ fpcr: FPCR,
        _ fpsr: inout FPSR
    ) -> Vector128 {
        let f = a.format
        return .map(a, n) { FP.roundToIntegral($0, rounding, exact: exact, f, fpcr, &fpsr) }
    }

    static func toFixed(
        _ a: Arrangement, _ n: Vector128, _ fractionBits: Int, unsigned: Bool, _ rounding: FPRounding, _ fpcr: FPCR,
        _ fpsr: inout FPSR
    ) -> Vector128 {
        let f = a.format
        return .map(a, n) {
            FP.toFixed(
                $0, width: f.bits, fractionBits: fractionBits, unsigned: unsigned, rounding, f, fpcr, &fpsr)
        }
    }

    static func fromFixed(
        _ a: Arrangement, _ n: Vector128, _ fractionBits: Int, unsigned: Bool, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> Vector128 {
        let f = a.format
        return .map(a, n) {
            FP.fromFixed($0, width: f.bits, fractionBits: fractionBits, unsigned: unsigned, f, fpcr, &fpsr)
        }
    }
}
