internal import Boot
internal import VMMCore

/// Linux's boot_params ("zero page") for a kernel entered in long mode.
///
/// Source: Linux Documentation/arch/x86/zero-page.rst and boot.rst; arch/x86/include/uapi/asm/bootparam.h.
struct LinuxBootParameters {
    static let size = 4096
    /// e820_table has 128 entries.
    private static let maximumEntries = 128

    /// The kernel's own setup header; nil: a kernel that has none gets one of protocol 2.12, the first with a 64-bit entry.
    var setup: [UInt8]?
    var commandLine: UInt64
    var commandLineSize: Int
    /// Below 4 GiB.
    var initrd: GuestRange?
    var memoryMap: [MemoryMapEntry]
    /// The address of ACPI's root pointer.
    var rootPointer: UInt64
    /// The address of the first setup_data; 0: none.
    var setupData: UInt64 = 0

    func encode() -> [UInt8] {
        var writer = ByteWriter()
        writer.append(contentsOf: repeatElement(0, count: Self.size))
        if let setup {
            for (index, byte) in setup.enumerated() { writer.patch(byte, at: Int(LinuxSetupHeader.start) + index) }
        } else {
            writer.patch(UInt16(0xAA55), at: 0x1FE)
            writer.patch(UInt32(0x5372_6448), at: 0x202)
            writer.patch(UInt16(0x020C), at: 0x206)
            writer.patch(UInt32(0x100_0000), at: 0x230)
            writer.patch(UInt32(clamping: commandLineSize), at: 0x238)
        }
        // acpi_rsdp_addr: since protocol 2.14; older kernels search where it is, too.
        writer.patch(rootPointer, at: 0x70)
        // vid_mode: "normal". There is no display: orig_video_isVGA stays 0.
        writer.patch(UInt16(0xFFFF), at: 0x1FA)
        // type_of_loader: none of the registered ones.
        writer.patch(UInt8(0xFF), at: 0x210)
        // loadflags: LOADED_HIGH. QUIET_FLAG, KEEP_SEGMENTS and CAN_USE_HEAP are for other entries.
        writer.patch(UInt8(1), at: 0x211)
        if let initrd {
            writer.patch(UInt32(truncatingIfNeeded: initrd.start.rawValue), at: 0x218)
            writer.patch(UInt32(truncatingIfNeeded: initrd.size), at: 0x21C)
        }
        writer.patch(UInt32(truncatingIfNeeded: commandLine), at: 0x228)
        writer.patch(setupData, at: 0x250)
        let entries = memoryMap.prefix(Self.maximumEntries)
        writer.patch(UInt8(entries.count), at: 0x1E8)
        for (index, entry) in entries.enumerated() {
            let offset = 0x2D0 + index * 20
            writer.patch(entry.range.start.rawValue, at: offset)
            writer.patch(entry.range.size, at: offset + 8)
            writer.patch(entry.type, at: offset + 16)
        }
        return writer.bytes
    }

    /// SETUP_RNG_SEED, one element and the last. Linux wipes it when it has it. Source: bootparam.h, struct setup_data.
    static func seedElement(_ seed: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt64(0))
        writer.append(UInt32(9))
        writer.append(UInt32(clamping: seed.count))
        writer.append(contentsOf: seed)
        return writer.bytes
    }
}
