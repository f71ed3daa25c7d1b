internal import VMMCore

/// The registers in an I/O APIC's window. Source: I/O APIC §3.1; the EOI register, of version 0x20: Intel 82801 data sheets.
enum IOAPICWindowRegister: UInt64, CaseIterable {
    /// IOREGSEL: I/O Register Select. 32-bit, RW; bits 7:0.
    case select = 0x00
    /// IOWIN: I/O Window. 32-bit, RW: the register that IOREGSEL selects.
    case window = 0x10
    /// EOIR: EOI Register. 32-bit, WO; bits 7:0 are a vector.
    case endOfInterrupt = 0x40
}

/// The registers behind the window. Source: I/O APIC §3.2.
enum IOAPICRegister: Hashable {
    /// IOAPICID. RW bits 27:24.
    case identification
    /// IOAPICVER. RO: bits 23:16 the last redirection entry, 7:0 the version.
    case version
    /// IOAPICARB. RO: bits 27:24, loaded with the ID.
    case arbitration
    /// IOREDTBL, the lower or the upper half of an entry.
    case redirection(Int, isUpper: Bool)

    /// Nil: no such register.
    init?(index: UInt8) {
        switch index {
        case 0x00: self = .identification
        case 0x01: self = .version
        case 0x02: self = .arbitration
        case 0x10..<0x10 + UInt8(2 * IOAPICState.inputCount):
            self = .redirection(Int(index - 0x10) / 2, isUpper: index & 1 == 1)
        default: return nil
        }
    }
}

/// IOREDTBL: an entry of the I/O Redirection Table. 64-bit. Source: I/O APIC §3.2.4.
struct RedirectionEntry: RawRepresentable, Hashable {
    var rawValue: UInt64
    /// Masked, all else zero.
    static let reset = RedirectionEntry(rawValue: 1 << 16)
    /// DELIVS (bit 12) and Remote IRR (bit 14) are read-only, 55:17 reserved.
    static let writable: UInt64 = 0xFF00_0000_0001_AFFF

    /// Bits 7:0, INTVEC.
    var vector: UInt8 { UInt8(truncatingIfNeeded: rawValue) }
    /// Bits 10:8, DELMOD: fixed, lowest priority, SMI, -, NMI, INIT, -, ExtINT.
    var deliveryMode: UInt64 { rawValue[8...10] }
    /// Bit 11, DESTMOD. 1: a set of logical destinations.
    var isLogical: Bool { rawValue[bit: 11] }
    /// Bit 14, Remote IRR: a local APIC has the level-triggered interrupt, and its EOI has not come.
    var remoteIRR: Bool {
        get { rawValue[bit: 14] }
        set { rawValue[bit: 14] = newValue }
    }
    /// Bit 15. 1: level-triggered.
    var isLevel: Bool { rawValue[bit: 15] }
    /// Bit 16.
    var isMasked: Bool { rawValue[bit: 16] }
    /// Bits 63:56, DEST.
    var destination: UInt64 { rawValue[56...63] }

    /// As a write to the local APICs. Source: Intel SDM vol. 3A §11.11.
    var message: MSI {
        let address = 0xFEE0_0000 | destination << 12 | (isLogical ? 1 << 2 : 0)
        var data = UInt32(vector) | UInt32(truncatingIfNeeded: deliveryMode) << 8
        // Trigger mode level, and the level asserted.
        if isLevel { data |= 1 << 15 | 1 << 14 }
        return MSI(address: GuestAddress(address), data: data)
    }
}
