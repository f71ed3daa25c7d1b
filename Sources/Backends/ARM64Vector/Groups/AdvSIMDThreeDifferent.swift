/// Advanced SIMD three different, and scalar three different: long, wide and narrowing operations.
///
/// The arrangement is that of the narrow elements; `upper` is the `2` form. Scalars are SQDMLAL, SQDMLSL, SQDMULL.
/// Source: DDI 0487 §C4.1, "Advanced SIMD three different", "Advanced SIMD scalar three different".
package enum AdvSIMDThreeDifferent: UInt8, CaseIterable, Sendable {
    case SADDL, UADDL, SADDW, UADDW, SSUBL, USUBL, SSUBW, USUBW
    case ADDHN, RADDHN, SUBHN, RSUBHN
    case SABAL, UABAL, SABDL, UABDL
    case SMLAL, UMLAL, SMLSL, UMLSL, SMULL, UMULL
    case SQDMLAL, SQDMLSL, SQDMULL
    case PMULL

    package static func execute(
        _ op: AdvSIMDThreeDifferent, _ a: Arrangement, _ n: Vector128, _ m: Vector128, _ d: Vector128,
        _ fpsr: inout FPSR
    ) -> Vector128 {
        let e = Element(a)
        switch op {
        case .SADDL: return long(a, n, m) { s(e, $0) &+ s(e, $1) }
        case .UADDL: return long(a, n, m) { $0 &+ $1 }
        case .SSUBL: return long(a, n, m) { s(e, $0) &- s(e, $1) }
        case .USUBL: return long(a, n, m) { $0 &- $1 }
        case .SADDW: return wide(a, n, m) { $0 &+ s(e, $1) }
        case .UADDW: return wide(a, n, m) { $0 &+ $1 }
        case .SSUBW: return wide(a, n, m) { $0 &- s(e, $1) }
        case .USUBW: return wide(a, n, m) { $0 &- $1 }
        case .ADDHN: return narrow(a, n, m, d, round: false) { $0 &+ $1 }
        case .RADDHN: return narrow(a, n, m, d, round: true) { $0 &+ $1 }
        case .SUBHN: return narrow(a, n, m, d, round: false) { $0 &- $1 }
        case .RSUBHN: return narrow(a, n, m, d, round: true) { $0 &- $1 }
        case .SABDL: return long(a, n, m) { (e.signed($0) - e.signed($1)).magnitude }
        case .UABDL: return long(a, n, m) { $0 > $1 ? $0 - $1 : $1 - $0 }
        case .SABAL: return long(a, n, m, d) { $2 &+ (e.signed($0) - e.signed($1)).magnitude }
        case .UABAL: return long(a, n, m, d) { $2 &+ ($0 > $1 ? $0 - $1 : $1 - $0) }
        case .SMULL: return long(a, n, m) { s(e, $0) &* s(e, $1) }
        case .UMULL: return long(a, n, m) { $0 &* $1 }
        case .SMLAL: return long(a, n, m, d) { $2 &+ s(e, $0) &* s(e, $1) }
        case .UMLAL: return long(a, n, m, d) { $2 &+ $0 &* $1 }
        case .SMLSL: return long(a, n, m, d) { $2 &- s(e, $0) &* s(e, $1) }
        case .UMLSL: return long(a, n, m, d) { $2 &- $0 &* $1 }
        case .SQDMULL:
            let w = Element(size: a.size + 1)
            return long(a, n, m) { doublingProduct(e, w, $0, $1, &fpsr) }
        case .SQDMLAL:
            let w = Element(size: a.size + 1)
            return long(a, n, m, d) {
                let product = doublingProduct(e, w, $0, $1, &fpsr)
                return w.saturateSigned(Int128(w.signed($2)) + Int128(w.signed(product)), &fpsr)
            }
        case .SQDMLSL:
            let w = Element(size: a.size + 1)
            return long(a, n, m, d) {
                let product = doublingProduct(e, w, $0, $1, &fpsr)
                return w.saturateSigned(Int128(w.signed($2)) - Int128(w.signed(product)), &fpsr)
            }
        case .PMULL:
            if a.size == 3 {
                return Polynomial.multiply64(n.half(upper: a.upper), m.half(upper: a.upper))
            }
            return long(a, n, m) { Polynomial.multiply($0, $1, bits: 8) }
        }
    }

    /// An element's sign extension, as bits.
    @inline(__always) private static func s(_ e: Element, _ value: UInt64) -> UInt64 {
        UInt64(bitPattern: e.signed(value))
    }

    @inline(__always) private static func doublingProduct(
        _ e: Element, _ wide: Element, _ x: UInt64, _ y: UInt64, _ fpsr: inout FPSR
    ) -> UInt64 {
        wide.saturateSigned(2 * Int128(e.signed(x)) * Int128(e.signed(y)), &fpsr)
    }

    /// Narrow elements of `n` and `m`, wide ones of `d` and the result.
    @inline(__always) private static func long(
        _ a: Arrangement, _ n: Vector128, _ m: Vector128, _ d: Vector128, _ body: (UInt64, UInt64, UInt64) -> UInt64
    ) -> Vector128 {
        let x = Vector128(low: n.half(upper: a.upper))
        let y = Vector128(low: m.half(upper: a.upper))
        let size = a.size
        var result = Vector128.zero
        for index in 0..<a.elements {
            result.setElement(
                index, size: size + 1,
                to: body(
                    x.element(index, size: size), y.element(index, size: size), d.element(index, size: size + 1)))
        }
        return result
    }

    /// The same without an accumulator.
    @inline(__always) private static func long(
        _ a: Arrangement, _ n: Vector128, _ m: Vector128, _ body: (UInt64, UInt64) -> UInt64
    ) -> Vector128 {
        long(a, n, m, .zero) { x, y, _ in body(x, y) }
    }

    /// Wide elements of `n` and the result, narrow ones of `m`.
    @inline(__always) private static func wide(
        _ a: Arrangement, _ n: Vector128, _ m: Vector128, _ body: (UInt64, UInt64) -> UInt64
    ) -> Vector128 {
        let y = Vector128(low: m.half(upper: a.upper))
        let size = a.size
        var result = Vector128.zero
        for index in 0..<a.elements {
            result.setElement(
                index, size: size + 1, to: body(n.element(index, size: size + 1), y.element(index, size: size)))
        }
        return result
    }

    /// The high half of wide elements.
    @inline(__always) private static func narrow(
        _ a: Arrangement, _ n: Vector128, _ m: Vector128, _ d: Vector128, round: Bool,
        _ body: (UInt64, UInt64) -> UInt64
    ) -> Vector128 {
        let size = a.size
        let constant: UInt64 = round ? 1 << UInt64(a.bits - 1) : 0
        var result = Vector128.zero
        for index in 0..<a.elements {
            let wide = body(n.element(index, size: size + 1), m.element(index, size: size + 1)) &+ constant
            result.setElement(index, size: size, to: wide >> UInt64(a.bits))
        }
        return .narrow(result.low, into: d, upper: a.upper)
    }
}
