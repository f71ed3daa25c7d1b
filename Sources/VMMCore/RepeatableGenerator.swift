/// Random numbers that are the same for the same seed: xoshiro256**, its state filled by SplitMix64. Not for secrets.
///
/// Source: D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", 2021; prng.di.unimi.it.
package struct RepeatableGenerator: RandomNumberGenerator, Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    /// - Parameter stream: tells apart those who draw from the same seed, so that one more of them changes no other's numbers.
    package init(seed: UInt64, stream: UInt64 = 0) {
        var filler = SplitMix64(state: seed)
        for _ in 0..<2 { _ = filler.next() }
        filler = SplitMix64(state: filler.next() ^ stream &* 0xD134_2543_DE82_EF95)
        state = (filler.next(), filler.next(), filler.next(), filler.next())
    }

    package mutating func next() -> UInt64 {
        func rotated(_ value: UInt64, _ count: UInt64) -> UInt64 { value << count | value >> (64 - count) }
        let result = rotated(state.1 &* 5, 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = rotated(state.3, 45)
        return result
    }
}

/// Source: the same, "Seeding".
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
