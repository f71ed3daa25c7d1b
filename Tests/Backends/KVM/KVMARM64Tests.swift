#if arch(arm64)
    import Glibc
    import HostSupport
    import KVMBackend
    import Testing
    import VMMCore

    /// What only KVM has on arm64: its GICv3, debug registers, addresses.
    @Suite(.enabled(if: KVMOfHost.host != nil, "no usable /dev/kvm")) struct KVMARM64Tests {
        private static let device = GuestAddress(0x0A00_0000)
        // mov x0, #5; str w0, [x1]; nop; nop; str w0, [x2]
        private static let stores: [UInt32] = [0xD280_00A0, 0xB900_0020, 0xD503_201F, 0xD503_201F, 0xB900_0040]
        private static let last = VCPUExit.mmioWrite(address: device, width: .word, value: 5)

        /// The stores, x1 in RAM and x2 at a device.
        private func storing() throws -> ARM64Guest {
            let guest = try ARM64Guest(Self.stores)
            var registers = try guest.cpu.registers()
            registers.x[1] = ARM64Guest.data
            registers.x[2] = Self.device.rawValue
            try guest.cpu.setRegisters(registers)
            return guest
        }

        private func instruction(_ index: UInt64) -> GuestVirtualAddress {
            GuestVirtualAddress(ARM64Guest.start + 4 * index)
        }

        private func watch(_ address: UInt64, _ size: UInt64, reads: Bool = false, writes: Bool = true) -> DebugPointSet
        {
            DebugPointSet(watchpoints: [
                Watchpoint(address: GuestVirtualAddress(address), size: size, isOnReads: reads, isOnWrites: writes)
            ])
        }

        @Test("a breakpoint stops before its instruction; taken away, the guest goes on")
        func breakpoint() throws {
            let guest = try storing()
            #expect(try guest.cpu.setDebugPoints(DebugPointSet(breakpoints: [instruction(2)])))
            #expect(try guest.cpu.run() == .debug(address: instruction(2), reason: .breakpoint))
            #expect(try guest.cpu.registers().pc == instruction(2).rawValue)
            #expect(try guest.cpu.setDebugPoints(DebugPointSet()))
            #expect(try guest.cpu.run() == Self.last)
        }

        @Test("steps are one instruction each")
        func steps() throws {
            let guest = try storing()
            try guest.cpu.setSingleStep(true)
            for index: UInt64 in 1...4 {
                #expect(try guest.cpu.run() == .debug(address: instruction(index), reason: .step))
            }
            try guest.cpu.setSingleStep(false)
            #expect(try guest.cpu.run() == Self.last)
        }

        @Test("a watched store is told before its instruction, with the address that it accesses")
        func watchpoint() throws {
            let guest = try storing()
            #expect(try guest.cpu.setDebugPoints(watch(ARM64Guest.data + 2, 1)))
            guard case .debug(let address, .watchpoint(let accessed, true)) = try guest.cpu.run() else {
                Issue.record("no watchpoint")
                return
            }
            #expect(address == instruction(1))
            #expect((ARM64Guest.data...ARM64Guest.data + 3).contains(accessed.rawValue))
            #expect(try guest.memory.load(UInt32.self, at: GuestAddress(ARM64Guest.data)) == 0)
            #expect(try guest.cpu.setDebugPoints(watch(ARM64Guest.data, 4, reads: true, writes: false)))
            #expect(try guest.cpu.run() == Self.last)
            #expect(try guest.memory.load(UInt32.self, at: GuestAddress(ARM64Guest.data)) == 5)
        }

        @Test("more points than registers are refused, and the old ones stay; so are empty and huge watchpoints")
        func limits() throws {
            let guest = try storing()
            #expect(try guest.cpu.setDebugPoints(DebugPointSet(breakpoints: [instruction(3)])))
            let many = Set((0..<17).map { GuestVirtualAddress(0x9000 + 4 * $0) })
            #expect(try !guest.cpu.setDebugPoints(DebugPointSet(breakpoints: many)))
            for size in [0, 65, UInt64.max] { #expect(try !guest.cpu.setDebugPoints(watch(0x1000, size))) }
            #expect(try guest.cpu.run() == .debug(address: instruction(3), reason: .breakpoint))
        }

        @Test("the level of a line is what an SPI that is configured for levels shows as pending")
        func interrupts() throws {
            // str wzr, [x3]; again: ldr w0, [x2]; str w0, [x1]; b again
            let guest = try ARM64Guest([0xB900_007F, 0xB940_0040, 0xB900_0020, 0x17FF_FFFE])
            var registers = try guest.cpu.registers()
            registers.x[1] = Self.device.rawValue
            // GICD_ISPENDR1: INTIDs 32 to 63.
            registers.x[2] = 0x0800_0204
            // GICD_ICFGR2: INTIDs 32 to 47. KVM's reset value is for edges; 0 is for levels.
            registers.x[3] = 0x0800_0C08
            try guest.cpu.setRegisters(registers)
            func pending() throws -> UInt64? {
                guard case .mmioWrite(Self.device, .word, let value) = try guest.cpu.run() else { return nil }
                return value
            }
            let line = try guest.machine.interruptLine(4)
            #expect(try pending() == 0)
            line.setLevel(true)
            #expect(try pending() == 1 << 4)
            line.setLevel(false)
            #expect(try pending() == 0)
            #expect(throws: KVMError.noSuchInterruptInput(224, count: 224)) { try guest.machine.interruptLine(224) }
        }

        @Test("a message of a device becomes the LPI that the guest mapped; others are lost")
        func messages() throws {
            let guest = try ARM64Guest.acknowledging(to: Self.device)
            func acknowledged() throws -> UInt64? {
                guard case .mmioWrite(Self.device, .word, let value) = try guest.cpu.run() else { return nil }
                return value
            }
            let input = try guest.machine.messageInput()
            let translater = GuestAddress(0x0809_0040)
            #expect(try acknowledged() == 0)
            #expect(try acknowledged() == 1023)
            input.send(MSI(address: translater, data: 4), from: 16)
            input.send(MSI(address: translater, data: 5), from: 17)
            input.send(MSI(address: GuestAddress(0x0809_0000), data: 5), from: 16)
            #expect(try acknowledged() == 1023)
            input.send(MSI(address: translater, data: 5), from: 16)
            #expect(try acknowledged() == 8200)
            #expect(try acknowledged() == 1023)
        }

        @Test("an ioeventfd takes its writes without an exit")
        func ioeventfd() throws {
            let guest = try storing()
            let event = host_eventfd()
            defer { close(event) }
            let trigger = IOEventTrigger.mmio(Self.device, .word, value: 5)
            try guest.machine.bindIOEventFD(event, to: trigger)
            // What lies behind the stores is zero, an undefined instruction: its exception loops without an exit.
            try guest.memory.store(0xB900_0440 as UInt32, at: GuestAddress(ARM64Guest.start + 20))
            #expect(
                try guest.cpu.run()
                    == .mmioWrite(address: GuestAddress(Self.device.rawValue + 4), width: .word, value: 5))
            var count: UInt64 = 0
            #expect(unsafe read(event, &count, 8) == 8)
            #expect(count == 1)
        }

        @Test("memory beyond the machine's guest physical addresses is refused, with both")
        func memoryBeyond() throws {
            let end: UInt64 = 1 << 48 + 4096
            let range = try #require(GuestRange(start: GuestAddress(1 << 48), size: 4096))
            let machine = try KVMVirtualMachine(host: try #require(KVMOfHost.host))
            do {
                try machine.map(try GuestMemory([range]))
                Issue.record("it was mapped")
            } catch KVMError.memoryBeyondIPA(end, let bits) {
                #expect((32...40).contains(bits))
            }
        }
    }
#endif
