internal import VMMCore

/// GICR_PROPBASER: where the configuration table of the LPIs is. 64-bit, RW; fixed while LPIs are enabled.
/// Source: GICv3, "GICR_PROPBASER".
struct GICR_PROPBASER: RawRepresentable {
    /// OuterCache (58:56), Physical_Address (51:12), Shareability (11:10), InnerCache (9:7), IDbits (4:0).
    static let writable: UInt64 = 0x070F_FFFF_FFFF_FF9F

    var rawValue: UInt64 = 0

    /// Bits 51:12. The first byte is INTID 8192's.
    var address: UInt64 { rawValue[12...51] << 12 }
    /// Bits 4:0, IDbits, plus one: how many bits of an INTID count.
    var intidBits: Int { Int(rawValue[0...4]) + 1 }
}

/// GICR_PENDBASER: where the pending table of a redistributor's LPIs is. 64-bit, RW; fixed while LPIs are enabled.
/// Source: GICv3, "GICR_PENDBASER".
struct GICR_PENDBASER: RawRepresentable {
    /// OuterCache (58:56), Physical_Address (51:16), Shareability (11:10), InnerCache (9:7).
    static let writable: UInt64 = 0x070F_FFFF_FFFF_0F80

    /// What a read gives: without PTZ.
    var rawValue: UInt64 = 0
    /// Bit 62, PTZ, write-only: the table was zero when this was written, and need not be read.
    private(set) var isZero = false

    init() {}

    init(rawValue: UInt64) {
        self.rawValue = rawValue & Self.writable
        isZero = rawValue[bit: 62]
    }

    /// Bits 51:16. The first bit is INTID 0's.
    var address: UInt64 { rawValue[16...51] << 16 }
}

/// An LPI's byte in the configuration table. Source: GICv3, "LPI Configuration tables".
struct GICLPIConfiguration: RawRepresentable {
    /// Disabled.
    var rawValue: UInt8 = 0

    /// Bit 0.
    var isEnabled: Bool { rawValue[bit: 0] }
    /// Bits 7:2, of which as many count as other interrupts have.
    var priority: UInt8 { rawValue & GICBank.implementedPriority }
}

/// 64-bit registers that are also accessible as two words.
extension UInt64 {
    /// - Parameter byte: 0 or 4, here and below.
    func part(_ byte: Int, _ width: AccessWidth) -> UInt64 { self >> UInt64(8 * byte) & width.mask }

    func replacingPart(_ byte: Int, _ width: AccessWidth, with value: UInt64) -> UInt64 {
        let mask = width.mask << UInt64(8 * byte)
        return self & ~mask | (value << UInt64(8 * byte)) & mask
    }
}
