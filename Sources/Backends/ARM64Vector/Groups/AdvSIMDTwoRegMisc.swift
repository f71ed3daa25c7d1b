/// Advanced SIMD two-register miscellaneous, and its scalar forms: integer.
///
/// For the narrowing (XTN and so on) and SHLL the arrangement is that of the narrow elements; for the pairwise long ones it is
/// the source's.
/// Source: DDI 0487 §C4.1, "Advanced SIMD two-register miscellaneous", "Advanced SIMD scalar two-register miscellaneous".
package enum AdvSIMDTwoRegMisc: UInt8, CaseIterable, Sendable {
    case REV64, REV32, REV16
    case SADDLP, UADDLP, SADALP, UADALP
    case SUQADD, USQADD, SQABS, SQNEG
    case CLS, CLZ, CNT, NOT, RBIT, ABS, NEG
    case CMGTzero, CMGEzero, CMEQzero, CMLEzero, CMLTzero
    case XTN, SQXTN, UQXTN, SQXTUN, SHLL
    case URECPE, URSQRTE

    /// - Returns: the new Vd; `d` is the old one, for accumulation and the `2` forms.
    package static func execute(
        _ op: AdvSIMDTwoRegMisc, _ a: Arrangement, _ n: Vector128, _ d: Vector128, _ fpsr: inout FPSR
    ) -> Vector128 {
        let e = Element(a)
        switch op {
        case .REV64: return reverse(a, n, container: 3)
        case .REV32: return reverse(a, n, container: 2)
        case .REV16: return reverse(a, n, container: 1)

        case .SADDLP: return pairwiseLong(a, n) { s(e, $0) &+ s(e, $1) }
        case .UADDLP: return pairwiseLong(a, n) { $0 &+ $1 }
        case .SADALP: return addWide(a, pairwiseLong(a, n) { s(e, $0) &+ s(e, $1) }, d)
        case .UADALP: return addWide(a, pairwiseLong(a, n) { $0 &+ $1 }, d)

        case .SUQADD: return .map(a, n, d) { e.saturateSigned(Int128($0) + Int128(e.signed($1)), &fpsr) }
        case .USQADD: return .map(a, n, d) { e.saturateUnsigned(Int128(e.signed($0)) + Int128($1), &fpsr) }
        case .SQABS: return .map(a, n) { e.saturateSigned(Int128(e.signed($0).magnitude), &fpsr) }
        case .SQNEG: return .map(a, n) { e.saturateSigned(-Int128(e.signed($0)), &fpsr) }

        case .CLS:
            return .map(a, n) {
                let x = e.signed($0)
                return UInt64((x ^ x >> 63).leadingZeroBitCount - (64 - a.bits) - 1)
            }
        case .CLZ: return .map(a, n) { UInt64($0.leadingZeroBitCount - (64 - a.bits)) }
        case .CNT: return .map(a, n) { UInt64($0.nonzeroBitCount) }
        case .NOT: return .map(a, n) { ~$0 }
        case .RBIT: return .map(a, n) { reverseByte($0) }
        case .ABS: return .map(a, n) { e.signed($0).magnitude }
        case .NEG: return .map(a, n) { 0 &- $0 }

        case .CMGTzero: return .map(a, n) { AdvSIMDThreeSame.ones(e.signed($0) > 0) }
        case .CMGEzero: return .map(a, n) { AdvSIMDThreeSame.ones(e.signed($0) >= 0) }
        case .CMEQzero: return .map(a, n) { AdvSIMDThreeSame.ones($0 == 0) }
        case .CMLEzero: return .map(a, n) { AdvSIMDThreeSame.ones(e.signed($0) <= 0) }
        case .CMLTzero: return .map(a, n) { AdvSIMDThreeSame.ones(e.signed($0) < 0) }

        case .XTN: return narrow(a, n, d) { $0 }
        case .SQXTN:
            let w = Element(size: a.size + 1)
            return narrow(a, n, d) { e.saturateSigned(Int128(w.signed($0)), &fpsr) }
        case .UQXTN: return narrow(a, n, d) { e.saturateUnsigned(Int128($0), &fpsr) }
        case .SQXTUN:
            let w = Element(size: a.size + 1)
            return narrow(a, n, d) { e.saturateUnsigned(Int128(w.signed($0)), &fpsr) }
        case .SHLL:
            let source = Vector128(low: n.half(upper: a.upper))
            var result = Vector128.zero
            for index in 0..<a.elements {
                result.setElement(
                    index, size: a.size + 1, to: source.element(index, size: a.size) << UInt64(a.bits))
            }
            return result

        case .URECPE: return .map(a, n) { FP.unsignedReciprocalEstimate($0) }
        case .URSQRTE: return .map(a, n) { FP.unsignedReciprocalSquareRootEstimate($0) }
        }
    }

    @inline(__always) private static func s(_ e: Element, _ value: UInt64) -> UInt64 {
        UInt64(bitPattern: e.signed(value))
    }

    /// Elements in reverse order within containers of `8 << container` bits.
    private static func reverse(_ a: Arrangement, _ n: Vector128, container: Int) -> Vector128 {
        let last = (1 << (container - a.size)) - 1
        var result = Vector128.zero
        for index in 0..<a.elements {
            result.setElement(index ^ last, size: a.size, to: n.element(index, size: a.size))
        }
        return result
    }

    @inline(__always) private static func pairwiseLong(
        _ a: Arrangement, _ n: Vector128, _ body: (UInt64, UInt64) -> UInt64
    ) -> Vector128 {
        var result = Vector128.zero
        for index in 0..<a.elements / 2 {
            result.setElement(
                index, size: a.size + 1,
                to: body(n.element(2 * index, size: a.size), n.element(2 * index + 1, size: a.size)))
        }
        return result
    }

    private static func addWide(_ a: Arrangement, _ x: Vector128, _ d: Vector128) -> Vector128 {
        .map(Arrangement(size: a.size + 1, elements: a.elements / 2), x, d) { $0 &+ $1 }
    }

    @inline(__always) private static func narrow(
        _ a: Arrangement, _ n: Vector128, _ d: Vector128, _ body: (UInt64) -> UInt64
    ) -> Vector128 {
        var result = Vector128.zero
        for index in 0..<a.elements {
            result.setElement(index, size: a.size, to: body(n.element(index, size: a.size + 1)))
        }
        return .narrow(result.low, into: d, upper: a.upper)
    }

    @inline(__always) private static func reverseByte(_ value: UInt64) -> UInt64 {
        var x = value
        x = (x & 0x0F) << 4 | x >> 4 & 0x0F
        x = (x & 0x33) << 2 | x >> 2 & 0x33
        return (x & 0x55) << 1 | x >> 1 & 0x55
    }
}
