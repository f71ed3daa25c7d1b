internal import Boot
internal import GuestABI
internal import VMMCore

/// The 32-bit entry with multiboot's information structure.
///
/// Source: GNU Multiboot Specification 0.6.96 §3.2 and §3.3.
enum MultibootEntry {
    /// In EAX: the loader speaks multiboot.
    static let magic: UInt64 = 0x2BAD_B002
    private static let structureSize: UInt64 = 120
    private static let moduleSize: UInt64 = 16
    private static let mapEntrySize: UInt64 = 24
    private static let loaderName = Array("swvmm\0".utf8)
    /// Memory's two sizes (0), the command line (2), modules (3), the memory map (6), the loader's name (9).
    private static let flags: UInt32 = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9

    /// The structure, then the module list, the memory map and the loader's name, as they lie from `address` on, below 1 MiB.
    static func information(
        at address: UInt64, commandLine: UInt64, module: GuestRange?, memoryMap: [MemoryMapEntry]
    ) -> [UInt8] {
        let modules: UInt64 = module == nil ? 0 : 1
        let moduleList = address + structureSize
        let map = moduleList + modules * moduleSize
        let mapSize = UInt64(memoryMap.count) * mapEntrySize
        let (lower, upper) = sizes(memoryMap)

        var writer = ByteWriter()
        func append(_ values: UInt64...) { for value in values { writer.append(UInt32(clamping: value)) } }
        append(UInt64(flags), lower >> 10, upper >> 10)
        // boot_device: not told.
        append(0, commandLine, modules, modules == 0 ? 0 : moduleList)
        // syms.
        append(0, 0, 0, 0)
        append(mapSize, map)
        // Drives, ROM configuration table.
        append(0, 0, 0)
        append(map + mapSize)
        writer.append(contentsOf: repeatElement(UInt8(0), count: Int(structureSize) - writer.bytes.count))
        if let module { append(module.start.rawValue, module.end.rawValue, 0, 0) }
        for entry in memoryMap {
            // Without its own 4 bytes.
            append(mapEntrySize - 4)
            writer.append(entry.range.start.rawValue)
            writer.append(entry.range.size)
            writer.append(entry.type)
        }
        writer.append(contentsOf: loaderName)
        return writer.bytes
    }

    /// mem_lower from 0 on, and mem_upper from 1 MiB up to the first hole, in bytes.
    private static func sizes(_ memoryMap: [MemoryMapEntry]) -> (lower: UInt64, upper: UInt64) {
        func size(at start: UInt64) -> UInt64 {
            memoryMap.first { $0.range.start.rawValue == start && $0.type == MemoryMapEntryType.usable }?.range.size
                ?? 0
        }
        return (size(at: 0), size(at: X86MemoryMap.legacyAreaEnd))
    }
}

extension X86PlanBuilder {
    /// A kernel that is entered by multiboot: an ELF file's segments, or what the header's address fields say. The initrd is its
    /// first module.
    mutating func multibootPlan() throws(BootImageError) -> X86BootPlan {
        guard let header = image.multibootHeader else { throw .noLoadableSegments }
        try placeLowMemory(stack: false, pageTables: nil, descriptors: PVHEntry.descriptors)
        let entry =
            if let addresses = header.addresses { try place(addresses, of: header) } else {
                try placeSegments(of: try image.multibootELF())
            }
        let module = try placeInitrdAtTop(limit: X86MemoryMap.holeStart)
        let information = MultibootEntry.information(
            at: LowMemory.startInfo, commandLine: try placeCommandLine().start, module: module, memoryMap: memoryMap)
        try plan.place(.multibootInformation, at: LowMemory.startInfo, information)
        var registers = X86Registers.flat32(entry: entry)
        registers.rax = MultibootEntry.magic
        registers.rbx = LowMemory.startInfo
        return try finish(.multiboot, registers, nil)
    }

    private mutating func place(
        _ addresses: MultibootHeader.Addresses, of header: MultibootHeader
    ) throws(BootImageError) -> UInt64 {
        let (range, size) = try header.placement(addresses, in: image.contents)
        try plan.place(.kernel, at: UInt64(addresses.load), size: size, .image(range))
        return UInt64(addresses.entry)
    }

    /// e_entry is physical, or virtual where only that is in a segment, as other loaders have it.
    private mutating func placeSegments(of elf: ELFImage) throws(BootImageError) -> UInt64 {
        let entry = elf.hasPhysical(elf.entry) ? elf.entry : elf.physicalAddress(ofVirtual: elf.entry)
        guard let entry, entry <= UInt64(UInt32.max) else { throw .entryOutsideSegments(elf.entry) }
        _ = try plan.place(elf.segments) { $0.physicalAddress }
        return entry
    }
}
