internal import VMMCore

/// The registers of a redistributor's RD_base frame. 32-bit unless said otherwise.
///
/// Without LPIs GICR_PROPBASER, PENDBASER, INVLPIR, INVALLR and SYNCR are absent. GICR_SETLPIR and CLRLPIR always are, as
/// LPIs come from an ITS, and so is STATUSR.
/// Source: GICv3, "The GIC Redistributor register map".
enum GICRRegister: Hashable {
    /// 0x0000, RW.
    case CTLR
    /// 0x0004, RO.
    case IIDR
    /// 0x0008, RO, 64-bit, also accessible as two words.
    case TYPER(byte: Int)
    /// 0x0014, RW.
    case WAKER
    /// 0x0070, RW, 64-bit, also accessible as two words.
    case PROPBASER(byte: Int)
    /// 0x0078, likewise.
    case PENDBASER(byte: Int)
    /// 0x00A0, WO, 64-bit; the INTID is in the low word.
    case INVLPIR
    /// 0x00B0, WO, 64-bit.
    case INVALLR
    /// 0x00C0, RO.
    case SYNCR
    /// 0xFFD0 to 0xFFFC, RO.
    case identification(index: Int)

    /// Nil for what is reserved, and for an access that the register does not take.
    static func decode(_ offset: UInt64, _ width: AccessWidth) -> Self? {
        switch (offset, width) {
        case (0x0000, .word): .CTLR
        case (0x0004, .word): .IIDR
        case (0x0008, .word), (0x0008, .doubleword): .TYPER(byte: 0)
        case (0x000C, .word): .TYPER(byte: 4)
        case (0x0014, .word): .WAKER
        case (0x0070, .word), (0x0070, .doubleword): .PROPBASER(byte: 0)
        case (0x0074, .word): .PROPBASER(byte: 4)
        case (0x0078, .word), (0x0078, .doubleword): .PENDBASER(byte: 0)
        case (0x007C, .word): .PENDBASER(byte: 4)
        case (0x00A0, .word), (0x00A0, .doubleword): .INVLPIR
        case (0x00B0, .word), (0x00B0, .doubleword): .INVALLR
        case (0x00C0, .word): .SYNCR
        case (0xFFD0..<0x1_0000, .word) where offset & 3 == 0: .identification(index: Int(offset - 0xFFD0) / 4)
        default: nil
        }
    }
}

/// The layout of a redistributor's 128 KiB.
enum GICRLayout {
    static let frameSize: UInt64 = 0x1_0000
    /// RD_base and SGI_base.
    static let sizePerCPU: UInt64 = 2 * frameSize
}

/// GICR_CTLR: Redistributor Control Register. 32-bit, RW. Source: GICv3, "GICR_CTLR".
struct GICR_CTLR: RawRepresentable {
    /// DPG0 and DPG1NS; DPG1S is reserved with one security state.
    static let writable: UInt32 = 0x0300_0000
    /// EnableLPIs, writable where there are LPIs.
    static let enableLPIs: UInt32 = 0b001
    /// Where there are LPIs: CES (bit 1), EnableLPIs can be cleared again; IR (bit 2), INVLPIR, INVALLR and SYNCR are there.
    static let withLPIs: UInt32 = 0b110

    var rawValue: UInt32 = 0

    /// Bit 0.
    var enablesLPIs: Bool { rawValue[bit: 0] }
    /// Bit 24 (DPG0) or 25 (DPG1NS). 1: 1-of-N interrupts of the group do not come here.
    func disablesOneOfN(_ group: GICGroup) -> Bool { rawValue[bit: 24 + Int(group.rawValue)] }
}

/// GICR_TYPER: Redistributor Type Register. 64-bit, RO. Source: GICv3, "GICR_TYPER".
struct GICR_TYPER: RawRepresentable {
    var rawValue: UInt64

    /// LPIs come from an ITS only; with CommonLPIAff 0 all redistributors have one configuration table.
    init(cpu: Int, isLast: Bool, hasLPIs: Bool) {
        rawValue = 0
        // PLPIS.
        rawValue[bit: 0] = hasLPIs
        // Last.
        rawValue[bit: 4] = isLast
        // DPGS: GICR_CTLR.DPG is there.
        rawValue[bit: 5] = true
        // Processor_Number.
        rawValue[8...23] = UInt64(cpu)
        // Affinity_Value.
        rawValue[32...63] = UInt64(GICAffinity(cpu: cpu).rawValue)
    }

    init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// GICR_WAKER: Redistributor Wake Register. 32-bit, RW. Source: GICv3, "GICR_WAKER".
struct GICR_WAKER: RawRepresentable {
    static let writable: UInt32 = 0b010

    /// Asleep at reset.
    var rawValue: UInt32 = 0b110

    /// Bit 1. 1: the redistributor forwards no interrupt. ChildrenAsleep (bit 2, RO) follows at once.
    var processorSleep: Bool { rawValue[bit: 1] }

    mutating func write(_ value: UInt32) {
        let sleep = value & Self.writable
        rawValue = sleep | sleep << 1
    }
}
