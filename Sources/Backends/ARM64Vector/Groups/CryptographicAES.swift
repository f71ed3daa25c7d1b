/// Cryptographic AES (FEAT_AES); PMULL of 64-bit elements is with three different.
/// Source: DDI 0487 §C4.1, "Cryptographic AES"; FIPS 197.
package enum CryptographicAES: UInt8, CaseIterable, Sendable {
    case AESE, AESD, AESMC, AESIMC

    /// AESE, AESD: Vd and Vn exclusive-ored, rows shifted, bytes substituted. AESMC, AESIMC: Vn's columns mixed.
    package static func execute(_ op: CryptographicAES, _ n: Vector128, _ d: Vector128) -> Vector128 {
        switch op {
        case .AESE: return permuteAndSubstitute(d ^ n, step: 5, AESTables.shared.forward)
        case .AESD: return permuteAndSubstitute(d ^ n, step: 13, AESTables.shared.inverse)
        case .AESMC: return Vector128(low: mixColumns(n.low), high: mixColumns(n.high))
        case .AESIMC: return Vector128(low: inverseMixColumns(n.low), high: inverseMixColumns(n.high))
        }
    }

    /// The state's byte i is row i % 4 of column i / 4. Row r comes from r columns further, or back: r × 5 or r × 13 bytes
    /// on, modulo 16, from the column's row 0.
    private static func permuteAndSubstitute(_ state: Vector128, step: Int, _ table: [UInt8]) -> Vector128 {
        var result = Vector128.zero
        for index in 0..<16 {
            let source = (index & ~3 + (index & 3) * step) & 15
            result.fillElement(index, size: 0, UInt64(table[Int(state.byte(source))]))
        }
        return result
    }

    /// Two columns: 2 s[r] + 3 s[r+1] + s[r+2] + s[r+3] is 2 (s[r] + s[r+1]) + s[r+1] + s[r+2] + s[r+3].
    private static func mixColumns(_ x: UInt64) -> UInt64 {
        let next = rotateColumns(x, 8)
        return double(x ^ next) ^ next ^ rotateColumns(x, 16) ^ rotateColumns(x, 24)
    }

    /// The inverse's coefficients 14, 11, 13, 9 are the product of 2, 3, 1, 1 and 5, 0, 4, 0.
    private static func inverseMixColumns(_ x: UInt64) -> UInt64 {
        mixColumns(x ^ double(double(x ^ rotateColumns(x, 16))))
    }

    /// Each 32-bit half rotated right.
    @inline(__always) private static func rotateColumns(_ x: UInt64, _ bits: UInt64) -> UInt64 {
        let kept: UInt64 = 0xFFFF_FFFF >> bits
        let mask = kept | kept << 32
        return x >> bits & mask | (x << (32 - bits)) & ~mask
    }

    /// Eight products by x in GF(2^8).
    @inline(__always) private static func double(_ x: UInt64) -> UInt64 {
        (x & 0x7F7F_7F7F_7F7F_7F7F) << 1 ^ (x >> 7 & 0x0101_0101_0101_0101) &* 0x1B
    }

    /// Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1.
    @inline(__always) static func multiply(_ x: UInt8, _ y: UInt8) -> UInt8 {
        var result: UInt8 = 0
        var power = x
        var rest = y
        while rest != 0 {
            if rest & 1 != 0 { result ^= power }
            power = power << 1 ^ (power & 0x80 != 0 ? 0x1B : 0)
            rest >>= 1
        }
        return result
    }
}

/// The S-box and its inverse, computed from their definition: the inverse in GF(2^8), then an affine map.
struct AESTables: Sendable {
    let forward: [UInt8]
    let inverse: [UInt8]

    static let shared = AESTables()

    private init() {
        var forward = [UInt8](repeating: 0, count: 256)
        var inverse = forward
        for value in UInt8.min...UInt8.max {
            // The inverse is the 254th power.
            var power = value
            for _ in 0..<6 { power = CryptographicAES.multiply(CryptographicAES.multiply(power, power), value) }
            let x = CryptographicAES.multiply(power, power)
            let box = x ^ Self.rotate(x, 1) ^ Self.rotate(x, 2) ^ Self.rotate(x, 3) ^ Self.rotate(x, 4) ^ 0x63
            forward[Int(value)] = box
            inverse[Int(box)] = value
        }
        self.forward = forward
        self.inverse = inverse
    }

    private static func rotate(_ x: UInt8, _ by: UInt8) -> UInt8 { x << by | x >> (8 - by) }
}
