/// Cryptographic three-register SHA and two-register SHA (FEAT_SHA1, FEAT_SHA256).
/// Source: DDI 0487 §C4.1, "Cryptographic three-register SHA", "Cryptographic two-register SHA"; FIPS 180-4.
package enum CryptographicSHA: UInt8, CaseIterable, Sendable {
    case SHA1C, SHA1P, SHA1M, SHA1SU0, SHA256H, SHA256H2, SHA256SU1
    case SHA1H, SHA1SU1, SHA256SU0

    package static func execute(
        _ op: CryptographicSHA, _ n: Vector128, _ m: Vector128, _ d: Vector128
    ) -> Vector128 {
        switch op {
        case .SHA1C: return sha1(d, n.word(0), m) { (($1 ^ $2) & $0) ^ $2 }
        case .SHA1P: return sha1(d, n.word(0), m) { $0 ^ $1 ^ $2 }
        case .SHA1M: return sha1(d, n.word(0), m) { ($0 & $1) | (($0 | $1) & $2) }
        case .SHA1SU0: return Vector128(low: d.high, high: n.low) ^ d ^ m
        case .SHA1H: return Vector128(low: UInt64(rotate(n.word(0), 30)))
        case .SHA1SU1:
            let t = d ^ Vector128(n.word(1), n.word(2), n.word(3), 0)
            return Vector128(
                rotate(t.word(0), 1), rotate(t.word(1), 1), rotate(t.word(2), 1),
                rotate(t.word(3), 1) ^ rotate(t.word(0), 2))
        case .SHA256H: return sha256(x: d, y: n, m).x
        case .SHA256H2: return sha256(x: n, y: d, m).y
        case .SHA256SU0:
            return Vector128(
                d.word(0) &+ sigma0(d.word(1)), d.word(1) &+ sigma0(d.word(2)), d.word(2) &+ sigma0(d.word(3)),
                d.word(3) &+ sigma0(n.word(0)))
        case .SHA256SU1:
            let r0 = d.word(0) &+ n.word(1) &+ sigma1(m.word(2))
            let r1 = d.word(1) &+ n.word(2) &+ sigma1(m.word(3))
            let r2 = d.word(2) &+ n.word(3) &+ sigma1(r0)
            let r3 = d.word(3) &+ m.word(0) &+ sigma1(r1)
            return Vector128(r0, r1, r2, r3)
        }
    }

    @inline(__always) private static func rotate(_ x: UInt32, _ left: UInt32) -> UInt32 {
        x << left | x >> (32 - left)
    }

    @inline(__always) private static func sigma0(_ x: UInt32) -> UInt32 { rotate(x, 25) ^ rotate(x, 14) ^ x >> 3 }
    @inline(__always) private static func sigma1(_ x: UInt32) -> UInt32 { rotate(x, 15) ^ rotate(x, 13) ^ x >> 10 }

    /// Four rounds of SHA-1 on X = a, b, c, d and y = e; `w` holds schedule plus constant.
    @inline(__always) private static func sha1(
        _ state: Vector128, _ e: UInt32, _ w: Vector128, _ mix: (UInt32, UInt32, UInt32) -> UInt32
    ) -> Vector128 {
        var x0 = state.word(0)
        var x1 = state.word(1)
        var x2 = state.word(2)
        var x3 = state.word(3)
        var y = e
        for round in 0..<4 {
            y = y &+ rotate(x0, 5) &+ mix(x1, x2, x3) &+ w.word(round)
            x1 = rotate(x1, 30)
            (y, x0, x1, x2, x3) = (x3, y, x0, x1, x2)
        }
        return Vector128(x0, x1, x2, x3)
    }

    /// SHA256hash(): four rounds on X = a, b, c, d and Y = e, f, g, h.
    private static func sha256(x: Vector128, y: Vector128, _ w: Vector128) -> (x: Vector128, y: Vector128) {
        var (a, b, c, d) = (x.word(0), x.word(1), x.word(2), x.word(3))
        var (e, f, g, h) = (y.word(0), y.word(1), y.word(2), y.word(3))
        for round in 0..<4 {
            let choose = ((f ^ g) & e) ^ g
            let majority = (a & b) | ((a | b) & c)
            let bigSigma1 = rotate(e, 26) ^ rotate(e, 21) ^ rotate(e, 7)
            let bigSigma0 = rotate(a, 30) ^ rotate(a, 19) ^ rotate(a, 10)
            let t = h &+ bigSigma1 &+ choose &+ w.word(round)
            (h, g, f, e) = (g, f, e, d &+ t)
            (d, c, b, a) = (c, b, a, t &+ bigSigma0 &+ majority)
        }
        return (Vector128(a, b, c, d), Vector128(e, f, g, h))
    }
}
