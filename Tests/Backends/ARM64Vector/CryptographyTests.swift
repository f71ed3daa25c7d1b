import ARM64Vector
import Testing

/// Known answers of the standards, by the instruction sequences a library would use.
@Suite struct CryptographyTests {
    @Test("FIPS 197, appendix B: AES-128 of one block, and back")
    func aes128() {
        // Appendix A.1's key schedule, by word.
        let schedule = Self.expandKey([0x2B7E_1516, 0x28AE_D2A6, 0xABF7_1588, 0x09CF_4F3C])
        let plain = Self.block([0x3243_F6A8, 0x885A_308D, 0x3131_98A2, 0xE037_0734])
        let cipher = Self.block([0x3925_841D, 0x02DC_09FB, 0xDC11_8597, 0x196A_0B32])

        var state = plain
        for round in 0..<9 {
            state = CryptographicAES.execute(.AESE, schedule[round], state)
            state = CryptographicAES.execute(.AESMC, state, .zero)
        }
        state = CryptographicAES.execute(.AESE, schedule[9], state)
        #expect(Self.exclusiveOr(state, schedule[10]) == cipher)

        state = CryptographicAES.execute(.AESD, schedule[10], cipher)
        for round in (1..<10).reversed() {
            state = CryptographicAES.execute(.AESIMC, state, .zero)
            state = CryptographicAES.execute(
                .AESD, CryptographicAES.execute(.AESIMC, schedule[round], .zero), state)
        }
        #expect(Self.exclusiveOr(state, schedule[0]) == plain)
    }

    @Test("FIPS 180-4: SHA-1 of \"abc\"")
    func sha1() {
        var words = Self.schedule(Self.abc)
        let constants: [UInt32] = [0x5A82_7999, 0x6ED9_EBA1, 0x8F1B_BCDC, 0xCA62_C1D6]
        let operations: [CryptographicSHA] = [.SHA1C, .SHA1P, .SHA1M, .SHA1P]
        let initial = Vector128(low: 0xEFCD_AB89_6745_2301, high: 0x1032_5476_98BA_DCFE)
        var state = initial
        var e = Vector128(low: 0xC3D2_E1F0)
        for round in 0..<20 {
            let k = constants[round / 5]
            let w = Self.add(words[0], Self.vector([k, k, k, k]))
            let next = CryptographicSHA.execute(.SHA1H, state, .zero, .zero)
            state = CryptographicSHA.execute(operations[round / 5], e, w, state)
            e = next
            let partial = CryptographicSHA.execute(.SHA1SU0, words[1], words[2], words[0])
            words.append(CryptographicSHA.execute(.SHA1SU1, words[3], .zero, partial))
            words.removeFirst()
        }
        let sum = Self.add(state, initial)
        #expect(sum == Vector128(low: 0x4706_816A_A999_3E36, high: 0x7850_C26C_BA3E_2571))
        #expect(UInt32(truncatingIfNeeded: e.low) &+ 0xC3D2_E1F0 == 0x9CD0_D89D)
    }

    @Test("FIPS 180-4: SHA-256 of \"abc\"")
    func sha256() {
        var words = Self.schedule(Self.abc)
        let constants = Self.sha256Constants()
        let initialX = Vector128(low: 0xBB67_AE85_6A09_E667, high: 0xA54F_F53A_3C6E_F372)
        let initialY = Vector128(low: 0x9B05_688C_510E_527F, high: 0x5BE0_CD19_1F83_D9AB)
        var x = initialX
        var y = initialY
        for round in 0..<16 {
            let k = Self.vector(Array(constants[round * 4..<round * 4 + 4]))
            let w = Self.add(words[0], k)
            let newX = CryptographicSHA.execute(.SHA256H, y, w, x)
            y = CryptographicSHA.execute(.SHA256H2, x, w, y)
            x = newX
            let partial = CryptographicSHA.execute(.SHA256SU0, words[1], .zero, words[0])
            words.append(CryptographicSHA.execute(.SHA256SU1, words[2], words[3], partial))
            words.removeFirst()
        }
        #expect(Self.add(x, initialX) == Self.vector([0xBA78_16BF, 0x8F01_CFEA, 0x4141_40DE, 0x5DAE_2223]))
        #expect(Self.add(y, initialY) == Self.vector([0xB003_61A3, 0x9617_7A9C, 0xB410_FF61, 0xF200_15AD]))
    }

    @Test("CRC-32 and CRC-32C of \"123456789\"")
    func crc() {
        var ieee: UInt32 = ~0
        var castagnoli: UInt32 = ~0
        for byte in "123456789".utf8 {
            ieee = CRC32.update(ieee, UInt64(byte), size: 0, castagnoli: false)
            castagnoli = CRC32.update(castagnoli, UInt64(byte), size: 0, castagnoli: true)
        }
        #expect(~ieee == 0xCBF4_3926)
        #expect(~castagnoli == 0xE306_9283)
        // Eight bytes at once are the same bytes one by one.
        let word: UInt64 = 0x3837_3635_3433_3231
        let whole = CRC32.update(~0, word, size: 3, castagnoli: false)
        #expect(~CRC32.update(whole, 0x39, size: 0, castagnoli: false) == 0xCBF4_3926)
    }

    @Test("PMULL, 1Q: (x^63 + 1) squared is x^126 + 1; x + 1 squared is x^2 + 1")
    func polynomial() {
        let a = Vector128(low: 1 << 63 | 1, high: 3)
        let arrangement = Arrangement(size: 3, elements: 1)
        var flags = FPSR(rawValue: 0)
        #expect(
            AdvSIMDThreeDifferent.execute(.PMULL, arrangement, a, a, .zero, &flags)
                == Vector128(low: 1, high: 1 << 62))
        #expect(
            AdvSIMDThreeDifferent.execute(
                .PMULL, Arrangement(size: 3, elements: 1, upper: true), a, a, .zero, &flags)
                == Vector128(low: 5))
    }

    // MARK: Helpers

    private static func vector(_ words: [UInt32]) -> Vector128 {
        Vector128(
            low: UInt64(words[0]) | UInt64(words[1]) << 32, high: UInt64(words[2]) | UInt64(words[3]) << 32)
    }

    /// The standards' words are big-endian bytes in memory order.
    private static func block(_ words: [UInt32]) -> Vector128 { vector(words.map(\.byteSwapped)) }

    private static func add(_ a: Vector128, _ b: Vector128) -> Vector128 {
        var flags = FPSR(rawValue: 0)
        return AdvSIMDThreeSame.execute(.ADD, Arrangement(size: 2, q: true), a, b, .zero, &flags)
    }

    private static func exclusiveOr(_ a: Vector128, _ b: Vector128) -> Vector128 {
        Vector128(low: a.low ^ b.low, high: a.high ^ b.high)
    }

    /// The padded one-block message.
    private static let abc: [UInt32] = [0x6162_6380] + [UInt32](repeating: 0, count: 14) + [24]

    private static func schedule(_ words: [UInt32]) -> [Vector128] {
        stride(from: 0, to: 16, by: 4).map { vector(Array(words[$0..<$0 + 4])) }
    }

    /// FIPS 180-4 §4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static func sha256Constants() -> [UInt32] {
        var primes: [UInt128] = []
        var candidate: UInt128 = 2
        while primes.count < 64 {
            if !primes.contains(where: { candidate % $0 == 0 }) { primes.append(candidate) }
            candidate += 1
        }
        return primes.map { prime in
            // The integer cube root of prime × 2^96 has 32 fraction bits.
            var root: UInt128 = 0
            for bit in (0..<UInt128(36)).reversed() {
                let tried = root | 1 << bit
                if tried * tried * tried <= prime << 96 { root = tried }
            }
            return UInt32(truncatingIfNeeded: root)
        }
    }

    /// FIPS 197 §5.2 with AESE for the S-box: with equal columns ShiftRows changes nothing.
    private static func expandKey(_ key: [UInt32]) -> [Vector128] {
        var words = key
        var constant: UInt32 = 1
        for index in 4..<44 {
            var word = words[index - 1]
            if index % 4 == 0 {
                let rotated = word << 8 | word >> 24
                let box = CryptographicAES.execute(.AESE, .zero, block([rotated, rotated, rotated, rotated]))
                word = UInt32(truncatingIfNeeded: box.low).byteSwapped ^ constant << 24
                constant = constant << 1 ^ (constant & 0x80 != 0 ? 0x11B : 0)
            }
            words.append(words[index - 4] ^ word)
        }
        return (0..<11).map { block(Array(words[$0 * 4..<$0 * 4 + 4])) }
    }
}
