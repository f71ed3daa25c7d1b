internal import KVMBackend
internal import VMM
internal import VMMCore

/// A fresh machine on KVM whose guest reads and writes one device register for ever: a port on x86_64, a word of a device's
/// window on arm64. The bare machine's guest does the same.
struct LoopGuest {
    #if arch(x86_64)
        static let accessName = "port exit"
        private static let port: UInt16 = 0x510
        private static let start = GuestAddress(0x1000)
        private static let memoryStart = GuestAddress(0)
        // mov dx, 0x510; again: in al, dx; out dx, al; jmp again
        private static let code: [UInt8] = [0xBA, 0x10, 0x05, 0xEC, 0xEE, 0xEB, 0xFC]
    #else
        static let accessName = "MMIO exit"
        private static let window = GuestAddress(0x0A00_0000)
        private static let start = memoryStart
        private static let memoryStart = GuestAddress(0x4000_0000)
        // mov x0, 0x0A00'0000; again: ldr w1, [x0]; str w1, [x0]; b again
        private static let code: [UInt8] = [
            0x00, 0x40, 0xA1, 0xD2, 0x01, 0x00, 0x40, 0xB9, 0x01, 0x00, 0x00, 0xB9, 0xFE, 0xFF, 0xFF, 0x17,
        ]
    #endif

    private let backend: KVMVirtualMachine
    private let memory: GuestMemory
    private let vcpu: KVMVCPU

    init(_ host: KVMHost, hasTimer8254: Bool) throws {
        guard let range = GuestRange(start: Self.memoryStart, size: 0x10000) else { throw BenchmarkError.layout }
        memory = try GuestMemory([range])
        try memory.copyIn(Self.code, to: Self.start)
        backend = try KVMVirtualMachine(host: host, configuration: .init(hasTimer8254: hasTimer8254))
        try backend.map(memory)
        vcpu = try backend.makeVCPU(VCPUIndex(0))
        var registers = try vcpu.registers()
        #if arch(x86_64)
            registers.cs.base = 0
            registers.cs.selector = 0
            registers.rip = Self.start.rawValue
        #else
            registers.pc = Self.start.rawValue
        #endif
        try vcpu.setRegisters(registers)
    }

    /// Runs the guest, with `device` behind its register, until `lifecycle` stops it.
    func run(_ device: RoundDevice, _ lifecycle: MachineLifecycle) throws {
        var ports = PortBus.Builder()
        var mmio = MMIOBus.Builder()
        #if arch(x86_64)
            try ports.insert(device, at: Self.port)
        #else
            try mmio.insert(device, at: Self.window)
        #endif
        try BareMachine(
            backend: backend, memory: memory, vcpu: vcpu, ports: ports.build(), mmio: mmio.build(), lifecycle: lifecycle
        ).run()
    }
}
