import CSupport

/// What the kernel asks of the machine it runs on: a PC.
enum Platform {
    static var architectureName: StaticString { "x86_64" }

    /// Reads what the loader left.
    ///
    /// - Parameters:
    ///   - kind: 0: FreeBSD kernel metadata at `pointer`, all placed below `end`; 1: PVH start info at `pointer`.
    static func readBootInformation(kind: UInt64, pointer: UInt64, end: UInt64) -> BootInformation {
        var boot = BootInformation()
        let memory = BootInformation.lowMemory
        if kind == 0, let summary = KernelMetadataSummary(memory: memory, address: pointer) {
            boot.source = .kernelMetadata
            if let map = summary.memoryMap {
                boot.memory = SystemMemoryMap(memory: memory, address: map.address, length: map.length).usableMemory()
            }
            boot.environment = summary.environment
            boot.commandLine = summary.commandLine
            boot.kernelEnd = max(boot.kernelEnd, max(end, summary.kernelEnd ?? 0))
        } else if kind == 1, let info = StartInfo(memory: memory, address: pointer) {
            boot.source = .startInfo
            boot.memory = info.usableMemory()
            boot.commandLine = info.commandLine
        }
        let cpus = boot.parameter("hw.ncpu")?.integer ?? 1
        boot.cpuCount = Int(min(max(cpus, 1), 64))
        return boot
    }

    /// Page tables and segments of the boot CPU. Takes the memory it needs out of `memory`.
    static func initializeMemory(_ memory: inout BootMemoryMap, _ boot: BootInformation) {
        // Below 64 KiB are the loader's own tables, which secondary CPUs do without, but not this one yet.
        memory.reserve(PhysicalRange(start: 0, size: 0x1_0000))
        let trampoline = memory.take(size: 4096, below: 0xA_0000) ?? 0
        memory.reserve(PhysicalRange(start: 0, size: boot.kernelEnd))
        let interruptTable = memory.take(size: 4096, below: 1 << 30) ?? 0
        let segments = memory.take(size: 8192, below: 1 << 30) ?? 0
        SegmentTables.makeInterruptTable(at: interruptTable)
        SegmentTables.load(cpu: 0, page: segments)
        let tables = PageTables(ram: boot.memory, memory: &memory)
        tables.activate()
        SecondaryCPUs.prepare(trampoline: trampoline, tables: tables)
    }

    static func counterFrequency(_ boot: BootInformation) -> UInt64 { TimeStampCounter.frequency(boot) }

    static func initializeInterrupts(_ boot: BootInformation) {
        IOAPIC.disableLegacyControllers()
        LocalAPIC.enable()
    }

    /// Lets a level-triggered pin of the I/O APIC call `handler`, beside those it calls already.
    ///
    /// - Returns: false when there is no such pin, or no vector left.
    static func connectLine(_ line: UInt32, _ handler: @escaping () -> Void) -> Bool {
        guard let vector = Vector.ofDevicePin(line) else { return false }
        DeviceInterrupts.add(UInt32(vector), handler)
        IOAPIC.route(pin: line, vector: vector, isLevelTriggered: true)
        return true
    }

    /// Functions may interrupt by messages, each with a vector of its own.
    static var hasMessages: Bool { true }

    /// The message that calls `handler` on the boot CPU: its APIC ID, 0, in bits 19:12 of the address; fixed, edge-triggered.
    /// Source: Intel SDM volume 3, §10.11.
    ///
    /// - Returns: nil when no vector is left.
    static func connectMessage(_ handler: @escaping () -> Void) -> MSIXTable.Message? {
        guard let vector = Vector.takeForDevice() else { return nil }
        DeviceInterrupts.add(UInt32(vector), handler)
        return MSIXTable.Message(address: PCPlatform.localAPICAddress, data: UInt32(vector))
    }

    /// For the regions of PCI functions.
    static var pciWindow: PhysicalRange {
        PhysicalRange(start: PCPlatform.pciWindowAddress, size: PCPlatform.pciWindowSize)
    }

    /// The I/O APIC's pin of a function's pin, 1 for INTA.
    static func pciLine(slot: UInt32, pin: UInt8) -> UInt32 {
        PCPlatform.pciFirstInput + (slot + UInt32(max(pin, 1)) - 1) % 4
    }

    static func startCPU(_ cpu: CPUState) { SecondaryCPUs.start(cpu) }

    /// The console the parameters ask for, else the one that answers.
    static func makeConsole(_ boot: BootInformation) -> ConsoleDevice {
        let wanted = boot.parameter("console")
        let wantsSerial = wanted?.matches("serial") ?? false
        let wantsBVM = wanted?.matches("bvm") ?? false
        return wantsBVM || (!wantsSerial && BVMConsole.isPresent) ? BVMConsole() : UART16550()
    }

    static func powerOff() -> Never { Power.off() }
    static func restart() -> Never { Power.restart() }

    /// Tells the hypervisor of a panic (pvpanic, bit 0) and halts.
    static func reportPanic() -> Never {
        out8(PCPlatform.panicPort, 1)
        CPU.haltForever()
    }

    /// One line on the interrupt controller and the timer.
    static func writeInterruptHardware(to output: TextOutput) {
        output.write(LocalAPIC.isX2APIC ? "x2APIC" : "xAPIC")
        output.write(LocalAPIC.hasDeadlineTimer ? ", TSC-deadline timer" : ", one-shot APIC timer")
    }

    /// The CPU's own name for itself. Source: CPUID leaf 0.
    static func writeCPUModel(to output: TextOutput) {
        let vendor = cpuid(0, 0)
        let words: InlineArray<3, UInt32> = [vendor.ebx, vendor.edx, vendor.ecx]
        for index in 0..<12 { output.put(UInt8(truncatingIfNeeded: words[index / 4] >> UInt32(index % 4 * 8))) }
    }
}
