internal import VMMCore

/// The fixed registers of the ACPI power management block, at their offsets in it. All little-endian, accessed in any
/// width; the rest of the 16 ports reads zero.
enum ACPIPMRegister {
    /// PM1a_EVT_BLK: status, then enable (its second half).
    static let status: UInt16 = 0
    static let enable: UInt16 = 2
    static let control: UInt16 = 4
    static let timer: UInt16 = 8
    static let blockSize: UInt16 = 16
}

/// PM1_STS. 16-bit, a written 1 clears. Source: ACPI 6.4 §4.8.3.1.1, table 4.11.
struct PM1_STS: RawRepresentable {
    var rawValue: UInt16 = 0
    /// The bits that this machine sets. BM, GBL, SLPBTN, RTC and WAK never happen here.
    static let implemented: UInt16 = 0x0101
    /// Bit 0, TMR_STS: bit 31 of the timer changed.
    var timer: Bool {
        get { rawValue[bit: 0] }
        set { rawValue[bit: 0] = newValue }
    }
    /// Bit 8, PWRBTN_STS: the power button was pressed.
    var powerButton: Bool {
        get { rawValue[bit: 8] }
        set { rawValue[bit: 8] = newValue }
    }
}

/// PM1_EN. 16-bit, RW. Source: ACPI 6.4 §4.8.3.1.2, table 4.12.
struct PM1_EN: RawRepresentable {
    var rawValue: UInt16 = 0
    /// TMR_EN 0, GBL_EN 5, PWRBTN_EN 8, RTC_EN 10. No sleep button: the FADT says so, as of the RTC, but Linux complains of an RTC_EN
    /// that cannot be set.
    static let writable: UInt16 = 0x0521
}

/// PM1_CNT. 16-bit. Source: ACPI 6.4 §4.8.3.2.1, table 4.13.
struct PM1_CNT: RawRepresentable {
    /// SCI_EN (bit 0) is always set: there is no SMI, and no legacy mode to leave (FADT: SMI_CMD 0).
    var rawValue: UInt16 = 0x0001
    /// BM_RLD (1) and SLP_TYP (12:10). GBL_RLS (2) and SLP_EN (13) are write-only and read zero.
    static let writable: UInt16 = 0x1C02
    /// Bits 12:10, SLP_TYPx.
    var sleepType: UInt16 { rawValue[10...12] }
    /// Bit 13, SLP_EN: enter the sleep state that SLP_TYPx names.
    static func sleepEnable(_ written: UInt16) -> Bool { written[bit: 13] }
}

/// The power management timer: a free-running counter of 3.579545 MHz, 32 bits wide (FADT: TMR_VAL_EXT).
/// Source: ACPI 6.4 §4.8.3.3.
enum PMTimer {
    static let frequency: UInt64 = 3_579_545

    /// Ticks since the clock's start, without the wrap at 32 bits.
    static func ticks(at time: Nanoseconds) -> UInt64 {
        let product = time.rawValue.multipliedFullWidth(by: frequency)
        // The high half is below the frequency, and so below the divisor: the quotient fits.
        return UInt64(1_000_000_000).dividingFullWidth(product).quotient
    }
}
