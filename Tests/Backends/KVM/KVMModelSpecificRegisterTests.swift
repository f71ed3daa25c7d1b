#if arch(x86_64)
    import KVMBackend
    import Testing
    import VMMCore

    /// Model-specific registers that the CPU has not.
    @Suite(
        .enabled(if: KVMGuest.host?.probe.has(.userSpaceMSR) ?? false, "no /dev/kvm with KVM_CAP_X86_USER_SPACE_MSR"))
    struct KVMModelSpecificRegisterTests {
        private static let register = ModelSpecificRegister(0x1234_5678)

        /// A guest whose #GP handler tells port 0x80.
        private func guest(_ code: [UInt8]) throws -> KVMGuest {
            let guest = try KVMGuest(code)
            // Interrupt vector 13 of real mode.
            try guest.memory.store(0x0000_1100 as UInt32, at: GuestAddress(13 * 4))
            try guest.memory.copyIn([0xE6, 0x80, 0xF4], to: GuestAddress(0x1100))
            var registers = try guest.cpu.registers()
            registers.rsp = 0x3000
            registers.ss.base = 0
            registers.ss.selector = 0
            try guest.cpu.setRegisters(registers)
            return guest
        }

        @Test("a read is told, then the guest has its #GP")
        func read() throws {
            // mov ecx, 0x12345678; rdmsr; out 0x81, al
            let guest = try guest([0x66, 0xB9, 0x78, 0x56, 0x34, 0x12, 0x0F, 0x32, 0xE6, 0x81])
            #expect(try guest.cpu.run() == .refusedRegister(Self.register, written: nil))
            // Who looks meanwhile sees the instruction, and does not keep the exception from coming.
            #expect(try guest.cpu.registers().rip == 0x1006)
            guard case .portWrite(0x80, .byte, _) = try guest.cpu.run() else {
                Issue.record("no #GP")
                return
            }
            // It returns to the instruction, which has not been done.
            #expect(try guest.memory.load(UInt16.self, at: GuestAddress(0x2FFA)) == 0x1006)
        }

        @Test("a write is told with its value, then the guest has its #GP")
        func write() throws {
            // mov ecx, 0x12345678; then eax and edx by KVMLocalAPICTests
            let guest = try guest(KVMLocalAPICTests.wrmsr(Self.register.rawValue, 0xCAFE) + [0xE6, 0x81])
            #expect(try guest.cpu.run() == .refusedRegister(Self.register, written: 0xCAFE))
            guard case .portWrite(0x80, .byte, _) = try guest.cpu.run() else {
                Issue.record("no #GP")
                return
            }
        }

        @Test("a value that a register does not take is refused as well; registers that are there are not told")
        func known() throws {
            // IA32_APIC_BASE with a reserved bit.
            let apicBase: UInt32 = 0x1B
            let guest = try guest(
                KVMLocalAPICTests.wrmsr(apicBase, 0xFEE0_0900) + KVMLocalAPICTests.wrmsr(apicBase, 0xFEE0_0901))
            #expect(
                try guest.cpu.run() == .refusedRegister(ModelSpecificRegister(apicBase), written: 0xFEE0_0901))
        }
    }
#endif
