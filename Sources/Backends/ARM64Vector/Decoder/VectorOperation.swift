/// What an instruction of these groups does. Two bytes; the payload selects within the group's `execute`.
package enum VectorOperation: Equatable, Hashable, Sendable {
    // V[d] = f(V[n], V[m], V[a]); `a` is `d` for accumulation and inserts.
    case threeSame(AdvSIMDThreeSame)
    case threeSameFP(AdvSIMDThreeSameFP)
    case threeDifferent(AdvSIMDThreeDifferent)
    // Vector x indexed element: the element of V[m] that `immediate` names, in every element.
    case threeSameByElement(AdvSIMDThreeSame)
    case threeSameFPByElement(AdvSIMDThreeSameFP)
    case threeDifferentByElement(AdvSIMDThreeDifferent)
    case twoRegMisc(AdvSIMDTwoRegMisc)
    case twoRegMiscFP(AdvSIMDTwoRegMiscFP)
    case acrossLanes(AdvSIMDAcrossLanes)
    /// `immediate`: the decoded shift.
    case shiftByImmediate(AdvSIMDShiftByImmediate)
    /// `immediate`: index, plus 256 × the source's index.
    case copy(AdvSIMDCopy)
    /// `immediate`: EXT's index.
    case permute(AdvSIMDPermute)
    /// `immediate`: imm8, plus 256 × cmode, plus 4096 × op.
    case modifiedImmediate(AdvSIMDModifiedImmediate)
    case aes(CryptographicAES)
    case sha(CryptographicSHA)
    case floatingPoint(FloatingPointDataProcessing)
    /// FMOV (scalar, immediate). `immediate`: imm8.
    case floatingPointImmediate

    /// V[d] from V[n] on, as many as `immediate` says, and V[m].
    case tableLookup(extends: Bool)

    // X[d] = f(V[n]). `immediate`: index; fraction bits, plus 128 for the 64-bit form.
    case UMOV
    case SMOV
    case floatingPointToGeneral(FloatingPointConversion)

    // V[d] = f(X[n], V[d]).
    case DUPgeneral
    case INSgeneral
    case generalToFloatingPoint(FloatingPointConversion)

    /// NZCV = f(V[n], V[m], NZCV). `immediate`: nzcv, plus 16 × cond.
    case floatingPointCompare(FloatingPointCompare)
    /// V[d] = cond ? V[n] : V[m]. `immediate`: cond.
    case FCSEL

    /// Which registers an operation touches: the interpreter's cases.
    package enum Form: Sendable {
        case vector, tableLookup, toGeneral, fromGeneral, compare, select
    }

    package var form: Form {
        switch self {
        case .tableLookup: .tableLookup
        case .UMOV, .SMOV, .floatingPointToGeneral: .toGeneral
        case .DUPgeneral, .INSgeneral, .generalToFloatingPoint: .fromGeneral
        case .floatingPointCompare: .compare
        case .FCSEL: .select
        default: .vector
        }
    }
}

/// A decoded instruction of these groups: 12 bytes, no references.
package struct VectorInstruction: Equatable, Sendable {
    package var operation: VectorOperation
    package var arrangement: Arrangement
    package var d: UInt8
    package var n: UInt8
    package var m: UInt8
    /// The register of the third vector operand: `Ra` of three-source instructions, else `d`.
    package var a: UInt8
    /// As the operation's case says.
    package var immediate: UInt16
}
