// For the linker: fused multiplication and square roots are libm's where the host CPU is not known to have them.
internal import Glibc

/// The host's arithmetic where it gives the same bits and the same flags.
///
/// Called only for round to nearest without flushing. An answer is used when it is a normal number with the exponent field
/// at least 2 and not the largest: then no input was a NaN or an infinity, and neither underflow nor overflow is in play
/// (Arm detects underflow before rounding, hence 2 and not 1). The one flag left is Inexact: it is cumulative, so when it is
/// set already there is nothing to find out; else the result must be shown to be exact, and where it is not the integer path
/// sets the flag. A nil answer is never wrong, only slower.
extension FP {
    @inline(__always) private static func isPlain(_ r: Double) -> Bool {
        (r.bitPattern >> 52 & 0x7FF) &- 2 < 0x7FD
    }
    @inline(__always) private static func isPlain(_ r: Float) -> Bool {
        (r.bitPattern >> 23 & 0xFF) &- 2 < 0xFD
    }
    /// Large enough that 2^-106 of it is still a normal number: residuals below are exact.
    @inline(__always) private static func hasRoomBelow(_ r: Double) -> Bool { r.bitPattern >> 52 & 0x7FF > 200 }
    @inline(__always) private static func single(_ bits: UInt64) -> Float {
        Float(bitPattern: UInt32(truncatingIfNeeded: bits))
    }

    @inline(__always) static func hostAdd(_ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpsr: FPSR) -> UInt64? {
        if format == .double {
            let x = Double(bitPattern: a)
            let y = Double(bitPattern: b)
            let r = x + y
            guard isPlain(r) else { return nil }
            // The error of a sum by Knuth's TwoSum is exact.
            if !fpsr.IXC {
                let t = r - x
                guard (x - (r - t)) + (y - t) == 0 else { return nil }
            }
            return r.bitPattern
        }
        let x = single(a)
        let y = single(b)
        let r = x + y
        guard isPlain(r) else { return nil }
        if !fpsr.IXC {
            let t = r - x
            guard (x - (r - t)) + (y - t) == 0 else { return nil }
        }
        return UInt64(r.bitPattern)
    }

    @inline(__always) static func hostMultiply(
        _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpsr: FPSR
    ) -> UInt64? {
        if format == .double {
            let x = Double(bitPattern: a)
            let y = Double(bitPattern: b)
            let r = x * y
            guard isPlain(r) else { return nil }
            if !fpsr.IXC { guard hasRoomBelow(r), (-r).addingProduct(x, y) == 0 else { return nil } }
            return r.bitPattern
        }
        // 24 × 24 bits fit in 53: the double product is exact.
        let product = Double(single(a)) * Double(single(b))
        let r = Float(product)
        guard isPlain(r), fpsr.IXC || Double(r) == product else { return nil }
        return UInt64(r.bitPattern)
    }

    @inline(__always) static func hostDivide(
        _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpsr: FPSR
    ) -> UInt64? {
        if format == .double {
            let x = Double(bitPattern: a)
            let y = Double(bitPattern: b)
            let r = x / y
            // 1 / infinity is zero and not plain; infinity / 1 is not plain either.
            guard isPlain(r) else { return nil }
            if !fpsr.IXC { guard hasRoomBelow(x), (-x).addingProduct(r, y) == 0 else { return nil } }
            return r.bitPattern
        }
        let x = single(a)
        let y = single(b)
        let r = x / y
        guard isPlain(r), fpsr.IXC || Double(r) * Double(y) == Double(x) else { return nil }
        return UInt64(r.bitPattern)
    }

    @inline(__always) static func hostSquareRoot(_ a: UInt64, _ format: FPFormat, _ fpsr: FPSR) -> UInt64? {
        if format == .double {
            let x = Double(bitPattern: a)
            let r = x.squareRoot()
            guard isPlain(r) else { return nil }
            if !fpsr.IXC { guard hasRoomBelow(x), (-x).addingProduct(r, r) == 0 else { return nil } }
            return r.bitPattern
        }
        let x = single(a)
        let r = x.squareRoot()
        guard isPlain(r), fpsr.IXC || Double(r) * Double(r) == Double(x) else { return nil }
        return UInt64(r.bitPattern)
    }

    /// Only with Inexact set already: proving a fused result exact costs more than the integer path.
    @inline(__always) static func hostMultiplyAdd(
        _ addend: UInt64, _ a: UInt64, _ b: UInt64, _ format: FPFormat, _ fpsr: FPSR
    ) -> UInt64? {
        guard fpsr.IXC else { return nil }
        if format == .double {
            let r = Double(bitPattern: addend).addingProduct(Double(bitPattern: a), Double(bitPattern: b))
            return isPlain(r) ? r.bitPattern : nil
        }
        let r = single(addend).addingProduct(single(a), single(b))
        return isPlain(r) ? UInt64(r.bitPattern) : nil
    }

    /// Double to single.
    @inline(__always) static func hostNarrow(_ a: UInt64, _ fpsr: FPSR) -> UInt64? {
        let x = Double(bitPattern: a)
        let r = Float(x)
        guard isPlain(r), fpsr.IXC || Double(r) == x else { return nil }
        return UInt64(r.bitPattern)
    }
}
