import CSupport

/// The I/O APIC: routes the pins of devices. Source: Intel 82093AA datasheet, §3.
enum IOAPIC {
    /// IOREGSEL and IOWIN.
    private static func write(_ register: UInt32, _ value: UInt32) {
        store32(PCPlatform.ioAPICAddress, register)
        store32(PCPlatform.ioAPICAddress + 0x10, value)
    }

    /// Routes an active-high pin to a vector of the boot CPU.
    static func route(pin: UInt32, vector: UInt8, isLevelTriggered: Bool = false) {
        write(0x11 + pin * 2, 0)
        write(0x10 + pin * 2, UInt32(vector) | (isLevelTriggered ? 1 << 15 : 0))
    }

    static var pinCount: UInt32 { 24 }

    /// Masks both 8259s, which are not used.
    static func disableLegacyControllers() {
        out8(0x21, 0xFF)
        out8(0xA1, 0xFF)
    }
}
