#if arch(x86_64)
    internal import VMMCore

    extension KVMHost {
        /// A vCPU of a machine of its own, about to execute `code` at 0x1000 in real mode: for what no capability tells. Nil: it could
        /// not be made.
        static func probeCPU(_ code: [UInt8]) throws -> KVMVCPU? {
            guard let range = GuestRange(start: GuestAddress(0), size: 0x1_0000) else { return nil }
            let memory = try GuestMemory([range])
            try memory.copyIn(code, to: GuestAddress(0x1000))
            let machine = try KVMVirtualMachine(host: KVMHost(), configuration: .init(vcpuCount: 1))
            try machine.map(memory)
            let cpu = try machine.makeVCPU(VCPUIndex(0))
            var registers = try cpu.registers()
            registers.cs.base = 0
            registers.cs.selector = 0
            registers.rip = 0x1000
            try cpu.setRegisters(registers)
            return cpu
        }
    }
#endif
