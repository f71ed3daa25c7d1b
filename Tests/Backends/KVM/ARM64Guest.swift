#if arch(arm64)
    import KVMBackend
    import Testing
    import VMMCore
    import VMMTestSupport

    /// A machine with RAM at `data`, 64 KiB unless said otherwise, and one vCPU at the start of `code`.
    struct ARM64Guest {
        static let data: UInt64 = 0x4000_0000
        static let start: UInt64 = 0x4000_1000
        let machine: KVMVirtualMachine
        let memory: GuestMemory
        let cpus: [KVMVCPU]
        var cpu: KVMVCPU { cpus[0] }
        private let watchdog: GuestWatchdog

        init(
            _ code: [UInt32], memorySize: UInt64 = 0x1_0000, vcpuCount: Int = 1, model: ARM64CPUModel = .host
        ) throws {
            memory = try GuestMemory([try #require(GuestRange(start: GuestAddress(Self.data), size: memorySize))])
            for (index, word) in code.enumerated() {
                try memory.store(word, at: GuestAddress(Self.start + 4 * UInt64(index)))
            }
            var configuration = KVMVirtualMachine.Configuration(vcpuCount: vcpuCount)
            configuration.arm64Model = model
            machine = try KVMVirtualMachine(host: try #require(KVMOfHost.host), configuration: configuration)
            try machine.map(memory)
            cpus = try (0..<vcpuCount).map { [machine] in try machine.makeVCPU(VCPUIndex($0)) }
            watchdog = GuestWatchdog(cpus)
            var registers = try cpus[0].registers()
            registers.pc = Self.start
            registers.pstate = 0x3C5
            try cpus[0].setRegisters(registers)
        }
    }
#endif
