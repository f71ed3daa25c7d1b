/// Conversion between floating-point and integer, and floating-point and fixed-point: one side is a general register.
/// Source: DDI 0487 §C4.1, "Conversion between floating-point and integer", "... and fixed-point".
package enum FloatingPointConversion: UInt8, CaseIterable, Sendable {
    /// To a general register of 64 (`is64`) or 32 bits.
    case FCVTNS, FCVTNU, FCVTAS, FCVTAU, FCVTPS, FCVTPU, FCVTMS, FCVTMU, FCVTZS, FCVTZU
    /// From a general register.
    case SCVTF, UCVTF
    /// FMOV: bits as they are; `top` is bits 127:64 of a vector.
    case FMOVtoGeneral, FMOVfromGeneral, FMOVtopToGeneral, FMOVtopFromGeneral

    /// A floating point number to a general register; a W result is zero-extended.
    package static func toGeneral(
        _ op: FloatingPointConversion, _ f: FPFormat, n: Vector128, is64: Bool, fractionBits: Int, _ fpcr: FPCR,
        _ fpsr: inout FPSR
    ) -> UInt64 {
        let value = n.low & (~0 >> UInt64(64 - f.bits))
        let (rounding, unsigned): (FPRounding, Bool)
        switch op {
        case .FCVTNS: (rounding, unsigned) = (.tieEven, false)
        case .FCVTNU: (rounding, unsigned) = (.tieEven, true)
        case .FCVTAS: (rounding, unsigned) = (.tieAway, false)
        case .FCVTAU: (rounding, unsigned) = (.tieAway, true)
        case .FCVTPS: (rounding, unsigned) = (.plusInfinity, false)
        case .FCVTPU: (rounding, unsigned) = (.plusInfinity, true)
        case .FCVTMS: (rounding, unsigned) = (.minusInfinity, false)
        case .FCVTMU: (rounding, unsigned) = (.minusInfinity, true)
        case .FCVTZS: (rounding, unsigned) = (.zero, false)
        case .FCVTZU: (rounding, unsigned) = (.zero, true)
        case .FMOVtopToGeneral: return n.high
        case .FMOVtoGeneral, .FMOVfromGeneral, .FMOVtopFromGeneral, .SCVTF, .UCVTF: return value
        }
        return FP.toFixed(
            value, width: is64 ? 64 : 32, fractionBits: fractionBits, unsigned: unsigned, rounding, f, fpcr, &fpsr)
    }

    /// A general register's value to the new Vd.
    package static func fromGeneral(
        _ op: FloatingPointConversion, _ f: FPFormat, x: UInt64, d: Vector128, is64: Bool, fractionBits: Int,
        _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> Vector128 {
        switch op {
        case .FMOVtopFromGeneral: return Vector128(low: d.low, high: x)
        case .SCVTF, .UCVTF:
            return Vector128(
                low: FP.fromFixed(
                    x, width: is64 ? 64 : 32, fractionBits: fractionBits, unsigned: op == .UCVTF, f, fpcr, &fpsr))
        default: return Vector128(low: x & (~0 >> UInt64(64 - f.bits)))
        }
    }
}
