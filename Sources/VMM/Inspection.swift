internal import AArch64
package import Boot
internal import VMMCore
internal import X86

/// What an image is and what swvmm would hand it: the values behind `swvmm inspect`. Opens no backend.
package struct Inspection: Sendable {
    /// What a boot would put where, the same for both architectures.
    package struct Plan: Sendable {
        package let bootProtocol: BootProtocol
        package let entry: UInt64
        /// The first CPU's registers that the protocol sets, by their architectural names.
        package let registers: [(name: String, value: UInt64)]
        package let placements: [Placement]
        package let memoryMap: [MemoryMapEntry]
        /// With `BootProtocol.freeBSDMetadata`.
        package let handover: MetadataHandover?
    }

    package let imageName: String
    package let imageSize: UInt64
    package let format: ImageFormat
    /// What the image was packed in, the outermost first.
    package let wrappings: [ImageFormat]
    package let architecture: MachineConfiguration.Architecture
    /// The plan, or why there is none.
    package let plan: Result<Plan, BootError>

    /// Reads what the configuration names. Throws only when it cannot be read: what cannot be booted is told in `plan`.
    package init(_ configuration: MachineConfiguration) throws(BootError) {
        let preparation = try BootPreparation(configuration)
        imageName = preparation.imageName
        imageSize = preparation.image.fileSize
        wrappings = preparation.image.wrappings
        format = preparation.image.format
        architecture = preparation.architecture
        do throws(BootError) { plan = .success(try Self.plan(preparation)) } catch { plan = .failure(error) }
    }

    private static func plan(_ preparation: BootPreparation) throws(BootError) -> Plan {
        switch preparation.architecture {
        case .x86_64:
            let plan = try preparation.x86Plan()
            let registers = plan.registers
            return Plan(
                bootProtocol: plan.bootProtocol, entry: plan.entry,
                registers: [
                    ("rip", registers.rip), ("rsp", registers.rsp), ("rbx", registers.rbx), ("rsi", registers.rsi),
                    ("rflags", registers.rflags), ("cr0", registers.cr0), ("cr3", registers.cr3),
                    ("cr4", registers.cr4),
                    ("efer", registers.efer),
                ],
                placements: plan.placements, memoryMap: plan.memoryMap, handover: plan.handover)
        case .arm64:
            let plan = try preparation.arm64Plan()
            return Plan(
                bootProtocol: plan.bootProtocol, entry: plan.entry,
                registers: [("pc", plan.bootState.pc), ("x0", plan.bootState.x0), ("pstate", plan.bootState.pstate)],
                placements: plan.placements, memoryMap: plan.memoryMap, handover: plan.handover)
        }
    }
}
