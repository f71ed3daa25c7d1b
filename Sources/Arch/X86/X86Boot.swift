package import Boot
internal import GuestABI
package import VMMCore

/// The front door: from an image and its configuration to what lies in memory and how the first CPU starts.
package enum X86Boot {
    /// Decides and checks everything, and writes nothing: `inspect` shows the plan that a boot carries out.
    package static func plan(
        image: BootImage, configuration: BootConfiguration
    ) throws(BootImageError) -> X86BootPlan {
        try configuration.validate()
        guard configuration.raw == nil else { throw .rawNotSupported(.x86_64) }
        let memoryMap = try X86MemoryMap.e820(configuration.memorySize, ecam: configuration.devices.pciECAM)
        let firmwareRAM = memoryMap.filter { $0.type == MemoryMapEntryType.acpiTables }.map(\.range)
        var builder = X86PlanBuilder(
            image: image, configuration: configuration, memoryMap: memoryMap,
            ramRanges: try X86MemoryMap.ramRanges(configuration.memorySize),
            plan: LoadPlan(image: image.contents, usableRAM: memoryMap.usableRanges, firmwareRAM: firmwareRAM))
        switch image.support(on: .x86_64) {
        case .refused(let error): throw error
        case .bootable(.linux64): return try builder.linuxPlan()
        case .bootable(.freeBSDMetadata): return try builder.metadataPlan(try image.elf(for: .x86_64))
        case .bootable(.pvh): return try builder.pvhPlan(try image.elf(for: .x86_64))
        case .bootable(.multiboot): return try builder.multibootPlan()
        case .bootable(.elf64Entry): return try builder.elf64Plan(try image.elf(for: .x86_64))
        case .bootable(let other): throw .protocolNotSupported(other, .x86_64)
        }
    }
}

/// What would be, or was, put into memory, and vCPU 0's registers. The other vCPUs stay in their reset state.
package struct X86BootPlan: Sendable {
    package let bootProtocol: BootProtocol
    /// The first instruction, as RIP holds it.
    package let entry: UInt64
    package let registers: X86Registers
    package let memoryMap: [MemoryMapEntry]
    package let ramRanges: [GuestRange]
    package let loadPlan: LoadPlan
    /// For `BootProtocol.freeBSDMetadata`.
    package let handover: MetadataHandover?
    package let firmwareTables: ACPITables
    package let smbios: SMBIOSTables

    package var placements: [Placement] { loadPlan.placements }

    /// Writes everything into `memory`, which has the plan's RAM ranges, and gives vCPU 0's registers.
    ///
    /// - Parameter fresh: the memory was never written; see `LoadPlan.load(into:fresh:)`.
    @discardableResult
    package func load(into memory: GuestMemory, fresh: Bool = true) throws(BootImageError) -> X86Registers {
        try loadPlan.load(into: memory, fresh: fresh)
        return registers
    }
}

/// Makes the plan of one boot.
struct X86PlanBuilder {
    let image: BootImage
    let configuration: BootConfiguration
    let memoryMap: [MemoryMapEntry]
    let ramRanges: [GuestRange]
    var plan: LoadPlan

    /// FreeBSD's protocol: metadata behind the kernel, everything within the first GiB, which is all that is mapped.
    mutating func metadataPlan(_ elf: ELFImage) throws(BootImageError) -> X86BootPlan {
        // FreeBSD's loader places a kernel of the upper half by its virtual addresses, less the entry's address with its low
        // 24 bits cleared. Source: FreeBSD stand/common/load_elf.c, elf_loadimage. Others say where they want to be.
        let isHigh = elf.entry >> 63 == 1
        let offset = isHigh ? elf.entry & 0xFFFF_FFFF_FF00_0000 : 0
        let address: (ELFImage.Segment) -> UInt64 = { isHigh ? $0.virtualAddress &- offset : $0.physicalAddress }

        try placeLowMemory(
            stack: true, pageTables: .everyGiBIsTheFirst, descriptors: DirectEntry64.freeBSDDescriptors)
        let kernel = try plan.place(elf.segments, address: address)
        guard let segment = elf.segments.first(where: { $0.holdsVirtual(elf.entry) }) else {
            throw .entryOutsideSegments(elf.entry)
        }
        let entryAddress = address(segment) &+ (elf.entry - segment.virtualAddress)
        guard entryAddress == elf.entry % DirectEntry64.mappedSize else { throw .entryNotMapped(elf.entry) }

        let handover = try MetadataHandover(
            MetadataHandover.Inputs(
                elf: elf, configuration: configuration,
                symbols: elf.isFreeBSDKernel
                    ? try ELFSymbols.extract(image.contents, segments: elf.segments) : nil,
                memoryMap: .systemMemoryMap(memoryMap)),
            kernel: kernel, limit: DirectEntry64.mappedSize, in: &plan)
        let stack = DirectEntry64.stack(modulep: handover.metadataAddress, kernelEnd: handover.kernelEnd)
        try plan.place(.stack, at: LowMemory.stack, size: PageAlignment.size, .bytes(stack))
        return try finish(.freeBSDMetadata, DirectEntry64.freeBSDRegisters(entry: elf.entry), handover)
    }

    mutating func pvhPlan(_ elf: ELFImage) throws(BootImageError) -> X86BootPlan {
        guard let entry = elf.pvhEntry, elf.hasPhysical(entry), entry <= UInt64(UInt32.max) else {
            throw .entryOutsideSegments(elf.pvhEntry ?? elf.entry)
        }
        try placeLowMemory(stack: false, pageTables: nil, descriptors: PVHEntry.descriptors)
        _ = try plan.place(elf.segments) { $0.physicalAddress }
        let initrd = try placeInitrdAtTop(limit: X86MemoryMap.holeStart)
        let commandLine = try placeCommandLine().start
        let info = PVHEntry.startInfo(
            at: LowMemory.startInfo, commandLine: commandLine, initrd: initrd, memoryMap: memoryMap,
            rootPointer: X86MemoryMap.firmwareTables)
        try plan.place(.startInfo, at: LowMemory.startInfo, info)
        return try finish(.pvh, PVHEntry.registers(entry: entry, startInfo: LowMemory.startInfo), nil)
    }

    /// A plain ELF64: its entry is taken as a physical address if a segment has it, else as a virtual one.
    mutating func elf64Plan(_ elf: ELFImage) throws(BootImageError) -> X86BootPlan {
        let entry = try placeKernel(elf)
        let initrd = try placeInitrdAtTop(limit: X86MemoryMap.holeStart)
        let commandLine = try placeCommandLine()
        try placeBootParameters(
            LinuxBootParameters(
                setup: nil, commandLine: commandLine.start, commandLineSize: commandLine.size, initrd: initrd,
                memoryMap: memoryMap, rootPointer: X86MemoryMap.firmwareTables))
        return try finish(
            .elf64Entry, DirectEntry64.linuxRegisters(entry: entry, bootParameters: LowMemory.startInfo), nil)
    }

    /// Places segments, page tables and a stack, and gives the physical address of the entry.
    mutating func placeKernel(_ elf: ELFImage) throws(BootImageError) -> UInt64 {
        let entry = elf.hasPhysical(elf.entry) ? elf.entry : elf.physicalAddress(ofVirtual: elf.entry)
        guard let entry else { throw .entryOutsideSegments(elf.entry) }
        guard entry < DirectEntry64.mappedSize else { throw .entryNotMapped(entry) }
        try placeLongMode()
        _ = try plan.place(elf.segments) { $0.physicalAddress }
        return entry
    }

    /// What Linux's 64-bit entry wants in low memory.
    mutating func placeLongMode() throws(BootImageError) {
        try placeLowMemory(stack: true, pageTables: .firstGiB, descriptors: DirectEntry64.linuxDescriptors)
        try plan.place(.stack, at: LowMemory.stack, size: PageAlignment.size, .nothing)
    }

    /// Page tables, GDT and the room for starting CPUs. With a stack its page is placed by the caller; what its pushes
    /// overwrite below, page 0, is kept free here.
    mutating func placeLowMemory(
        stack: Bool, pageTables: DirectEntry64.Mapping?, descriptors: [UInt64]
    ) throws(BootImageError) {
        if stack { try plan.place(.stack, at: 0, size: PageAlignment.size, .nothing) }
        if let pageTables {
            try plan.place(.pageTables, at: LowMemory.pml4, DirectEntry64.pageTables(pageTables))
        }
        try plan.place(
            .globalDescriptorTable, at: LowMemory.gdt, size: PageAlignment.size,
            .bytes(DirectEntry64.encode(descriptors)))
        if configuration.cpuCount > 1 {
            try plan.place(
                .trampolineRoom, at: LowMemory.trampolineRoom, size: LowMemory.trampolineRoomSize, .nothing)
        }
    }

    /// The user's command line, and in it what the machine says of its devices and its console. The size is without the closing NUL.
    mutating func placeCommandLine() throws(BootImageError) -> (start: UInt64, size: Int) {
        let text =
            image.isLinux(on: .x86_64) ? linuxCommandLine : configuration.devices.commandLine(configuration.commandLine)
        return try placeCommandLine(text, limit: BootConfiguration.maximumCommandLine)
    }

    mutating func placeCommandLine(_ text: String, limit: Int) throws(BootImageError) -> (start: UInt64, size: Int) {
        let bytes = Array(text.utf8)
        guard bytes.count <= limit else { throw .commandLineTooLong(length: bytes.count, limit: limit) }
        try plan.place(.commandLine, at: LowMemory.commandLine, size: PageAlignment.size, .bytes(bytes + [0]))
        return (LowMemory.commandLine, bytes.count)
    }

    /// At the end of the RAM below the hole, out of the way of a kernel that uses memory behind itself before it looks.
    mutating func placeInitrdAtTop(limit: UInt64) throws(BootImageError) -> GuestRange? {
        guard let initrd = configuration.initrd, !initrd.isEmpty else { return nil }
        let top = min(limit, plan.endOfRAM(at: limit - 1))
        let size = initrd.count
        guard size <= top else { throw .noRoom(.initrd, size: size, address: 0, limit: top) }
        let start = (top - size) & ~(PageAlignment.size - 1)
        try plan.place(.initrd, at: start, size: size, .file(initrd))
        return GuestRange(start: GuestAddress(start), size: size)
    }

    /// Places the firmware tables, which every guest gets, and gives the plan.
    mutating func finish(
        _ bootProtocol: BootProtocol, _ registers: X86Registers, _ handover: MetadataHandover?
    ) throws(BootImageError) -> X86BootPlan {
        let tables = ACPITables(
            at: X86MemoryMap.firmwareTables, cpuCount: configuration.cpuCount, devices: configuration.devices)
        try plan.place(.firmwareTables, at: tables.address, tables.bytes)
        var facts = SMBIOSTables.Facts(
            topology: configuration.topology, memorySize: configuration.memorySize, ramRanges: ramRanges)
        facts.identity = configuration.identity
        let smbios = SMBIOSTables(at: X86MemoryMap.smbiosTables, facts)
        try plan.place(.smbios, at: X86MemoryMap.smbiosTables, smbios.bytes)
        let mpTable = MPTable(
            at: X86MemoryMap.mpTable, cpuCount: configuration.cpuCount, devices: configuration.devices)
        try plan.place(.mpTable, at: X86MemoryMap.mpTable, mpTable.bytes)
        return X86BootPlan(
            bootProtocol: bootProtocol, entry: registers.rip, registers: registers, memoryMap: memoryMap,
            ramRanges: ramRanges, loadPlan: plan, handover: handover, firmwareTables: tables, smbios: smbios)
    }
}
