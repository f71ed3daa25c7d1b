/// Advanced SIMD shift by immediate, and its scalar forms.
///
/// `shift` is decoded: 1 to the element's bits for right shifts, 0 to bits - 1 for left ones, the fraction bits for the
/// conversions. For the narrowing and the long forms the arrangement is that of the narrow elements.
/// Source: DDI 0487 §C4.1, "Advanced SIMD shift by immediate", "Advanced SIMD scalar shift by immediate".
package enum AdvSIMDShiftByImmediate: UInt8, CaseIterable, Sendable {
    case SSHR, USHR, SSRA, USRA, SRSHR, URSHR, SRSRA, URSRA
    case SRI, SHL, SLI
    case SQSHLU, SQSHL, UQSHL
    case SHRN, RSHRN, SQSHRN, UQSHRN, SQSHRUN, SQRSHRN, UQRSHRN, SQRSHRUN
    case SSHLL, USHLL
    case SCVTF, UCVTF, FCVTZS, FCVTZU

    /// Whether the immediate counts to the right (and fraction bits, coded the same way).
    package var isRight: Bool {
        switch self {
        case .SHL, .SLI, .SQSHLU, .SQSHL, .UQSHL, .SSHLL, .USHLL: false
        default: true
        }
    }

    package static func execute(
        _ op: AdvSIMDShiftByImmediate, _ a: Arrangement, _ n: Vector128, _ d: Vector128, shift: Int, _ fpcr: FPCR,
        _ fpsr: inout FPSR
    ) -> Vector128 {
        let e = Element(a)
        switch op {
        case .SSHR: return .map(a, n) { right(Int128(e.signed($0)), shift, round: false) }
        case .USHR: return .map(a, n) { right(Int128($0), shift, round: false) }
        case .SRSHR: return .map(a, n) { right(Int128(e.signed($0)), shift, round: true) }
        case .URSHR: return .map(a, n) { right(Int128($0), shift, round: true) }
        case .SSRA: return .map(a, n, d) { $1 &+ right(Int128(e.signed($0)), shift, round: false) }
        case .USRA: return .map(a, n, d) { $1 &+ right(Int128($0), shift, round: false) }
        case .SRSRA: return .map(a, n, d) { $1 &+ right(Int128(e.signed($0)), shift, round: true) }
        case .URSRA: return .map(a, n, d) { $1 &+ right(Int128($0), shift, round: true) }

        case .SRI:
            let kept = shift == 64 ? ~0 : ~(e.mask >> UInt64(shift))
            return .map(a, n, d) { $1 & kept | (shift == 64 ? 0 : $0 >> UInt64(shift)) }
        case .SHL: return .map(a, n) { $0 << UInt64(shift) }
        case .SLI:
            let kept = (1 as UInt64) << UInt64(shift) - 1
            return .map(a, n, d) { $1 & kept | $0 << UInt64(shift) }

        case .SQSHL: return .map(a, n) { e.saturateSigned(Int128(e.signed($0)) << Int128(shift), &fpsr) }
        case .UQSHL: return .map(a, n) { e.saturateUnsigned(Int128($0) << Int128(shift), &fpsr) }
        case .SQSHLU: return .map(a, n) { e.saturateUnsigned(Int128(e.signed($0)) << Int128(shift), &fpsr) }

        case .SHRN: return narrow(a, n, d, shift, round: false) { $1 }
        case .RSHRN: return narrow(a, n, d, shift, round: true) { $1 }
        case .UQSHRN: return narrow(a, n, d, shift, round: false) { e.saturateUnsigned(Int128($1), &fpsr) }
        case .UQRSHRN: return narrow(a, n, d, shift, round: true) { e.saturateUnsigned(Int128($1), &fpsr) }
        case .SQSHRN:
            return narrow(a, n, d, shift, round: false) { x, _ in e.saturateSigned(x, &fpsr) }
        case .SQRSHRN:
            return narrow(a, n, d, shift, round: true) { x, _ in e.saturateSigned(x, &fpsr) }
        case .SQSHRUN:
            return narrow(a, n, d, shift, round: false) { x, _ in e.saturateUnsigned(x, &fpsr) }
        case .SQRSHRUN:
            return narrow(a, n, d, shift, round: true) { x, _ in e.saturateUnsigned(x, &fpsr) }

        case .SSHLL: return long(a, n) { UInt64(bitPattern: e.signed($0)) << UInt64(shift) }
        case .USHLL: return long(a, n) { $0 << UInt64(shift) }

        case .SCVTF: return AdvSIMDTwoRegMiscFP.fromFixed(a, n, shift, unsigned: false, fpcr, &fpsr)
        case .UCVTF: return AdvSIMDTwoRegMiscFP.fromFixed(a, n, shift, unsigned: true, fpcr, &fpsr)
        case .FCVTZS: return AdvSIMDTwoRegMiscFP.toFixed(a, n, shift, unsigned: false, .zero, fpcr, &fpsr)
        case .FCVTZU: return AdvSIMDTwoRegMiscFP.toFixed(a, n, shift, unsigned: true, .zero, fpcr, &fpsr)
        }
    }

    @inline(__always) private static func right(_ value: Int128, _ shift: Int, round: Bool) -> UInt64 {
        let constant: Int128 = round ? 1 << Int128(shift - 1) : 0
        return UInt64(truncatingIfNeeded: (value + constant) >> Int128(shift))
    }

    /// The body gets each wide element shifted, read as signed and as unsigned.
    @inline(__always) private static func narrow(
        _ a: Arrangement, _ n: Vector128, _ d: Vector128, _ shift: Int, round: Bool, _ body: (Int128, UInt64) -> UInt64
    ) -> Vector128 {
        let wide = Element(size: a.size + 1)
        var result = Vector128.zero
        for index in 0..<a.elements {
            let x = n.element(index, size: a.size + 1)
            let constant: Int128 = round ? 1 << Int128(shift - 1) : 0
            let signed = (Int128(wide.signed(x)) + constant) >> Int128(shift)
            let unsigned = right(Int128(x), shift, round: round)
            result.setElement(index, size: a.size, to: body(signed, unsigned))
        }
        return .narrow(result.low, into: d, upper: a.upper)
    }

    @inline(__always) private static func long(
        _ a: Arrangement, _ n: Vector128, _ body: (UInt64) -> UInt64
    ) -> Vector128 {
        let source = Vector128(low: n.half(upper: a.upper))
        var result = Vector128.zero
        for index in 0..<a.elements {
            result.setElement(index, size: a.size + 1, to: body(source.element(index, size: a.size)))
        }
        return result
    }
}
