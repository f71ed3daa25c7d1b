/// Advanced SIMD copy and scalar copy.
/// Source: DDI 0487 §C4.1, "Advanced SIMD copy", "Advanced SIMD scalar copy".
package enum AdvSIMDCopy: UInt8, CaseIterable, Sendable {
    /// DUP (element), vector and scalar; `index` selects Vn's element.
    case DUPelement
    /// INS (element): `index` is Vd's, `sourceIndex` Vn's.
    case INSelement

    package static func execute(
        _ op: AdvSIMDCopy, _ a: Arrangement, _ n: Vector128, _ d: Vector128, index: Int, sourceIndex: Int
    ) -> Vector128 {
        switch op {
        case .DUPelement: return duplicate(a, n.element(index, size: a.size))
        case .INSelement: return insert(a, d, index: index, n.element(sourceIndex, size: a.size))
        }
    }

    /// DUP (general) too: `value`'s low element in every element.
    package static func duplicate(_ a: Arrangement, _ value: UInt64) -> Vector128 {
        if a.isScalar { return Vector128(low: value & a.mask) }
        let all = Vector128.broadcast(value, size: a.size)
        return a.elements << a.size == 16 ? all : Vector128(low: all.low)
    }

    /// INS (general) too.
    package static func insert(_ a: Arrangement, _ d: Vector128, index: Int, _ value: UInt64) -> Vector128 {
        var result = d
        result.setElement(index, size: a.size, to: value)
        return result
    }

    /// UMOV.
    package static func extractUnsigned(_ a: Arrangement, _ n: Vector128, index: Int) -> UInt64 {
        n.element(index, size: a.size)
    }

    /// SMOV: sign-extended to 64 bits, of which the W form keeps 32.
    package static func extractSigned(_ a: Arrangement, _ n: Vector128, index: Int, to64: Bool) -> UInt64 {
        let value = UInt64(bitPattern: Element(a).signed(n.element(index, size: a.size)))
        return to64 ? value : value & 0xFFFF_FFFF
    }
}
