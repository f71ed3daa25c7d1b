/// Floating-point data-processing (1, 2 and 3 source). The arrangement is a scalar of the source's precision; for FCVT the
/// case names the target's.
/// Source: DDI 0487 §C4.1, "Floating-point data-processing (1 source)" to "(3 source)".
package enum FloatingPointDataProcessing: UInt8, CaseIterable, Sendable {
    case FMOV, FABS, FNEG, FSQRT
    case FCVTtoHalf, FCVTtoSingle, FCVTtoDouble
    case FRINTN, FRINTP, FRINTM, FRINTZ, FRINTA, FRINTX, FRINTI
    case FMUL, FDIV, FADD, FSUB, FMAX, FMIN, FMAXNM, FMINNM, FNMUL
    case FMADD, FMSUB, FNMADD, FNMSUB

    /// - Parameters: the bits of Vn, Vm and Va above the element are ignored.
    /// - Returns: the result, zero-extended: the new Vd is `Vector128(low:)` of it.
    package static func execute(
        _ op: FloatingPointDataProcessing, _ f: FPFormat, n: UInt64, m: UInt64, a: UInt64, _ fpcr: FPCR,
        _ fpsr: inout FPSR
    ) -> UInt64 {
        let mask = ~0 as UInt64 >> UInt64(64 - f.bits)
        let n = n & mask
        let m = m & mask
        let a = a & mask
        switch op {
        case .FMOV: return n
        case .FABS: return FP.abs(n, f)
        case .FNEG: return FP.negate(n, f)
        case .FSQRT: return FP.squareRoot(n, f, fpcr, &fpsr)
        case .FCVTtoHalf: return FP.convert(n, from: f, to: .half, fpcr, &fpsr)
        case .FCVTtoSingle: return FP.convert(n, from: f, to: .single, fpcr, &fpsr)
        case .FCVTtoDouble: return FP.convert(n, from: f, to: .double, fpcr, &fpsr)
        case .FRINTN: return FP.roundToIntegral(n, .tieEven, exact: false, f, fpcr, &fpsr)
        case .FRINTP: return FP.roundToIntegral(n, .plusInfinity, exact: false, f, fpcr, &fpsr)
        case .FRINTM: return FP.roundToIntegral(n, .minusInfinity, exact: false, f, fpcr, &fpsr)
        case .FRINTZ: return FP.roundToIntegral(n, .zero, exact: false, f, fpcr, &fpsr)
        case .FRINTA: return FP.roundToIntegral(n, .tieAway, exact: false, f, fpcr, &fpsr)
        case .FRINTX: return FP.roundToIntegral(n, fpcr.RMode, exact: true, f, fpcr, &fpsr)
        case .FRINTI: return FP.roundToIntegral(n, fpcr.RMode, exact: false, f, fpcr, &fpsr)
        case .FMUL: return FP.multiply(n, m, f, fpcr, &fpsr)
        case .FDIV: return FP.divide(n, m, f, fpcr, &fpsr)
        case .FADD: return FP.add(n, m, f, fpcr, &fpsr)
        case .FSUB: return FP.subtract(n, m, f, fpcr, &fpsr)
        case .FMAX: return FP.max(n, m, f, fpcr, &fpsr)
        case .FMIN: return FP.min(n, m, f, fpcr, &fpsr)
        case .FMAXNM: return FP.maxNumber(n, m, f, fpcr, &fpsr)
        case .FMINNM: return FP.minNumber(n, m, f, fpcr, &fpsr)
        case .FNMUL: return FP.negate(FP.multiply(n, m, f, fpcr, &fpsr), f)
        case .FMADD: return FP.multiplyAdd(a, n, m, f, fpcr, &fpsr)
        case .FMSUB: return FP.multiplyAdd(a, FP.negate(n, f), m, f, fpcr, &fpsr)
        case .FNMADD: return FP.multiplyAdd(FP.negate(a, f), FP.negate(n, f), m, f, fpcr, &fpsr)
        case .FNMSUB: return FP.multiplyAdd(FP.negate(a, f), n, m, f, fpcr, &fpsr)
        }
    }
}
