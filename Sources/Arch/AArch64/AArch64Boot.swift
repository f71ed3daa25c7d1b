package import Boot
internal import GuestABI
package import VMMCore

/// How the first CPU of an arm64 guest starts. What is not here is as after reset: MMU and caches off.
package struct ARM64BootState: Hashable, Sendable {
    package let pc: UInt64
    package let x0: UInt64
    /// PSTATE: EL1 with its own stack pointer (M 0b0101), D, A, I and F masked.
    /// Source: Arm DDI 0487, C5.2.19 (SPSR_EL1).
    package let pstate: UInt64
    package static let el1hMasked: UInt64 = 0x3C5

    package init(pc: UInt64, x0: UInt64) {
        self.pc = pc
        self.x0 = x0
        pstate = Self.el1hMasked
    }
}

/// From an image and its configuration to what lies in memory and how the first CPU starts.
package enum AArch64Boot {
    /// Decides and checks everything, and writes nothing. This version takes an ELF with swvmm's note.
    ///
    /// - Parameter deviceTree: a flattened device tree to hand over by DTBP.
    package static func plan(
        image: BootImage, configuration: BootConfiguration, deviceTree: [UInt8]? = nil
    ) throws(BootImageError) -> AArch64BootPlan {
        try configuration.validate()
        guard UInt64(configuration.cpuCount) <= VirtMemoryMap.maximumCPUs else {
            throw .badCPUCount(configuration.cpuCount)
        }
        let elf = try image.elf(for: .aarch64)
        guard elf.wantsMetadata else { throw .protocolNotSupported(elf.bootProtocol, .aarch64) }
        let ram = try VirtMemoryMap.ramRanges(configuration.memorySize)
        let memoryMap = ram.map { MemoryMapEntry(range: $0, type: MemoryMapEntryType.usable) }

        var plan = LoadPlan(image: image.contents, usableRAM: ram)
        let kernel = try plan.place(elf.segments) { $0.physicalAddress }
        guard let entry = elf.physicalAddress(ofVirtual: elf.entry) else { throw .entryOutsideSegments(elf.entry) }
        let handover = try MetadataHandover(
            MetadataHandover.Inputs(
                elf: elf, configuration: configuration, deviceTree: deviceTree, memoryMap: .efiMemoryMap(memoryMap)),
            kernel: kernel, limit: .max, in: &plan)
        return AArch64BootPlan(
            bootProtocol: .freeBSDMetadata, entry: entry,
            bootState: ARM64BootState(pc: entry, x0: handover.metadataAddress), memoryMap: memoryMap, ramRanges: ram,
            loadPlan: plan, handover: handover)
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
