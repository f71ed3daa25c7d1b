/// Advanced SIMD modified immediate.
/// Source: DDI 0487 §C4.1, "Advanced SIMD modified immediate"; shared/functions/vector/AdvSIMDExpandImm.
package enum AdvSIMDModifiedImmediate: UInt8, CaseIterable, Sendable {
    /// MOVI, MVNI (its immediate comes inverted) and FMOV (vector, immediate).
    case MOVI
    case ORR, BIC

    package static func execute(
        _ op: AdvSIMDModifiedImmediate, _ a: Arrangement, _ d: Vector128, immediate: UInt64
    ) -> Vector128 {
        let low: UInt64
        let high: UInt64
        switch op {
        case .MOVI: (low, high) = (immediate, immediate)
        case .ORR: (low, high) = (d.low | immediate, d.high | immediate)
        case .BIC: (low, high) = (d.low & ~immediate, d.high & ~immediate)
        }
        return Vector128(low: low, high: a.elements << a.size == 16 ? high : 0)
    }

    /// AdvSIMDExpandImm(), with MVNI's inversion: `op` bit 29, `cmode` bits 15:12, `imm8` bits 18:16 and 9:5.
    /// ORR and BIC (odd `cmode` below 12) take the immediate as it is.
    package static func expand(op: Bool, cmode: UInt8, imm8: UInt8) -> UInt64 {
        let imm = UInt64(imm8)
        let value: UInt64
        switch cmode >> 1 {
        case 0, 1, 2, 3: value = replicate(imm << UInt64(cmode >> 1 * 8), 32)
        case 4: value = replicate(imm, 16)
        case 5: value = replicate(imm << 8, 16)
        case 6: value = replicate(cmode & 1 == 0 ? imm << 8 | 0xFF : imm << 16 | 0xFFFF, 32)
        default:
            switch (cmode & 1, op) {
            case (0, false): return replicate(imm, 8)
            case (0, true):
                var bytes: UInt64 = 0
                for bit in 0..<UInt64(8) where imm >> bit & 1 != 0 { bytes |= 0xFF << (bit * 8) }
                return bytes
            case (_, false): return replicate(expandFloat(imm8, .single), 32)
            default: return expandFloat(imm8, .double)
            }
        }
        let isBitwise = cmode & 1 == 1 && cmode < 12
        return op && !isBitwise ? ~value : value
    }

    /// VFPExpandImm().
    package static func expandFloat(_ imm8: UInt8, _ format: FPFormat) -> UInt64 {
        let sign = UInt64(imm8 >> 7)
        let b = UInt64(imm8 >> 6 & 1)
        let middle = b == 0 ? 0 : (1 as UInt64) << UInt64(format.exponentBits - 3) - 1
        let exponent = (b ^ 1) << UInt64(format.exponentBits - 1) | middle << 2 | UInt64(imm8 >> 4 & 3)
        let fraction = UInt64(imm8 & 15) << UInt64(format.fractionBits - 4)
        return sign << UInt64(format.bits - 1) | exponent << UInt64(format.fractionBits) | fraction
    }

    private static func replicate(_ value: UInt64, _ bits: Int) -> UInt64 {
        Vector128.broadcast(value, size: bits == 8 ? 0 : bits == 16 ? 1 : 2).low
    }
}
