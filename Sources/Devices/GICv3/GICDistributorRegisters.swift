internal import VMMCore

/// The distributor's registers beside the banked ones. 32-bit unless said otherwise.
///
/// Absent, and so read as zero and ignore writes: GICD_STATUSR, the message-based SPI registers (TYPER.MBIS is 0),
/// ITARGETSR, SGIR, CPENDSGIR and SPENDSGIR (affinity routing is always on), IGRPMODR and NSACR (DS is 1), and the rows of
/// INTIDs 0 to 31, which the redistributors have.
/// Source: GICv3, "The GIC Distributor register map".
enum GICDRegister: Hashable {
    /// 0x0000, RW.
    case CTLR
    /// 0x0004, RO.
    case TYPER
    /// 0x0008, RO.
    case IIDR
    /// 0x6000 + 8 × INTID, RW, 64-bit, also accessible as two words.
    case IROUTER(intid: Int, byte: Int)
    /// 0xFFD0 to 0xFFFC: PIDR4 to PIDR7, PIDR0 to PIDR3, CIDR0 to CIDR3, RO.
    case identification(index: Int)

    /// Nil for what is reserved, and for an access that the register does not take.
    static func decode(_ offset: UInt64, _ width: AccessWidth) -> Self? {
        guard offset & (UInt64(width.rawValue) - 1) == 0 else { return nil }
        switch (offset, width) {
        case (0x6100..<0x7FE0, .word), (0x6100..<0x7FE0, .doubleword):
            return .IROUTER(intid: Int(offset - 0x6000) / 8, byte: Int(offset & 7))
        case (0x0000, .word): return .CTLR
        case (0x0004, .word): return .TYPER
        case (0x0008, .word): return .IIDR
        case (0xFFD0..<0x1_0000, .word): return .identification(index: Int(offset - 0xFFD0) / 4)
        default: return nil
        }
    }
}

/// GICD_CTLR: Distributor Control Register, as with one security state. 32-bit, RW. Source: GICv3, "GICD_CTLR".
struct GICD_CTLR: RawRepresentable {
    /// ARE (bit 4) and DS (bit 6) are always one.
    static let fixed: UInt32 = 0x50
    static let writable: UInt32 = 0x03

    var rawValue: UInt32 = fixed

    /// Bit 0. Group 0 interrupts are forwarded.
    var enableGrp0: Bool { rawValue[bit: 0] }
    /// Bit 1. Group 1 interrupts are forwarded.
    var enableGrp1: Bool { rawValue[bit: 1] }

    func enables(_ group: GICGroup) -> Bool { rawValue[bit: Int(group.rawValue)] }
}

/// GICD_TYPER: Interrupt Controller Type Register. 32-bit, RO. Source: GICv3, "GICD_TYPER".
struct GICD_TYPER: RawRepresentable {
    var rawValue: UInt32 = 0

    /// 1-of-N routing is there, message-based SPIs, extended SPIs and a range selector are not.
    /// - Parameter bankCount: rows of 32 INTIDs, SGIs and PPIs included.
    init(bankCount: Int, hasLPIs: Bool) {
        // ITLinesNumber.
        rawValue[0...4] = UInt32(truncatingIfNeeded: bankCount - 1)
        // LPIS. num_LPIs (15:11) is 0: as many as IDbits says.
        rawValue[bit: 17] = hasLPIs
        // IDbits: the bits of an INTID, one less.
        rawValue[19...23] = hasLPIs ? UInt32(GICLPIBank.intidBits - 1) : 15
        // A3V: affinity 3 may be other than zero.
        rawValue[bit: 24] = true
    }

    init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// GICD_IROUTER<n>: where an SPI goes. 64-bit, RW. Source: GICv3, "GICD_IROUTER<n>".
struct GICD_IROUTER: RawRepresentable {
    static let writable: UInt64 = 0xFF_80FF_FFFF

    var rawValue: UInt64 = 0

    /// Bits 7:0, 15:8, 23:16 and 39:32.
    var affinity: GICAffinity {
        GICAffinity(
            aff0: UInt8(truncatingIfNeeded: rawValue), aff1: UInt8(truncatingIfNeeded: rawValue >> 8),
            aff2: UInt8(truncatingIfNeeded: rawValue >> 16), aff3: UInt8(truncatingIfNeeded: rawValue >> 32))
    }
    /// Bit 31, Interrupt_Routing_Mode. 1: to any one of the participating CPUs.
    var irm: Bool { rawValue[bit: 31] }
}

/// The name of a CPU in affinity routing, as MPIDR_EL1 has it.
struct GICAffinity: Hashable {
    /// CPUs of one value of Aff1: what the target list of an SGI can name.
    static let clusterSize = 16

    var aff0: UInt8
    var aff1: UInt8
    var aff2: UInt8
    var aff3: UInt8

    init(aff0: UInt8, aff1: UInt8, aff2: UInt8 = 0, aff3: UInt8 = 0) {
        self.aff0 = aff0
        self.aff1 = aff1
        self.aff2 = aff2
        self.aff3 = aff3
    }

    /// CPUs are numbered in clusters of 16, as `virt` has them.
    init(cpu: Int) {
        self.init(
            aff0: UInt8(truncatingIfNeeded: cpu % Self.clusterSize),
            aff1: UInt8(truncatingIfNeeded: cpu / Self.clusterSize))
    }

    /// The CPU of this name, which may not exist; nil when no CPU can have it.
    var cpu: Int? {
        guard aff3 == 0, aff2 == 0, Int(aff0) < Self.clusterSize else { return nil }
        return Int(aff1) * Self.clusterSize + Int(aff0)
    }

    /// GICR_TYPER.Affinity_Value: Aff3 in bits 31:24, down to Aff0 in bits 7:0.
    var rawValue: UInt32 { UInt32(aff3) << 24 | UInt32(aff2) << 16 | UInt32(aff1) << 8 | UInt32(aff0) }
}

/// What a frame says of its maker and of itself. Source: GICv3, "Identification registers"; the part numbers
/// are those of Arm's GIC-500.
enum GICIdentification {
    /// GICD_IIDR, GICR_IIDR and GITS_IIDR: implementer Arm (0x43B), the rest zero.
    static let iidr: UInt32 = 0x0000_043B

    /// The registers from 0xFFD0 on, of 32 bits each; zero past the last.
    /// - Parameter part: PIDR0.
    static func register(_ index: Int, part: UInt32) -> UInt32 {
        switch index {
        // PIDR4: 64 KiB, JEP106 continuation code of Arm.
        case 0: 0x44
        case 4: part
        case 5: 0xB4
        // PIDR2: bits 7:4 ArchRev, 3: GICv3.
        case 6: 0x3B
        case 8: 0x0D
        case 9: 0xF0
        case 10: 0x05
        case 11: 0xB1
        default: 0
        }
    }

    static let distributorPart: UInt32 = 0x92
    static let redistributorPart: UInt32 = 0x93
    static let itsPart: UInt32 = 0x94
}
