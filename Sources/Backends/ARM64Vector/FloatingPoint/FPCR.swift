/// FPCR: Floating-point Control Register. 64-bit register with RES0 upper half, RW.
///
/// Exception traps (bits 8 to 15) are not implemented and RAZ/WI, as on every Cortex-A.
/// Source: DDI 0487 §C5.2.7.
package struct FPCR: RawRepresentable, Equatable, Hashable, Sendable {
    package var rawValue: UInt32
    @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The bits a write keeps: AHP, DN, FZ, RMode. FZ16 is RES0 without FEAT_FP16.
    package static let writable: UInt32 = 0x07C0_0000

    /// Bit 26. 1: half precision is the alternative format, without infinities and NaNs.
    package var AHP: Bool { rawValue & 1 << 26 != 0 }
    /// Bit 25. 1: every NaN result is the default NaN.
    package var DN: Bool { rawValue & 1 << 25 != 0 }
    /// Bit 24. 1: denormal inputs and results of single and double precision are flushed to zero.
    package var FZ: Bool { rawValue & 1 << 24 != 0 }
    /// Bits 23:22. Rounding mode.
    package var RMode: FPRounding {
        switch rawValue >> 22 & 3 {
        case 0: .tieEven
        case 1: .plusInfinity
        case 2: .minusInfinity
        default: .zero
        }
    }
    /// Bit 19. 1: half precision arithmetic flushes denormals (FEAT_FP16, not implemented); conversions ignore it.
    package var FZ16: Bool { rawValue & 1 << 19 != 0 }

    /// Round to nearest without flushing: the only mode in which the host's arithmetic may answer.
    @inline(__always) var isNearestWithoutFlush: Bool { rawValue & (1 << 24 | 3 << 22) == 0 }

    /// The control values of Advanced SIMD are FPCR's, unlike AArch32's standard FPSCR.
    package static let reset = FPCR(rawValue: 0)
}

/// FPRounding: the modes of FPCR.RMode, and those only instructions name.
/// Source: DDI 0487 shared/functions/float/fprounding/FPRounding.
package enum FPRounding: UInt8, Sendable {
    case tieEven, plusInfinity, minusInfinity, zero
    /// To nearest, ties away from zero (FCVTA, FRINTA).
    case tieAway
    /// To odd: inexact results get an odd mantissa (FCVTXN).
    case odd
}
