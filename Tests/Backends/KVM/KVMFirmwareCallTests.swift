#if arch(arm64)
    import KVMBackend
    import Testing
    import VMMCore

    /// PSCI and SMCCC, which KVM answers, and what of them comes back.
    @Suite(.enabled(if: KVMOfHost.host != nil, "no usable /dev/kvm")) struct KVMFirmwareCallTests {
        private static let device = GuestAddress(0x0A00_0000)
        private static let version: UInt64 = 0x8400_0000
        /// hvc #0; str w0, [x8]
        private static let call: [UInt32] = [0xD400_0002, 0xB900_0100]

        private func calling(_ function: UInt64) throws -> ARM64Guest {
            let guest = try ARM64Guest(Self.call)
            var registers = try guest.cpu.registers()
            (registers.x[0], registers.x[8]) = (function, Self.device.rawValue)
            try guest.cpu.setRegisters(registers)
            return guest
        }

        private func answer(_ guest: ARM64Guest) throws -> UInt32? {
            guard case .mmioWrite(Self.device, .word, let value) = try guest.cpu.run() else { return nil }
            return UInt32(value)
        }

        @Test(
            "SYSTEM_OFF and SYSTEM_RESET end the machine",
            arguments: [(0x8400_0008, SystemEvent.powerOff), (0x8400_0009, .reset)] as [(UInt64, SystemEvent)])
        func ends(function: UInt64, event: SystemEvent) throws {
            #expect(try calling(function).cpu.run() == .systemEvent(event))
        }

        @Test("PSCI has a version, 1.0 or later, and functions that nobody knows are not supported")
        func version() throws {
            let version = try #require(try answer(calling(Self.version)))
            #expect(version >> 16 == 1)
            #expect(try answer(calling(0x8200_1234)) == UInt32.max)
        }

        @Test("a function that is denied is not supported; a second word on it, and on the architecture's, is refused")
        func filter() throws {
            let guest = try calling(Self.version)
            let function = UInt32(Self.version)
            try guest.machine.filterCalls(function...function, .deny)
            #expect(throws: KVMError.self) { try guest.machine.filterCalls(function...function, .handle) }
            #expect(throws: KVMError.self) { try guest.machine.filterCalls(0x8000_0000...0x8000_0001, .deny) }
            #expect(throws: KVMError.self) { try guest.machine.filterCalls(0...UInt32.max, .deny) }
            #expect(try answer(guest) == UInt32.max)
        }

        @Test("SYSTEM_SUSPEND waits for an interrupt, and starts where it says, with its context")
        func suspend() throws {
            let host = try #require(KVMOfHost.host)
            guard host.probe.has(.systemSuspend) else { return }
            let guest = try ARM64Guest.acknowledging(to: Self.device)
            for _ in 0..<2 { #expect(try answer(guest) != nil) }
            let entry = GuestAddress(ARM64Guest.start + 0x800)
            // movz x1, #0x0A00, lsl #16; str w0, [x1]
            try guest.memory.store(0xD2A1_4001 as UInt32, at: entry)
            try guest.memory.store(0xB900_0020 as UInt32, at: GuestAddress(entry.rawValue + 4))
            let call = GuestAddress(ARM64Guest.start + 0x400)
            try guest.memory.store(Self.call[0], at: call)
            var registers = try guest.cpu.registers()
            (registers.x[0], registers.x[1], registers.x[2]) = (0xC400_000E, entry.rawValue, 0x1234)
            registers.pc = call.rawValue
            try guest.cpu.setRegisters(registers)
            #expect(try guest.cpu.run() == .interrupted)
            // A CPU that waits can be kicked, and waits on.
            guest.cpu.kick()
            #expect(try guest.cpu.run() == .interrupted)
            #expect(try guest.cpu.registers().pc == call.rawValue + 4)
            try guest.machine.messageInput().send(ARM64Guest.event.message, from: ARM64Guest.event.device)
            #expect(try guest.cpu.run() == .interrupted)
            #expect(try guest.cpu.registers().pc == entry.rawValue)
            #expect(try answer(guest) == 0x1234)
        }
    }
#endif
