import CSupport

/// What the kernel asks of the machine it runs on: arm64 `virt`.
enum Platform {
    static var architectureName: StaticString { "arm64" }

    /// Reads what the loader left.
    ///
    /// - Parameters:
    ///   - pointer: FreeBSD kernel metadata, or a device tree; 0: a device tree may be where RAM begins.
    static func readBootInformation(kind: UInt64, pointer: UInt64, end: UInt64) -> BootInformation {
        var boot = BootInformation()
        for index in 0..<64 { boot.cpus[index] = SecondaryCPUs.usualMPIDR(of: index) }
        let memory = BootInformation.lowMemory
        let place = pointer == 0 ? VirtPlatform.ramAddress : pointer
        if let tree = DeviceTree(memory: memory, address: place) {
            boot.source = .deviceTree
            readDeviceTree(tree, &boot)
        } else if pointer != 0, let summary = KernelMetadataSummary(memory: memory, address: pointer) {
            if let at = summary.deviceTreeAddress, let tree = DeviceTree(memory: memory, address: at) {
                readDeviceTree(tree, &boot)
            }
            boot.source = .kernelMetadata
            if let map = summary.memoryMap,
                let efi = EFIMemoryMap(memory: memory, address: map.address, length: map.length)
            {
                boot.memory = efi.usableMemory()
            }
            boot.environment = summary.environment
            boot.commandLine = summary.commandLine ?? boot.commandLine
            boot.kernelEnd = max(boot.kernelEnd, summary.kernelEnd ?? 0)
        }
        if let cpus = boot.parameter("hw.ncpu")?.integer { boot.cpuCount = Int(min(max(cpus, 1), 64)) }
        return boot
    }

    private static func readDeviceTree(_ tree: DeviceTree<LiveMemory>, _ boot: inout BootInformation) {
        let facts = DeviceTreeFacts(tree)
        boot.memory = facts.memory
        boot.commandLine = facts.commandLine
        boot.cpuCount = min(max(facts.cpuCount, 1), 64)
        for index in 0..<64 { boot.cpus[index] = facts.cpu(index) ?? SecondaryCPUs.usualMPIDR(of: index) }
        boot.firmwareBySMC = facts.psciMethod == .secureMonitorCall
        boot.deviceTree = tree.range
    }

    /// Page tables and vectors of the boot CPU. Takes the memory it needs out of `memory`.
    static func initializeMemory(_ memory: inout BootMemoryMap, _ boot: BootInformation) {
        initializeCPU(index: 0)
        // What is below the kernel may hold the loader's device tree.
        memory.reserve(PhysicalRange(from: 0, to: boot.kernelEnd))
        if let tree = boot.deviceTree { memory.reserve(tree) }
        PageTables(ram: boot.memory, memory: &memory).activate()
        unsafe PSCI.usesSMC = boot.firmwareBySMC
    }

    /// This CPU's vectors and index.
    static func initializeCPU(index: Int) {
        write_vbar(exception_vectors_address())
        write_tpidr(UInt64(index))
        instruction_barrier()
    }

    static func counterFrequency(_ boot: BootInformation) -> UInt64 {
        boot.parameter("machdep.counter_freq")?.integer ?? read_cntfrq()
    }

    static func initializeInterrupts(_ boot: BootInformation) {
        SecondaryCPUs.prepare(mpidrs: boot.cpus)
        GIC.enableDistributor()
        GIC.enableCPU()
    }

    /// Lets a level-triggered SPI call `handler`, beside those it calls already.
    ///
    /// - Returns: false when there is no such SPI.
    static func connectLine(_ line: UInt32, _ handler: @escaping () -> Void) -> Bool {
        guard line < 988 else { return false }
        DeviceInterrupts.add(32 + line, handler)
        GIC.setLevelTriggered(32 + line)
        GIC.enableShared(32 + line)
        return true
    }

    /// Messages would need the GIC's ITS, which has no driver here.
    static var hasMessages: Bool { false }
    static func connectMessage(_ handler: @escaping () -> Void) -> MSIXTable.Message? { nil }

    /// For the regions of PCI functions.
    static var pciWindow: PhysicalRange {
        PhysicalRange(start: VirtPlatform.pciWindowAddress, size: VirtPlatform.pciWindowSize)
    }

    /// The SPI of a function's pin, 1 for INTA.
    static func pciLine(slot: UInt32, pin: UInt8) -> UInt32 {
        VirtPlatform.pciFirstSPI + (slot + UInt32(max(pin, 1)) - 1) % 4
    }

    static func startCPU(_ cpu: CPUState) { SecondaryCPUs.start(cpu) }

    /// The console the parameters ask for, else the one that answers.
    static func makeConsole(_ boot: BootInformation) -> ConsoleDevice {
        let wanted = boot.parameter("console")
        let wantsSerial = wanted?.matches("serial") ?? false
        let wantsBVM = wanted?.matches("bvm") ?? false
        return wantsBVM || (!wantsSerial && BVMConsole.isPresent) ? BVMConsole() : PL011()
    }

    static func powerOff() -> Never { PSCI.systemOff() }
    static func restart() -> Never { PSCI.systemReset() }
    static func reportPanic() -> Never {
        // Under QEMU flash is at that address.
        if Kernel.boot.source == .kernelMetadata { store32(VirtPlatform.panicAddress, 1) }
        PSCI.systemOff()
    }

    /// One line on the interrupt controller and the timer.
    static func writeInterruptHardware(to output: TextOutput) { output.write("GICv3, generic virtual timer") }

    /// MIDR_EL1: implementer and part.
    static func writeCPUModel(to output: TextOutput) {
        output.write("MIDR 0x")
        output.write(hex: read_midr(), digits: 8)
    }
}
