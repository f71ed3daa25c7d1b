/// Advanced SIMD three same, scalar three same: floating point. Single and double elements.
/// Source: DDI 0487 §C4.1, "Advanced SIMD three same", "Advanced SIMD scalar three same".
package enum AdvSIMDThreeSameFP: UInt8, CaseIterable, Sendable {
    case FMAXNM, FMINNM, FMAX, FMIN, FADD, FSUB, FMUL, FMULX, FDIV, FABD
    case FMLA, FMLS, FRECPS, FRSQRTS
    case FCMEQ, FCMGE, FCMGT, FACGE, FACGT
    case FMAXNMP, FMINNMP, FMAXP, FMINP, FADDP

    package static func execute(
        _ op: AdvSIMDThreeSameFP, _ a: Arrangement, _ n: Vector128, _ m: Vector128, _ d: Vector128, _ fpcr: FPCR,
        _ fpsr: inout FPSR
    ) -> Vector128 {
        let f = a.format
        switch op {
        case .FADD: return .map(a, n, m) { FP.add($0, $1, f, fpcr, &fpsr) }
        case .FSUB: return .map(a, n, m) { FP.subtract($0, $1, f, fpcr, &fpsr) }
        case .FMUL: return .map(a, n, m) { FP.multiply($0, $1, f, fpcr, &fpsr) }
        case .FMULX: return .map(a, n, m) { FP.multiplyExtended($0, $1, f, fpcr, &fpsr) }
        case .FDIV: return .map(a, n, m) { FP.divide($0, $1, f, fpcr, &fpsr) }
        case .FABD: return .map(a, n, m) { FP.abs(FP.subtract($0, $1, f, fpcr, &fpsr), f) }
        case .FMAX: return .map(a, n, m) { FP.max($0, $1, f, fpcr, &fpsr) }
        case .FMIN: return .map(a, n, m) { FP.min($0, $1, f, fpcr, &fpsr) }
        case .FMAXNM: return .map(a, n, m) { FP.maxNumber($0, $1, f, fpcr, &fpsr) }
        case .FMINNM: return .map(a, n, m) { FP.minNumber($0, $1, f, fpcr, &fpsr) }

        case .FMLA: return .map(a, n, m, d) { FP.multiplyAdd($2, $0, $1, f, fpcr, &fpsr) }
        case .FMLS: return .map(a, n, m, d) { FP.multiplyAdd($2, FP.negate($0, f), $1, f, fpcr, &fpsr) }
        case .FRECPS: return .map(a, n, m) { FP.reciprocalStep($0, $1, f, fpcr, &fpsr) }
        case .FRSQRTS: return .map(a, n, m) { FP.reciprocalSquareRootStep($0, $1, f, fpcr, &fpsr) }

        case .FCMEQ: return .map(a, n, m) { AdvSIMDThreeSame.ones(FP.compareEQ($0, $1, f, fpcr, &fpsr)) }
        case .FCMGE: return .map(a, n, m) { AdvSIMDThreeSame.ones(FP.compareGE($0, $1, f, fpcr, &fpsr)) }
        case .FCMGT: return .map(a, n, m) { AdvSIMDThreeSame.ones(FP.compareGT($0, $1, f, fpcr, &fpsr)) }
        case .FACGE:
            return .map(a, n, m) {
                AdvSIMDThreeSame.ones(FP.compareGE(FP.abs($0, f), FP.abs($1, f), f, fpcr, &fpsr))
            }
        case .FACGT:
            return .map(a, n, m) {
                AdvSIMDThreeSame.ones(FP.compareGT(FP.abs($0, f), FP.abs($1, f), f, fpcr, &fpsr))
            }

        case .FADDP: return .pairwise(a, n, m) { FP.add($0, $1, f, fpcr, &fpsr) }
        case .FMAXP: return .pairwise(a, n, m) { FP.max($0, $1, f, fpcr, &fpsr) }
        case .FMINP: return .pairwise(a, n, m) { FP.min($0, $1, f, fpcr, &fpsr) }
        case .FMAXNMP: return .pairwise(a, n, m) { FP.maxNumber($0, $1, f, fpcr, &fpsr) }
        case .FMINNMP: return .pairwise(a, n, m) { FP.minNumber($0, $1, f, fpcr, &fpsr) }
        }
    }
}
