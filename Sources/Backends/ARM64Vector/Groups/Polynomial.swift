/// Products of polynomials over {0, 1}.
enum Polynomial {
    /// PolynomialMult() of two operands of `bits` bits, 32 at most.
    @inline(__always) static func multiply(_ x: UInt64, _ y: UInt64, bits: Int) -> UInt64 {
        var result: UInt64 = 0
        for bit in 0..<UInt64(bits) { result ^= (x << bit) & (0 &- (y >> bit & 1)) }
        return result
    }

    /// The 128-bit product of 64-bit operands (PMULL, 1Q).
    static func multiply64(_ x: UInt64, _ y: UInt64) -> Vector128 {
        var low: UInt64 = 0
        var high: UInt64 = 0
        for bit in 0..<UInt64(64) {
            let mask = 0 &- (y >> bit & 1)
            low ^= (x << bit) & mask
            high ^= ((x >> 1) >> (63 - bit)) & mask
        }
        return Vector128(low: low, high: high)
    }
}
