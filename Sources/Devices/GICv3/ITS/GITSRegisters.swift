internal import VMMCore

/// The registers of the ITS's control frame. 64-bit ones are also accessible as two words.
///
/// The translation frame has GITS_TRANSLATER alone, which only devices reach: a write by a CPU has no DeviceID, and is ignored.
/// Source: GICv3, "The ITS register map".
enum GITSRegister: Hashable {
    /// 0x0000, RW, 32-bit.
    case CTLR
    /// 0x0004, RO, 32-bit.
    case IIDR
    /// 0x0008, RO, 64-bit.
    case TYPER(byte: Int)
    /// 0x0080, RW, 64-bit.
    case CBASER(byte: Int)
    /// 0x0088, RW, 64-bit.
    case CWRITER(byte: Int)
    /// 0x0090, RO, 64-bit.
    case CREADR(byte: Int)
    /// 0x0100 + 8 × n, RW, 64-bit, n from 0 to 7.
    case BASER(index: Int, byte: Int)
    /// 0xFFD0 to 0xFFFC, RO, 32-bit.
    case identification(index: Int)

    /// Nil for what is reserved, and for an access that the register does not take.
    static func decode(_ offset: UInt64, _ width: AccessWidth) -> Self? {
        guard width == .word || width == .doubleword, offset & (UInt64(width.rawValue) - 1) == 0 else { return nil }
        let byte = Int(offset & 7)
        switch offset & ~7 {
        case 0x0008: return .TYPER(byte: byte)
        case 0x0080: return .CBASER(byte: byte)
        case 0x0088: return .CWRITER(byte: byte)
        case 0x0090: return .CREADR(byte: byte)
        case 0x0100..<0x0140: return .BASER(index: Int(offset - 0x0100) / 8, byte: byte)
        default: break
        }
        switch (offset, width) {
        case (0x0000, .word): return .CTLR
        case (0x0004, .word): return .IIDR
        case (0xFFD0..<0x1_0000, .word): return .identification(index: Int(offset - 0xFFD0) / 4)
        default: return nil
        }
    }
}

/// The layout of the ITS's frames.
enum GITSLayout {
    /// The control frame and the translation frame, 64 KiB each.
    static let size: UInt64 = 0x2_0000
}

/// GITS_CTLR: ITS Control Register. 32-bit, RW. Source: GICv3, "GITS_CTLR".
struct GITS_CTLR: RawRepresentable {
    static let writable: UInt32 = 0b1

    /// Quiescent (bit 31, RO) while it is disabled: nothing goes on when a write has returned.
    var rawValue: UInt32 = 1 << 31

    /// Bit 0.
    var enabled: Bool { rawValue[bit: 0] }

    mutating func write(_ value: UInt32) { rawValue = value & Self.writable | (value[bit: 0] ? 0 : 1 << 31) }
}

/// GITS_TYPER: ITS Type Register. 64-bit, RO. Source: GICv3, "GITS_TYPER".
enum GITS_TYPER {
    /// EventIDs and DeviceIDs have 16 bits: a DeviceID is the requester ID of a PCI function. So have collections, with CIL
    /// (bit 36) 0.
    static let eventBits = 16
    static let deviceBits = 16
    static let collectionBits = 16
    /// Bytes of an entry of each table, ours to choose.
    static let entrySize: UInt64 = 8

    /// Physical LPIs; no virtual ones, no SErrors for wrong commands (SEIS 0: they are ignored), targets are processor numbers
    /// (PTA 0), all collections are in memory (HCC 0).
    static var rawValue: UInt64 {
        var value: UInt64 = 0
        // Physical.
        value[bit: 0] = true
        // ITT_entry_size, ID_bits, Devbits: each one less.
        value[4...7] = entrySize - 1
        value[8...12] = UInt64(eventBits - 1)
        value[13...17] = UInt64(deviceBits - 1)
        return value
    }
}

/// GITS_CBASER: where the command queue is. 64-bit, RW; fixed while the ITS is enabled. Source: GICv3, "GITS_CBASER".
struct GITS_CBASER: RawRepresentable {
    /// Valid (63), InnerCache (61:59), OuterCache (55:53), Physical_Address (51:12), Shareability (11:10), Size (7:0).
    static let writable: UInt64 = 0xB8EF_FFFF_FFFF_FCFF
    static let pageSize: UInt64 = 0x1000

    var rawValue: UInt64 = 0

    var valid: Bool { rawValue[bit: 63] }
    var address: UInt64 { rawValue[12...51] << 12 }
    /// In bytes: up to 1 MiB, which is 32768 commands.
    var size: UInt64 { (rawValue[0...7] + 1) * Self.pageSize }
}

/// GITS_BASER<n>: where one of the ITS's tables is. 64-bit, RW; fixed while the ITS is enabled. Source: GICv3, "GITS_BASER<n>".
struct GITS_BASER: RawRepresentable {
    /// Bits 58:56, RO.
    enum Kind: UInt64 {
        case none = 0
        case devices = 1
        case collections = 4
    }

    /// Valid (63), Indirect (62), InnerCache (61:59), OuterCache (55:53), Physical_Address (47:12), Shareability (11:10),
    /// Page_Size (9:8), Size (7:0).
    static let writable: UInt64 = 0xF8E0_FFFF_FFFF_FFFF

    private(set) var rawValue: UInt64 = 0

    init(rawValue: UInt64) { self.rawValue = rawValue }

    /// With Entry_Size (52:48, one less).
    init(_ kind: Kind) {
        rawValue[56...58] = kind.rawValue
        rawValue[48...52] = GITS_TYPER.entrySize - 1
    }

    mutating func write(_ value: UInt64) { rawValue = rawValue & ~Self.writable | value & Self.writable }

    var valid: Bool { rawValue[bit: 63] }
    /// The table is one of pages with entries, rather than a page after the other.
    var indirect: Bool { rawValue[bit: 62] }
    /// 4, 16 or 64 KiB; the reserved value is the last of them.
    var pageSize: UInt64 { 0x1000 << (2 * min(rawValue[8...9], 2)) }
    /// In bytes, of the table or of the first level of an indirect one.
    var size: UInt64 { (rawValue[0...7] + 1) * pageSize }
    /// A multiple of the page size. With pages of 64 KiB bits 15:12 of the register are bits 51:48 of the address.
    var address: UInt64 {
        if pageSize == 0x1_0000 { return rawValue[16...47] << 16 | rawValue[12...15] << 48 }
        return rawValue[12...47] << 12 & ~(pageSize - 1)
    }
}
