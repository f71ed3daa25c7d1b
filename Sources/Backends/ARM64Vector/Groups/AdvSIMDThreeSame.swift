/// Advanced SIMD three same, and scalar three same: integer and logical operations.
/// Source: DDI 0487 §C4.1, "Advanced SIMD three same", "Advanced SIMD scalar three same".
package enum AdvSIMDThreeSame: UInt8, CaseIterable, Sendable {
    case SHADD, UHADD, SRHADD, URHADD, SHSUB, UHSUB
    case SQADD, UQADD, SQSUB, UQSUB
    case CMGT, CMHI, CMGE, CMHS, CMEQ, CMTST
    case SSHL, USHL, SRSHL, URSHL, SQSHL, UQSHL, SQRSHL, UQRSHL
    case SMAX, UMAX, SMIN, UMIN, SABD, UABD, SABA, UABA
    case ADD, SUB, MUL, MLA, MLS, PMUL
    case SMAXP, UMAXP, SMINP, UMINP, ADDP
    case SQDMULH, SQRDMULH
    case AND, BIC, ORR, ORN, EOR, BSL, BIT, BIF

    /// - Parameters:
    ///   - n: Vn. m: Vm. d: Vd's old value, for those that accumulate or insert.
    /// - Returns: the new Vd.
    package static func execute(
        _ op: AdvSIMDThreeSame, _ a: Arrangement, _ n: Vector128, _ m: Vector128, _ d: Vector128, _ fpsr: inout FPSR
    ) -> Vector128 {
        let e = Element(a)
        switch op {
        case .SHADD: return .map(a, n, m) { UInt64(bitPattern: average(e.signed($0), e.signed($1), round: 0)) }
        case .SRHADD: return .map(a, n, m) { UInt64(bitPattern: average(e.signed($0), e.signed($1), round: 1)) }
        case .SHSUB: return .map(a, n, m) { UInt64(bitPattern: (e.signed($0) - e.signed($1)) >> 1) }
        // No halving form has 64-bit elements, so the sums do not overflow.
        case .UHADD: return .map(a, n, m) { ($0 &+ $1) >> 1 }
        case .URHADD: return .map(a, n, m) { ($0 &+ $1 &+ 1) >> 1 }
        case .UHSUB: return .map(a, n, m) { ($0 &- $1) >> 1 }

        case .SQADD: return .map(a, n, m) { e.saturateSigned(Int128(e.signed($0)) + Int128(e.signed($1)), &fpsr) }
        case .UQADD: return .map(a, n, m) { e.saturateUnsigned(Int128($0) + Int128($1), &fpsr) }
        case .SQSUB: return .map(a, n, m) { e.saturateSigned(Int128(e.signed($0)) - Int128(e.signed($1)), &fpsr) }
        case .UQSUB: return .map(a, n, m) { e.saturateUnsigned(Int128($0) - Int128($1), &fpsr) }

        case .CMGT: return .map(a, n, m) { ones(e.signed($0) > e.signed($1)) }
        case .CMGE: return .map(a, n, m) { ones(e.signed($0) >= e.signed($1)) }
        case .CMHI: return .map(a, n, m) { ones($0 > $1) }
        case .CMHS: return .map(a, n, m) { ones($0 >= $1) }
        case .CMEQ: return Packed.equal(a, n, m)
        case .CMTST: return .map(a, n, m) { ones($0 & $1 != 0) }

        case .SSHL, .USHL, .SRSHL, .URSHL, .SQSHL, .UQSHL, .SQRSHL, .UQRSHL:
            return shift(op, a, n, m, &fpsr)

        case .SMAX: return .map(a, n, m) { e.signed($0) >= e.signed($1) ? $0 : $1 }
        case .SMIN: return .map(a, n, m) { e.signed($0) <= e.signed($1) ? $0 : $1 }
        case .UMAX: return .map(a, n, m) { max($0, $1) }
        case .UMIN: return .map(a, n, m) { min($0, $1) }
        case .SABD: return .map(a, n, m) { signedDifference(e, $0, $1) }
        case .UABD: return .map(a, n, m) { $0 > $1 ? $0 - $1 : $1 - $0 }
        case .SABA: return .map(a, n, m, d) { $2 &+ signedDifference(e, $0, $1) }
        case .UABA: return .map(a, n, m, d) { $2 &+ ($0 > $1 ? $0 - $1 : $1 - $0) }

        case .ADD: return Packed.add(a, n, m)
        case .SUB: return Packed.subtract(a, n, m)
        case .MUL: return .map(a, n, m) { $0 &* $1 }
        case .MLA: return .map(a, n, m, d) { $2 &+ $0 &* $1 }
        case .MLS: return .map(a, n, m, d) { $2 &- $0 &* $1 }
        case .PMUL: return .map(a, n, m) { Polynomial.multiply($0, $1, bits: 8) }

        case .SMAXP: return .pairwise(a, n, m) { e.signed($0) >= e.signed($1) ? $0 : $1 }
        case .SMINP: return .pairwise(a, n, m) { e.signed($0) <= e.signed($1) ? $0 : $1 }
        case .UMAXP: return .pairwise(a, n, m) { max($0, $1) }
        case .UMINP: return .pairwise(a, n, m) { min($0, $1) }
        case .ADDP: return .pairwise(a, n, m) { $0 &+ $1 }

        case .SQDMULH: return .map(a, n, m) { doublingHigh(e, $0, $1, round: false, &fpsr) }
        case .SQRDMULH: return .map(a, n, m) { doublingHigh(e, $0, $1, round: true, &fpsr) }

        case .AND: return logical(a, low: n.low & m.low, high: n.high & m.high)
        case .BIC: return logical(a, low: n.low & ~m.low, high: n.high & ~m.high)
        case .ORR: return logical(a, low: n.low | m.low, high: n.high | m.high)
        case .ORN: return logical(a, low: n.low | ~m.low, high: n.high | ~m.high)
        case .EOR: return logical(a, low: n.low ^ m.low, high: n.high ^ m.high)
        case .BSL: return logical(a, low: m.low ^ (m.low ^ n.low) & d.low, high: m.high ^ (m.high ^ n.high) & d.high)
        case .BIT: return logical(a, low: d.low ^ (d.low ^ n.low) & m.low, high: d.high ^ (d.high ^ n.high) & m.high)
        case .BIF: return logical(a, low: d.low ^ (d.low ^ n.low) & ~m.low, high: d.high ^ (d.high ^ n.high) & ~m.high)
        }
    }

    /// Logical forms have byte elements: 16 of them, or 8 and a zero upper half.
    @inline(__always) private static func logical(_ a: Arrangement, low: UInt64, high: UInt64) -> Vector128 {
        Vector128(low: low, high: a.elements == 16 ? high : 0)
    }

    @inline(__always) static func ones(_ condition: Bool) -> UInt64 { condition ? ~0 : 0 }

    @inline(__always) private static func average(_ x: Int64, _ y: Int64, round: Int64) -> Int64 {
        (x &+ y &+ round) >> 1
    }

    @inline(__always) static func signedDifference(_ e: Element, _ x: UInt64, _ y: UInt64) -> UInt64 {
        e.signed(x) > e.signed(y) ? x &- y : y &- x
    }

    /// SQDMULH and SQRDMULH: 16 or 32-bit elements.
    @inline(__always) private static func doublingHigh(
        _ e: Element, _ x: UInt64, _ y: UInt64, round: Bool, _ fpsr: inout FPSR
    ) -> UInt64 {
        var product = 2 * Int128(e.signed(x)) * Int128(e.signed(y))
        if round { product += 1 << Int128(e.bits - 1) }
        return e.saturateSigned(product >> Int128(e.bits), &fpsr)
    }

    /// Shifts by the signed low byte of each element of `m`: left, or right when negative.
    private static func shift(
        _ op: AdvSIMDThreeSame, _ a: Arrangement, _ n: Vector128, _ m: Vector128, _ fpsr: inout FPSR
    ) -> Vector128 {
        let e = Element(a)
        let isSigned = op == .SSHL || op == .SRSHL || op == .SQSHL || op == .SQRSHL
        let rounds = op == .SRSHL || op == .URSHL || op == .SQRSHL || op == .UQRSHL
        let saturates = op == .SQSHL || op == .UQSHL || op == .SQRSHL || op == .UQRSHL
        return .map(a, n, m) {
            let amount = Int(Int8(truncatingIfNeeded: $1))
            let value = isSigned ? Int128(e.signed($0)) : Int128($0)
            return shift(value, by: amount, e, isSigned: isSigned, rounds: rounds, saturates: saturates, &fpsr)
        }
    }

    /// One element. Also the immediate saturating shifts'.
    @inline(__always) static func shift(
        _ value: Int128, by amount: Int, _ e: Element, isSigned: Bool, rounds: Bool, saturates: Bool,
        _ fpsr: inout FPSR
    ) -> UInt64 {
        if amount < 0 {
            let right = -amount
            let shifted: Int128
            if rounds {
                // An element has 64 bits at most: shifted by more than 65 it rounds to zero.
                shifted = right > 65 ? 0 : (value + (1 << Int128(right - 1))) >> Int128(right)
            } else {
                shifted = value >> Int128(min(right, 127))
            }
            guard saturates else { return UInt64(truncatingIfNeeded: shifted) }
            return isSigned ? e.saturateSigned(shifted, &fpsr) : e.saturateUnsigned(shifted, &fpsr)
        }
        if amount >= e.bits {
            guard saturates, value != 0 else { return 0 }
            fpsr.QC = true
            return isSigned ? UInt64(bitPattern: value < 0 ? e.minimum : e.maximum) : e.mask
        }
        let shifted = value << Int128(amount)
        guard saturates else { return UInt64(truncatingIfNeeded: shifted) }
        return isSigned ? e.saturateSigned(shifted, &fpsr) : e.saturateUnsigned(shifted, &fpsr)
    }
}
