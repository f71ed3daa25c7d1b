/// The commonest operations on all elements of 64 bits at once.
enum Packed {
    /// The top bit of every element.
    @inline(__always) private static func topBits(_ a: Arrangement) -> UInt64 {
        Vector128.broadcast(1 << UInt64(a.bits - 1), size: a.size).low
    }

    /// Zeroes what the arrangement does not have.
    @inline(__always) private static func trimmed(_ a: Arrangement, _ low: UInt64, _ high: UInt64) -> Vector128 {
        let width = a.elements * a.bits
        return width == 128
            ? Vector128(low: low, high: high) : Vector128(low: width == 64 ? low : low & a.mask)
    }

    /// ADD: no carry leaves an element, as its top bit is added without one.
    @inline(__always) static func add(_ a: Arrangement, _ n: Vector128, _ m: Vector128) -> Vector128 {
        let top = topBits(a)
        func add(_ x: UInt64, _ y: UInt64) -> UInt64 { ((x & ~top) &+ (y & ~top)) ^ ((x ^ y) & top) }
        return trimmed(a, add(n.low, m.low), add(n.high, m.high))
    }

    /// SUB: a one above every element pays the borrow.
    @inline(__always) static func subtract(_ a: Arrangement, _ n: Vector128, _ m: Vector128) -> Vector128 {
        let top = topBits(a)
        func subtract(_ x: UInt64, _ y: UInt64) -> UInt64 { ((x | top) &- (y & ~top)) ^ ((x ^ ~y) & top) }
        return trimmed(a, subtract(n.low, m.low), subtract(n.high, m.high))
    }

    /// CMEQ.
    @inline(__always) static func equal(_ a: Arrangement, _ n: Vector128, _ m: Vector128) -> Vector128 {
        let top = topBits(a)
        let shift = UInt64(a.bits - 1)
        let mask = a.mask
        func equal(_ x: UInt64, _ y: UInt64) -> UInt64 {
            let difference = x ^ y
            // The top bit of an element of `differs` is set where any of its bits differs.
            let differs = ((difference & ~top) &+ ~top) | difference
            return ((~differs & top) >> shift) &* mask
        }
        return trimmed(a, equal(n.low, m.low), equal(n.high, m.high))
    }
}
