internal import Boot
internal import VMMCore

/// Linux's boot_params ("zero page"), as far as a kernel entered at its 64-bit entry reads it.
///
/// Source: Linux Documentation/arch/x86/zero-page.rst and boot.rst; arch/x86/include/uapi/asm/bootparam.h.
enum LinuxBootParameters {
    static let size = 4096
    /// e820_table has 128 entries.
    private static let maximumEntries = 128

    static func encode(commandLine: UInt64, commandLineSize: Int, initrd: GuestRange?, memoryMap: [MemoryMapEntry])
        -> [UInt8]
    {
        var writer = ByteWriter()
        writer.append(contentsOf: repeatElement(0, count: size))
        let entries = memoryMap.prefix(maximumEntries)
        writer.patch(UInt8(entries.count), at: 0x1E8)
        writer.patch(UInt16(0xAA55), at: 0x1FE)
        // "HdrS", protocol 2.12: the first with a 64-bit entry.
        writer.patch(UInt32(0x5372_6448), at: 0x202)
        writer.patch(UInt16(0x020C), at: 0x206)
        // type_of_loader: none of the registered ones.
        writer.patch(UInt8(0xFF), at: 0x210)
        // loadflags: LOADED_HIGH.
        writer.patch(UInt8(1), at: 0x211)
        if let initrd {
            // Both are below 4 GiB.
            writer.patch(UInt32(truncatingIfNeeded: initrd.start.rawValue), at: 0x218)
            writer.patch(UInt32(truncatingIfNeeded: initrd.size), at: 0x21C)
        }
        writer.patch(UInt32(truncatingIfNeeded: commandLine), at: 0x228)
        writer.patch(UInt32(0x100_0000), at: 0x230)
        writer.patch(UInt32(clamping: commandLineSize), at: 0x238)
        for (index, entry) in entries.enumerated() {
            let offset = 0x2D0 + index * 20
            writer.patch(entry.range.start.rawValue, at: offset)
            writer.patch(entry.range.size, at: offset + 8)
            writer.patch(entry.type, at: offset + 16)
        }
        return writer.bytes
    }
}
