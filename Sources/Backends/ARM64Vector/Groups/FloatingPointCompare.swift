/// Floating-point compare, conditional compare and conditional select.
/// Source: DDI 0487 §C4.1, the groups of these names.
package enum FloatingPointCompare: UInt8, CaseIterable, Sendable {
    case FCMP, FCMPE
    /// Against +0.0.
    case FCMPzero, FCMPEzero
    case FCCMP, FCCMPE

    /// - Parameters:
    ///   - nzcv: PSTATE's flags, N in bit 3, for the conditional forms.
    ///   - condition: `cond` of FCCMP. elseNZCV: its `nzcv`, taken when the condition fails.
    /// - Returns: the new NZCV, N in bit 3.
    package static func execute(
        _ op: FloatingPointCompare, _ f: FPFormat, n: UInt64, m: UInt64, nzcv: UInt8, condition: UInt8, elseNZCV: UInt8,
        _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> UInt8 {
        let mask = ~0 as UInt64 >> UInt64(64 - f.bits)
        if op == .FCCMP || op == .FCCMPE, !holds(condition, nzcv) { return elseNZCV & 15 }
        let right = op == .FCMPzero || op == .FCMPEzero ? 0 : m & mask
        let signalling = op == .FCMPE || op == .FCMPEzero || op == .FCCMPE
        return FP.compare(n & mask, right, signalling: signalling, f, fpcr, &fpsr)
    }

    /// ConditionHolds().
    package static func holds(_ condition: UInt8, _ nzcv: UInt8) -> Bool {
        let n = nzcv & 8 != 0
        let z = nzcv & 4 != 0
        let c = nzcv & 2 != 0
        let v = nzcv & 1 != 0
        let result =
            switch condition >> 1 & 7 {
            case 0: z
            case 1: c
            case 2: n
            case 3: v
            case 4: c && !z
            case 5: n == v
            case 6: n == v && !z
            default: true
            }
        return condition & 1 != 0 && condition & 15 != 15 ? !result : result
    }
}
