package import Boot
package import FlattenedDeviceTree
internal import GuestABI
package import VMMCore

/// How the first CPU of an arm64 guest starts. What is not here is as after reset: x1 to x3 zero, MMU and caches off.
package struct ARM64BootState: Hashable, Sendable {
    package let pc: UInt64
    package let x0: UInt64
    /// PSTATE: EL1 or EL2 with its own stack pointer (M 0b0101, 0b1001), D, A, I and F masked.
    /// Source: Arm DDI 0487, C5.2.19 (SPSR_EL1).
    package let pstate: UInt64
    package static let el1hMasked: UInt64 = 0x3C5
    package static let el2hMasked: UInt64 = 0x3C9

    package init(pc: UInt64, x0: UInt64, features: Set<ARM64Feature> = []) {
        self.pc = pc
        self.x0 = x0
        pstate = features.contains(.el2) ? Self.el2hMasked : Self.el1hMasked
    }

    /// The registers of a CPU after reset, made ready for the start.
    package func registers(of reset: ARM64Registers) -> ARM64Registers {
        var registers = reset
        registers.pc = pc
        for index in 1...3 { registers.x[index] = 0 }
        registers.x[0] = x0
        registers.pstate = pstate
        return registers
    }
}

/// What a plan wants to know of the machine besides the boot's configuration.
package struct VirtPlatformFacts: Sendable {
    /// For /chosen; nil: the guest gets none.
    package var seeds: BootSeeds?
    package var virtioSlots: [VirtDeviceTree.VirtioSlot] = []
    /// The machine has an interrupt translation service.
    package var hasITS = false
    package var hasPCI = false
    /// Of the CPUs.
    package var features: Set<ARM64Feature> = []
    /// Guest physical addresses have so many.
    package var addressBits = VirtPlatform.addressBits

    package init() {}
}

/// From an image and its configuration to what lies in memory and how the first CPU starts.
package enum AArch64Boot {
    /// Has Linux print to the UART before its drivers are there. The address serves a user's device tree too, which may name no console.
    /// Source: Linux Documentation/admin-guide/kernel-parameters.txt, earlycon.
    package static let earlyConsole = "earlycon=pl011,mmio32,0x\(String(VirtPlatform.pl011Address, radix: 16))"

    /// Decides and checks everything, and writes nothing. This version takes a Linux Image, an ELF file, and a raw binary.
    package static func plan(
        image: BootImage, configuration: BootConfiguration, platform: VirtPlatformFacts = VirtPlatformFacts()
    ) throws(BootImageError) -> AArch64BootPlan {
        try configuration.validate()
        guard UInt64(configuration.cpuCount) <= VirtMemoryMap.maximumCPUs else {
            throw .badCPUCount(configuration.cpuCount)
        }
        let ram = try VirtMemoryMap.ramRanges(configuration.memorySize)
        var tree = VirtDeviceTree(topology: configuration.topology, ram: ram)
        tree.commandLine = configuration.commandLine
        tree.seeds = platform.seeds
        tree.virtioSlots = platform.virtioSlots
        tree.hasITS = platform.hasITS
        tree.hasPCI = platform.hasPCI
        tree.hasHighPCIWindow = platform.addressBits >= VirtPlatform.addressBits
        tree.features = platform.features
        if let raw = configuration.raw { return try bare(raw, image, configuration, tree) }
        if let header = try image.linuxARM64() {
            return try linux(header, image, configuration, tree)
        }
        let elf = try image.elf(for: .aarch64)
        // No memory is there. Kernels that are linked so expect their first page tables from a loader.
        if let segment = elf.segments.first(where: { $0.physicalAddress >> 48 != 0 }) {
            throw .linkedVirtually(index: segment.index, address: segment.physicalAddress)
        }
        return elf.wantsMetadata
            ? try metadata(elf, image, configuration, tree) : try bare(elf, image, configuration, tree)
    }

    /// The unikernel: FreeBSD's records, with the device tree among them.
    private static func metadata(
        _ elf: ELFImage, _ image: BootImage, _ configuration: BootConfiguration, _ tree: VirtDeviceTree
    ) throws(BootImageError) -> AArch64BootPlan {
        let memoryMap = Self.memoryMap(tree.ram)
        var plan = LoadPlan(image: image.contents, usableRAM: tree.ram)
        let kernel = try plan.place(elf.segments) { $0.physicalAddress }
        guard let entry = elf.physicalAddress(ofVirtual: elf.entry) else { throw .entryOutsideSegments(elf.entry) }
        let deviceTree = try flatten(tree, configuration)
        let handover = try MetadataHandover(
            MetadataHandover.Inputs(
                elf: elf, configuration: configuration, deviceTree: deviceTree.bytes,
                memoryMap: .efiMemoryMap(memoryMap)),
            kernel: kernel, limit: .max, in: &plan)
        return AArch64BootPlan(
            bootProtocol: .freeBSDMetadata, entry: entry,
            bootState: ARM64BootState(pc: entry, x0: handover.metadataAddress, features: tree.features),
            memoryMap: memoryMap,
            ramRanges: tree.ram, loadPlan: plan, handover: handover, deviceTree: deviceTree)
    }

    /// Source: Linux Documentation/arch/arm64/booting.rst.
    private static func linux(
        _ header: LinuxARM64Header, _ image: BootImage, _ configuration: BootConfiguration, _ tree: VirtDeviceTree
    ) throws(BootImageError) -> AArch64BootPlan {
        let contents = image.contents
        let places = try LinuxARM64Placement(header, fileSize: contents.count, ramBase: VirtPlatform.ramAddress)
        var tree = tree
        var plan = LoadPlan(image: contents, usableRAM: tree.ram)
        try plan.place(.kernel, at: places.kernel, size: places.kernelSize, .image(contents.indices))
        if let initrd = configuration.initrd, !initrd.isEmpty {
            tree.initrd = try plan.placeInitrd(initrd, at: places.initrd, limit: places.initrdLimit)
        }
        let deviceTree = try flatten(tree, configuration)
        try plan.place(.deviceTree, at: places.deviceTree, deviceTree.bytes)
        return AArch64BootPlan(
            bootProtocol: .linuxARM64, entry: places.kernel,
            bootState: ARM64BootState(pc: places.kernel, x0: places.deviceTree, features: tree.features),
            memoryMap: memoryMap(tree.ram),
            ramRanges: tree.ram, loadPlan: plan, handover: nil, deviceTree: deviceTree)
    }

    static func memoryMap(_ ram: [GuestRange]) -> [MemoryMapEntry] {
        ram.map { MemoryMapEntry(range: $0, type: MemoryMapEntryType.usable) }
    }

    /// The machine's own tree, or the user's with only what the boot says in its /chosen: the command line and the initrd.
    static func flatten(
        _ tree: VirtDeviceTree, _ configuration: BootConfiguration
    ) throws(BootImageError) -> FlattenedDeviceTree {
        do throws(FlattenedDeviceTreeError) {
            guard let own = configuration.deviceTree else { return try FlattenedDeviceTree(root: tree.root) }
            let chosen = VirtDeviceTree.chosenProperties(commandLine: tree.commandLine, initrd: tree.initrd)
            return chosen.isEmpty ? own : try own.setting(chosen, of: "chosen")
        } catch {
            throw .deviceTree(error)
        }
    }
}

extension LoadPlan {
    mutating func placeInitrd(
        _ initrd: ImageBytes, at address: UInt64, limit: UInt64
    ) throws(BootImageError) -> GuestRange {
        let size = initrd.count
        guard address <= limit, size <= limit - address,
            let range = GuestRange(start: GuestAddress(address), size: size)
        else { throw .noRoom(.initrd, size: size, address: address, limit: limit) }
        try place(.initrd, at: address, size: size, .file(initrd))
        return range
    }
}

/// What would be, or was, put into memory, and where CPU 0 starts.
package struct AArch64BootPlan: Sendable {
    package let bootProtocol: BootProtocol
    package let entry: UInt64
    package let bootState: ARM64BootState
    package let memoryMap: [MemoryMapEntry]
    package let ramRanges: [GuestRange]
    package let loadPlan: LoadPlan
    package let handover: MetadataHandover?
    /// What the guest finds in memory as its device tree.
    package let deviceTree: FlattenedDeviceTree

    package var placements: [Placement] { loadPlan.placements }

    /// Writes everything into `memory`, which has the plan's RAM ranges.
    ///
    /// - Parameter fresh: the memory was never written; see `LoadPlan.load(into:fresh:)`.
    @discardableResult
    package func load(into memory: GuestMemory, fresh: Bool = true) throws(BootImageError) -> ARM64BootState {
        try loadPlan.load(into: memory, fresh: fresh)
        return bootState
    }
}
