/// The shape an instruction gives its operands: element size, number of elements, and which half of the source it reads.
///
/// `8B` to `2D` are vectors; one element is a scalar (`B`, `H`, `S`, `D`), which the vector forms never have. An operation
/// on a scalar is the same operation on one element. For long, wide and narrowing operations the size is that of the narrow
/// elements, there are 64 bits of them, and `upper` says that the instruction is the `2` form.
package struct Arrangement: RawRepresentable, Equatable, Hashable, Sendable {
    /// Bits 1:0 size, bit 2 upper, bits 7:3 elements.
    package let rawValue: UInt8

    /// Any value is a shape that nothing traps on; no more than 16 bytes are ever used.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// - Parameters:
    ///   - size: log2 of the element's bytes, 0 to 3.
    ///   - elements: 1 to 16.
    ///   - upper: the second half of the register is the narrow operand (`SADDL2`, `XTN2`).
    package init(size: Int, elements: Int, upper: Bool = false) {
        rawValue = UInt8(truncatingIfNeeded: size & 3 | (upper ? 4 : 0) | (elements & 31) << 3)
    }

    /// A whole vector: 64 bits for `q` 0, 128 for 1.
    package init(size: Int, q: Bool) { self.init(size: size, elements: (q ? 16 : 8) >> size, upper: q) }

    /// One element.
    package init(scalar size: Int) { self.init(size: size, elements: 1) }

    package var size: Int { Int(rawValue & 3) }
    package var upper: Bool { rawValue & 4 != 0 }
    package var elements: Int { Int(rawValue >> 3) }
    package var isScalar: Bool { rawValue >> 3 == 1 }
    /// Bits of an element.
    package var bits: Int { 8 << size }
    /// All ones in an element.
    var mask: UInt64 { Vector128.mask(size) }
    /// The format of the element as a floating point number; 8-bit elements have none and never come here.
    var format: FPFormat { size == 3 ? .double : size == 2 ? .single : .half }
    /// Elements of the low 64 bits.
    var elementsPerHalf: Int { min(elements, 8 >> size) }
    /// The same number of elements, each twice as wide.
    var widened: Arrangement { Arrangement(size: size + 1, elements: elements, upper: upper) }
}

/// An element of `bits` bits, held zero-extended in 64: its reading as a signed number, and saturation to it.
struct Element {
    let bits: Int
    init(_ arrangement: Arrangement) { bits = arrangement.bits }
    init(size: Int) { bits = 8 << size }

    @inline(__always) var mask: UInt64 { ~0 >> UInt64(64 - bits) }
    @inline(__always) var signBit: UInt64 { 1 << UInt64(bits - 1) }
    @inline(__always) var maximum: Int64 { Int64(bitPattern: mask >> 1) }
    @inline(__always) var minimum: Int64 { -maximum - 1 }

    /// SInt().
    @inline(__always) func signed(_ value: UInt64) -> Int64 {
        Int64(bitPattern: value << UInt64(64 - bits)) >> Int64(64 - bits)
    }

    /// SignedSat(): sets FPSR.QC on saturation.
    @inline(__always) func saturateSigned(_ value: Int128, _ fpsr: inout FPSR) -> UInt64 {
        if value > Int128(maximum) {
            fpsr.QC = true
            return UInt64(bitPattern: maximum)
        }
        if value < Int128(minimum) {
            fpsr.QC = true
            return UInt64(bitPattern: minimum) & mask
        }
        return UInt64(truncatingIfNeeded: value) & mask
    }

    /// UnsignedSat(): sets FPSR.QC on saturation.
    @inline(__always) func saturateUnsigned(_ value: Int128, _ fpsr: inout FPSR) -> UInt64 {
        if value < 0 {
            fpsr.QC = true
            return 0
        }
        if value > Int128(mask) {
            fpsr.QC = true
            return mask
        }
        return UInt64(truncatingIfNeeded: value)
    }
}

extension Vector128 {
    /// Every element of `n` through `transform`; elements the arrangement does not have become zero.
    @inline(__always) static func map(_ a: Arrangement, _ n: Vector128, _ transform: (UInt64) -> UInt64) -> Vector128 {
        let bits = a.bits
        let mask = a.mask
        var result = Vector128.zero
        var position = 0
        let lowEnd = a.elementsPerHalf * bits
        while position < lowEnd {
            result.low |= (transform(n.low >> UInt64(position) & mask) & mask) << UInt64(position)
            position += bits
        }
        position = 0
        let highEnd = a.elements * bits - lowEnd
        while position < highEnd {
            result.high |= (transform(n.high >> UInt64(position) & mask) & mask) << UInt64(position)
            position += bits
        }
        return result
    }

    /// Elements of `n` and `m` in step.
    @inline(__always) static func map(
        _ a: Arrangement, _ n: Vector128, _ m: Vector128, _ transform: (UInt64, UInt64) -> UInt64
    ) -> Vector128 {
        let bits = a.bits
        let mask = a.mask
        var result = Vector128.zero
        var position = 0
        let lowEnd = a.elementsPerHalf * bits
        while position < lowEnd {
            let shift = UInt64(position)
            result.low |= (transform(n.low >> shift & mask, m.low >> shift & mask) & mask) << shift
            position += bits
        }
        position = 0
        let highEnd = a.elements * bits - lowEnd
        while position < highEnd {
            let shift = UInt64(position)
            result.high |= (transform(n.high >> shift & mask, m.high >> shift & mask) & mask) << shift
            position += bits
        }
        return result
    }

    /// Elements of `n`, `m` and `d` in step.
    @inline(__always) static func map(
        _ a: Arrangement, _ n: Vector128, _ m: Vector128, _ d: Vector128,
        _ transform: (UInt64, UInt64, UInt64) -> UInt64
    ) -> Vector128 {
        let size = a.size
        let mask = a.mask
        var result = Vector128.zero
        for index in 0..<a.elements {
            let value = transform(
                n.element(index, size: size), m.element(index, size: size), d.element(index, size: size))
            result.fillElement(index, size: size, value & mask)
        }
        return result
    }

    /// Adjacent pairs of `m:n`, as the pairwise instructions take them: pairs of `n` fill the lower elements, those of `m`
    /// the upper ones.
    @inline(__always) static func pairwise(
        _ a: Arrangement, _ n: Vector128, _ m: Vector128, _ transform: (UInt64, UInt64) -> UInt64
    ) -> Vector128 {
        let bits = a.bits
        if bits == 64 { return Vector128(low: transform(n.low, n.high), high: transform(m.low, m.high)) }
        let mask = a.mask
        if a.elements * bits == 64 {
            return Vector128(low: pairs(n.low, bits, mask, transform) | pairs(m.low, bits, mask, transform) << 32)
        }
        return Vector128(
            low: pairs(n.low, bits, mask, transform) | pairs(n.high, bits, mask, transform) << 32,
            high: pairs(m.low, bits, mask, transform) | pairs(m.high, bits, mask, transform) << 32)
    }

    /// The pairs of 64 bits of elements, as 32 bits.
    @inline(__always) private static func pairs(
        _ source: UInt64, _ bits: Int, _ mask: UInt64, _ transform: (UInt64, UInt64) -> UInt64
    ) -> UInt64 {
        var result: UInt64 = 0
        var position = 0
        while position < 64 {
            let lower = source >> UInt64(position) & mask
            let upper = source >> UInt64(position + bits) & mask
            result |= (transform(lower, upper) & mask) << UInt64(position / 2)
            position += 2 * bits
        }
        return result
    }

    /// The low or high 64 bits, by `upper`: the narrow source of a long operation.
    @inline(__always) func half(upper: Bool) -> UInt64 { upper ? high : low }

    /// Vpart write: a narrow 64-bit result goes to the low half and zeroes the high one, or, for the `2` forms, replaces the
    /// high half of `d`.
    @inline(__always) static func narrow(_ value: UInt64, into d: Vector128, upper: Bool) -> Vector128 {
        upper ? Vector128(low: d.low, high: value) : Vector128(low: value)
    }
}
