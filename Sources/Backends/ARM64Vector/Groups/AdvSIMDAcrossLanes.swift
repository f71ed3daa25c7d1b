/// Advanced SIMD across lanes, and scalar pairwise: one result from all elements of Vn.
///
/// The arrangement is the source's; a pairwise scalar takes two elements (`2S`, `2D`).
/// Source: DDI 0487 §C4.1, "Advanced SIMD across lanes", "Advanced SIMD scalar pairwise".
package enum AdvSIMDAcrossLanes: UInt8, CaseIterable, Sendable {
    case SADDLV, UADDLV, ADDV, SMAXV, UMAXV, SMINV, UMINV
    case FMAXNMV, FMINNMV, FMAXV, FMINV
    /// Scalar pairwise: ADDP takes 2D, the others 2S or 2D.
    case ADDP, FADDP, FMAXP, FMINP, FMAXNMP, FMINNMP

    package static func execute(
        _ op: AdvSIMDAcrossLanes, _ a: Arrangement, _ n: Vector128, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> Vector128 {
        let e = Element(a)
        let f = a.format
        switch op {
        case .SADDLV:
            let sum = reduce(a, n) { (UInt64(bitPattern: e.signed($0)), UInt64(bitPattern: e.signed($1))) }
            return Vector128(low: sum & Vector128.mask(a.size + 1))
        case .UADDLV: return Vector128(low: reduce(a, n) { ($0, $1) } & Vector128.mask(a.size + 1))
        case .ADDV, .ADDP: return Vector128(low: reduce(a, n) { ($0, $1) } & a.mask)
        case .SMAXV: return fold(a, n) { e.signed($0) >= e.signed($1) ? $0 : $1 }
        case .SMINV: return fold(a, n) { e.signed($0) <= e.signed($1) ? $0 : $1 }
        case .UMAXV: return fold(a, n) { max($0, $1) }
        case .UMINV: return fold(a, n) { min($0, $1) }
        case .FMAXNMV, .FMAXNMP: return tree(a, n) { FP.maxNumber($0, $1, f, fpcr, &fpsr) }
        case .FMINNMV, .FMINNMP: return tree(a, n) { FP.minNumber($0, $1, f, fpcr, &fpsr) }
        case .FMAXV, .FMAXP: return tree(a, n) { FP.max($0, $1, f, fpcr, &fpsr) }
        case .FMINV, .FMINP: return tree(a, n) { FP.min($0, $1, f, fpcr, &fpsr) }
        case .FADDP: return tree(a, n) { FP.add($0, $1, f, fpcr, &fpsr) }
        }
    }

    /// Sum of all elements, two at a time after `extend`.
    @inline(__always) private static func reduce(
        _ a: Arrangement, _ n: Vector128, _ extend: (UInt64, UInt64) -> (UInt64, UInt64)
    ) -> UInt64 {
        var sum: UInt64 = 0
        for index in stride(from: 0, to: a.elements, by: 2) {
            let (x, y) = extend(n.element(index, size: a.size), n.element(index + 1, size: a.size))
            sum = sum &+ x &+ y
        }
        return sum
    }

    @inline(__always) private static func fold(
        _ a: Arrangement, _ n: Vector128, _ body: (UInt64, UInt64) -> UInt64
    ) -> Vector128 {
        var result = n.element(0, size: a.size)
        for index in 1..<a.elements { result = body(result, n.element(index, size: a.size)) }
        return Vector128(low: result)
    }

    /// Reduce(): halves of the vector first, so 4S is op(op(e0, e1), op(e2, e3)); the order decides which NaN wins.
    @inline(__always) private static func tree(
        _ a: Arrangement, _ n: Vector128, _ body: (UInt64, UInt64) -> UInt64
    ) -> Vector128 {
        let low = body(n.element(0, size: a.size), n.element(1, size: a.size))
        if a.elements == 2 { return Vector128(low: low) }
        let high = body(n.element(2, size: a.size), n.element(3, size: a.size))
        return Vector128(low: body(low, high))
    }
}
