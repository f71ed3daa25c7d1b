/// Advanced SIMD permute, extract and table lookup.
/// Source: DDI 0487 §C4.1, "Advanced SIMD permute", "Advanced SIMD extract", "Advanced SIMD table lookup".
package enum AdvSIMDPermute: UInt8, CaseIterable, Sendable {
    case UZP1, UZP2, TRN1, TRN2, ZIP1, ZIP2
    /// EXT: `index` is the first byte taken from `m:n`.
    case EXT

    package static func execute(
        _ op: AdvSIMDPermute, _ a: Arrangement, _ n: Vector128, _ m: Vector128, index: Int
    ) -> Vector128 {
        let count = a.elements
        let half = count / 2
        switch op {
        case .UZP1: return build(a) { $0 < half ? element(a, n, 2 * $0) : element(a, m, 2 * ($0 - half)) }
        case .UZP2: return build(a) { $0 < half ? element(a, n, 2 * $0 + 1) : element(a, m, 2 * ($0 - half) + 1) }
        case .TRN1: return build(a) { element(a, $0 & 1 == 0 ? n : m, $0 & ~1) }
        case .TRN2: return build(a) { element(a, $0 & 1 == 0 ? n : m, $0 | 1) }
        case .ZIP1: return build(a) { element(a, $0 & 1 == 0 ? n : m, $0 >> 1) }
        case .ZIP2: return build(a) { element(a, $0 & 1 == 0 ? n : m, half + $0 >> 1) }
        case .EXT:
            let shift = UInt64(index & 7) * 8
            if count == 8 { return Vector128(low: funnel(n.low, m.low, shift)) }
            return index < 8
                ? Vector128(low: funnel(n.low, n.high, shift), high: funnel(n.high, m.low, shift))
                : Vector128(low: funnel(n.high, m.low, shift), high: funnel(m.low, m.high, shift))
        }
    }

    /// TBL and TBX: `registers` tables of 16 bytes, t0 first; an index beyond them gives 0, or for TBX leaves Vd's byte.
    package static func tableLookup(
        extends: Bool, _ a: Arrangement, registers: Int, _ t0: Vector128, _ t1: Vector128, _ t2: Vector128,
        _ t3: Vector128, indices m: Vector128, _ d: Vector128
    ) -> Vector128 {
        build(a) {
            let index = Int(m.byte($0))
            if index >= registers * 16 { return extends ? UInt64(d.byte($0)) : 0 }
            let table = index < 16 ? t0 : index < 32 ? t1 : index < 48 ? t2 : t3
            return UInt64(table.byte(index & 15))
        }
    }

    /// 64 bits from bit `shift`, below 64, of `high:low`.
    @inline(__always) private static func funnel(_ low: UInt64, _ high: UInt64, _ shift: UInt64) -> UInt64 {
        low >> shift | (high << 1) << (63 - shift)
    }

    @inline(__always) private static func element(_ a: Arrangement, _ v: Vector128, _ index: Int) -> UInt64 {
        v.element(index, size: a.size)
    }

    @inline(__always) private static func build(_ a: Arrangement, _ body: (Int) -> UInt64) -> Vector128 {
        var result = Vector128.zero
        for index in 0..<a.elements { result.fillElement(index, size: a.size, body(index)) }
        return result
    }
}
