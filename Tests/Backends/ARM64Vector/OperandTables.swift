import ARM64Vector
import VMMTestSupport

/// Operands for the differential tests: corner values in every position first, then random mixtures.
enum OperandTables {
    /// Zeros, denormals, limits, infinities, NaNs with payloads, halves and ties, integers' limits; both signs.
    static let corners64: [UInt64] = {
        let positive: [UInt64] = [
            0, 1, 2, 0x0008_0000_0000_0000, 0x000F_FFFF_FFFF_FFFF, 0x0010_0000_0000_0000, 0x0010_0000_0000_0001,
            0x001F_FFFF_FFFF_FFFF, 0x0020_0000_0000_0000, 0x3CA0_0000_0000_0000, 0x3E60_0000_0000_0000,
            0x3690_0000_0000_0000, 0x36A0_0000_0000_0001, 0x3810_0000_0000_0000, 0x380F_FFFF_F000_0000,
            0x3F0F_FFFF_FFFF_FFFF, 0x3F10_0000_0000_0000, 0x3FD0_0000_0000_0000, 0x3FDF_FFFF_FFFF_FFFF,
            0x3FE0_0000_0000_0000, 0x3FE0_0000_0000_0001, 0x3FEF_FFFF_FFFF_FFFF, 0x3FF0_0000_0000_0000,
            0x3FF0_0000_0000_0001, 0x3FF0_0000_1000_0000, 0x3FF0_0000_3000_0000, 0x3FF8_0000_0000_0000,
            0x3FF0_0200_0000_0000, 0x4000_0000_0000_0000, 0x4004_0000_0000_0000, 0x400C_0000_0000_0000,
            0x4008_0000_0000_0000, 0x40EF_FFE0_0000_0000, 0x40EF_FDE0_0000_0000, 0x40F0_0000_0000_0000,
            0x41DF_FFFF_FFC0_0000, 0x41DF_FFFF_FFE0_0000, 0x41E0_0000_0000_0000, 0x41EF_FFFF_FFE0_0000,
            0x41EF_FFFF_FFF0_0000, 0x41F0_0000_0000_0000, 0x4330_0000_0000_0000, 0x433F_FFFF_FFFF_FFFF,
            0x432F_FFFF_FFFF_FFFF, 0x43DF_FFFF_FFFF_FFFF, 0x43E0_0000_0000_0000, 0x43EF_FFFF_FFFF_FFFF,
            0x43F0_0000_0000_0000, 0x47EF_FFFF_E000_0000, 0x47EF_FFFF_F000_0000, 0x47F0_0000_0000_0000,
            0x5FF0_0000_0000_0000, 0x1FF0_0000_0000_0000, 0x7FD0_0000_0000_0000, 0x7FE0_0000_0000_0000,
            0x7FEF_FFFF_FFFF_FFFF, 0x7FF0_0000_0000_0000, 0x7FF0_0000_0000_0001, 0x7FF4_0000_DEAD_BEEF,
            0x7FF8_0000_0000_0000, 0x7FF8_1234_5678_9ABC, 0x7FFF_FFFF_FFFF_FFFF, 0x0123_4567_89AB_CDEF,
            0x7F80_7F80_7F80_7F80, 0x7FFF_7FFF_7FFF_7FFF, 0x0001_0001_0001_0001, 0x7F01_8081_00FF_7E3C,
        ]
        return positive + positive.map { $0 | 1 << 63 }
    }()

    static let corners32: [UInt32] = {
        let positive: [UInt32] = [
            0, 1, 2, 0x0040_0000, 0x007F_FFFF, 0x0080_0000, 0x0080_0001, 0x00FF_FFFF, 0x0100_0000, 0x3300_0000,
            0x337F_FFFF, 0x3380_0000, 0x3380_0001, 0x3870_0000, 0x387F_E000, 0x387F_F000, 0x3880_0000, 0x3300_0001,
            0x3EFF_FFFF, 0x3F00_0000, 0x3F00_0001, 0x3F7F_FFFF, 0x3F80_0000, 0x3F80_0001, 0x3F80_1000, 0x3F80_3000,
            0x3FC0_0000, 0x4000_0000, 0x4020_0000, 0x4060_0000, 0x4040_0000, 0x4B00_0000, 0x4B00_0001, 0x4AFF_FFFF,
            0x477F_E000, 0x477F_EFFF, 0x477F_F000, 0x4780_0000, 0x4EFF_FFFF, 0x4F00_0000, 0x4F7F_FFFF, 0x4F80_0000,
            0x5EFF_FFFF, 0x5F00_0000, 0x5F7F_FFFF, 0x5F80_0000, 0x1F80_0000, 0x5F80_0000, 0x7E80_0000, 0x7F00_0000,
            0x7F7F_FFFF, 0x7F80_0000, 0x7F80_0001, 0x7FA0_BEEF, 0x7FC0_0000, 0x7FC1_2345, 0x7FFF_FFFF, 0x0123_4567,
            0x7FFF_7FFF, 0x0001_7C00, 0x7C01_7E00, 0x03FF_0400, 0x7BFF_0001,
        ]
        return positive + positive.map { $0 | 1 << 31 }
    }()

    /// Every control a guest can set, apart from combinations of AHP that differ for conversions only.
    static let controls: [FPCR] = [
        0, 0x0040_0000, 0x0080_0000, 0x00C0_0000, 0x0100_0000, 0x0200_0000, 0x0340_0000, 0x0180_0000, 0x01C0_0000,
        0x0400_0000, 0x07C0_0000,
    ].map(FPCR.init(rawValue:))

    /// `count` sets; the first ones pair corner with corner.
    static func make(_ count: Int, seed: UInt64) -> [Oracle.Operands] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { index in
            var operands = Oracle.Operands()
            operands.nzcv = UInt8(index & 15)
            operands.x0 = value64(&random)
            operands.x1 = value64(&random)
            operands.x2 = random.next()
            operands.v0 = vector(&random)
            operands.v1 = vector(&random)
            operands.v2 = vector(&random)
            operands.v3 = vector(&random)
            // Operands that are close, or the same, cancel.
            switch random.next() % 16 {
            case 0: operands.v1 = operands.v0
            case 1: operands.v1 = Vector128(low: operands.v0.low ^ 1 << 63, high: operands.v0.high ^ 0x8000_0000)
            case 2: operands.v1 = Vector128(low: operands.v0.low &+ 1, high: operands.v0.high &- 1)
            case 3: operands.v3 = Vector128(low: operands.v0.low ^ 1 << 63, high: operands.v1.high)
            // Small bytes: shifts by register and table indices in range.
            case 4, 5: operands.v1 = Vector128(low: smallBytes(&random), high: smallBytes(&random))
            default: break
            }
            return operands
        }
    }

    private static func vector(_ random: inout SeededGenerator) -> Vector128 {
        switch random.next() % 8 {
        case 0, 1, 2: Vector128(low: value64(&random), high: value64(&random))
        case 3, 4, 5: Vector128(low: pair32(&random), high: pair32(&random))
        case 6: Vector128(low: near64(&random), high: near64(&random))
        default: Vector128(low: near32(&random), high: near32(&random))
        }
    }

    private static func value64(_ random: inout SeededGenerator) -> UInt64 {
        let choice = random.next()
        if choice % 4 == 0 { return random.next() }
        if choice % 4 == 1 { return random.next() >> (random.next() % 64) }
        return corners64[Int(random.next() % UInt64(corners64.count))]
    }

    private static func value32(_ random: inout SeededGenerator) -> UInt64 {
        if random.next() % 3 == 0 { return random.next() >> 32 }
        return UInt64(corners32[Int(random.next() % UInt64(corners32.count))])
    }

    private static func pair32(_ random: inout SeededGenerator) -> UInt64 {
        value32(&random) | value32(&random) << 32
    }

    /// Doubles around 1 with few or many bits, so that sums align and products are exact now and then.
    private static func near64(_ random: inout SeededGenerator) -> UInt64 {
        let fraction = random.next() >> 12
        let exponent = 1023 - 60 + random.next() % 120
        let sign: UInt64 = random.next() & 1 << 63
        let shifted: UInt64 = (fraction >> (random.next() % 52)) << (random.next() % 40)
        return sign | exponent << 52 | shifted & (1 << 52 - 1)
    }

    private static func near32(_ random: inout SeededGenerator) -> UInt64 {
        func one() -> UInt64 {
            let fraction = random.next() >> 41
            let exponent = 127 - 30 + random.next() % 60
            let sign: UInt64 = random.next() & 1 << 31
            let shifted: UInt64 = (fraction >> (random.next() % 23)) << (random.next() % 20)
            return sign | exponent << 23 | shifted & (1 << 23 - 1)
        }
        return one() | one() << 32
    }

    private static func smallBytes(_ random: inout SeededGenerator) -> UInt64 {
        var result: UInt64 = 0
        for shift in stride(from: 0, to: UInt64(64), by: 8) {
            result |= UInt64(UInt8(bitPattern: Int8(truncatingIfNeeded: Int(random.next() % 80) - 20))) << shift
        }
        return result
    }
}
