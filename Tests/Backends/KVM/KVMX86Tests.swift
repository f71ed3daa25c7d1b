#if arch(x86_64)
    import Glibc
    import HostSupport
    import KVMBackend
    import KVMBridge
    import Testing
    import VMMCore
    import VMMTestSupport

    /// What only KVM has on x86: event descriptors, CPUID, reports.
    @Suite(.enabled(if: KVMGuest.host != nil, "no usable /dev/kvm")) struct KVMX86Tests {
        @Test("an ioeventfd takes its writes without an exit, and others exit; unbound, all do")
        func ioeventfd() throws {
            // mov dx, 0x510; mov al, 1; out dx, al; mov al, 2; out dx, al; mov al, 1; out dx, al
            let guest = try KVMGuest([0xBA, 0x10, 0x05, 0xB0, 1, 0xEE, 0xB0, 2, 0xEE, 0xB0, 1, 0xEE])
            let event = host_eventfd()
            defer { close(event) }
            let trigger = IOEventTrigger.port(0x510, .byte, value: 1)
            try guest.machine.bindIOEventFD(event, to: trigger)
            #expect(try guest.cpu.run() == .portWrite(port: 0x510, width: .byte, value: 2))
            #expect(signals(event) == 1)
            try guest.machine.unbindIOEventFD(event, from: trigger)
            #expect(try guest.cpu.run() == .portWrite(port: 0x510, width: .byte, value: 1))
            #expect(signals(event) == 0)
            #expect(throws: KVMError.refused(.ioeventfd, errno: ENOENT)) {
                try guest.machine.unbindIOEventFD(event, from: trigger)
            }
        }

        @Test("an irqfd's signal and a line's level raise an input of the 8259")
        func interrupts() throws {
            // The 8259's request register: mov al, 0x0A; out 0x20, al; in al, 0x20; mov dx, 0x510; out dx, al; jmp to the start
            let guest = try KVMGuest([0xB0, 0x0A, 0xE6, 0x20, 0xE4, 0x20, 0xBA, 0x10, 0x05, 0xEE, 0xEB, 0xF4])
            func requests() throws -> UInt32? {
                guard case .portWrite(0x510, .byte, let value) = try guest.cpu.run() else { return nil }
                return value
            }
            #expect(try requests() == 0)
            let line = try guest.machine.interruptLine(4)
            line.setLevel(true)
            line.setLevel(true)
            #expect(try requests() == 1 << 4)
            line.setLevel(false)
            let event = host_eventfd()
            defer { close(event) }
            try guest.machine.bindIRQFD(event, toInput: 5)
            var one: UInt64 = 1
            #expect(unsafe write(event, &one, 8) == 8)
            // KVM injects from a work queue where it cannot at once: the guest looks until it is there.
            var seen: UInt32? = 0
            for _ in 0..<10_000 where seen.map({ $0 & 1 << 5 == 0 }) ?? false { seen = try requests() }
            #expect(seen.map { $0 & 1 << 5 } == 1 << 5)
            try guest.machine.unbindIRQFD(event, fromInput: 5)
            #expect(throws: KVMError.noSuchInterruptInput(24, count: 24)) { try guest.machine.interruptLine(24) }
            #expect(throws: KVMError.noSuchInterruptInput(.max, count: 24)) {
                try guest.machine.bindIRQFD(event, toInput: .max)
            }
        }

        @Test("an MSI to nobody is lost without an error", arguments: [0xFEE0_0000, 0xFEEF_F000, 0, UInt64.max])
        func msiToNobody(_ address: UInt64) throws {
            let guest = try KVMGuest([0xF4])
            try guest.machine.signal(MSI(address: GuestAddress(address), data: 0x41))
        }

        @Test("CPUID tells the APIC's identifier, the topology, the hypervisor and the TSC's frequency")
        func cpuid() throws {
            let host = try #require(KVMGuest.host)
            func leaf(_ function: UInt32, _ index: UInt32 = 0) throws -> [UInt32] {
                try cpuid(function, index, vcpuCount: 3)
            }
            let features = try leaf(1)
            #expect(features[1] >> 24 == 0)
            #expect(features[1] >> 16 & 0xFF == 3)
            #expect(features[2] >> 31 == 1)
            #expect(features[2] >> 24 & 1 == (host.probe.has(.tscDeadlineTimer) ? 1 : 0))
            #expect(features[3] >> 28 & 1 == 1)
            let basic = try leaf(0)
            if basic[0] >= 0xB {
                #expect(try leaf(0xB, 1) == [2, 3, 0x201, 0])
                #expect(try leaf(0xB, 2)[2] >> 8 == 0)
            }
            #expect(try leaf(0x4000_0000)[1...] == [0x4B4D_564B, 0x564B_4D56, 0x4D])
            let guest = try KVMGuest([0xF4])
            if let frequency = guest.cpu.tscFrequency {
                #expect(try leaf(0x4000_0000)[0] >= 0x4000_0010)
                #expect(try UInt64(leaf(0x4000_0010)[0]) * 1000 == frequency)
            }
        }

        /// What the guest's CPU answers: EAX, EBX, ECX, EDX.
        private func cpuid(
            _ function: UInt32, _ index: UInt32 = 0, vcpuCount: Int = 1, of model: X86CPUModel = .host
        ) throws -> [UInt32] {
            // mov eax, [0x2000]; mov ecx, [0x2004]; cpuid; then EAX, EBX, ECX, EDX to 0x2010; out 0x80, al
            let code: [UInt8] =
                [0x66, 0xA1, 0x00, 0x20, 0x66, 0x8B, 0x0E, 0x04, 0x20, 0x0F, 0xA2, 0x66, 0xA3, 0x10, 0x20]
                + [0x66, 0x89, 0x1E, 0x14, 0x20, 0x66, 0x89, 0x0E, 0x18, 0x20, 0x66, 0x89, 0x16, 0x1C, 0x20]
                + [0xE6, 0x80]
            let guest = try KVMGuest(code, vcpuCount: vcpuCount, model: model)
            try guest.memory.store(function, at: GuestAddress(0x2000))
            try guest.memory.store(index, at: GuestAddress(0x2004))
            guard case .portWrite(0x80, .byte, _) = try guest.cpu.run() else { return [] }
            return try (0..<4).map { try guest.memory.load(UInt32.self, at: GuestAddress(0x2010 + 4 * $0)) }
        }

        @Test(
            "a guest's CPUs have no feature that their model hides, and an XSAVE area without its state",
            .enabled(
                if: unsafe access("/sys/module/kvm_pvm", F_OK) != 0,
                "an interpreting KVM tells of the host's features in real mode"))
        func hiddenFeatures() throws {
            let host = try cpuid(1)
            let model = try X86CPUModel(base: .host, removing: [.sse3, .xsave, .nx])
            let features = try cpuid(1, of: model)
            // SSE3, SSSE3, FMA, SSE4.1, SSE4.2, XSAVE, OSXSAVE, AVX, F16C.
            #expect(features[2] == host[2] & ~0x3C18_1201)
            #expect(features[3] == host[3])
            #expect(try cpuid(0xD, of: model) == [0, 0, 0, 0])
            #expect(try cpuid(0x8000_0001, of: model)[3] >> 20 & 1 == 0)
        }

        @Test("a model with features that the host has not is refused, and they are named")
        func missingFeatures() throws {
            let host = try #require(KVMGuest.host)
            // One is of one maker's CPUs only, the other of the other's.
            var configuration = KVMVirtualMachine.Configuration()
            configuration.model = try X86CPUModel(base: .host, adding: [.xop, .amxTile])
            do throws(KVMError) {
                _ = try KVMVirtualMachine(host: host, configuration: configuration)
                Issue.record("a CPU of no maker")
            } catch {
                guard case .lacksFeatures(let features) = error else { throw error }
                #expect(features.contains(.xop) || features.contains(.amxTile))
            }
        }

        @Test("an access of 4 bytes over RAM's end: one byte lands, the other three come as exits of 2 and 1")
        func straddling() throws {
            // mov eax, 0x44332211; mov di, 0xEFFF; mov [di], eax; out 0x80, al
            let guest = try KVMGuest(
                [0x66, 0xB8, 0x11, 0x22, 0x33, 0x44, 0xBF, 0xFF, 0xEF, 0x66, 0x89, 0x05, 0xE6, 0x80], size: 0xF000)
            #expect(try guest.cpu.run() == .mmioWrite(address: GuestAddress(0xF000), width: .halfword, value: 0x3322))
            #expect(try guest.cpu.run() == .mmioWrite(address: GuestAddress(0xF002), width: .byte, value: 0x44))
            #expect(try guest.cpu.run() == .portWrite(port: 0x80, width: .byte, value: 0x11))
            #expect(try guest.memory.load(UInt8.self, at: GuestAddress(0xEFFF)) == 0x11)
        }

        @Test("an instruction fetched from where no RAM is ends in an internal error, not in a crash")
        func fetchFromNowhere() throws {
            // jmp 0x2000:0
            let guest = try KVMGuest([0xEA, 0x00, 0x00, 0x00, 0x20])
            guard case .failure(.internalError(suberror: 1, _)) = try guest.cpu.run() else {
                Issue.record("no internal error")
                return
            }
            #expect(try guest.cpu.registers().cs.base == 0x20000)
        }

        @Test(
            "an internal error brings the instruction's bytes",
            .enabled(if: unsafe access("/sys/module/kvm_pvm", F_OK) == 0, "only an interpreting KVM lacks XGETBV"))
        func instructionBytes() throws {
            let guest = try KVMGuest([0x90, 0x0F, 0x01, 0xD0, 0xE6, 0x80])
            guard case .failure(.internalError(suberror: 1, let instruction)) = try guest.cpu.run() else {
                Issue.record("no internal error")
                return
            }
            #expect(instruction.bytes.starts(with: [0x0F, 0x01, 0xD0]))
            #expect(try guest.cpu.registers().rip == 0x1001)
        }

        @Test("translate follows the guest's page tables, here none: real mode is the identity")
        func translate() throws {
            let guest = try KVMGuest([0xF4])
            #expect(guest.cpu.translate(GuestVirtualAddress(0x1234)) == GuestAddress(0x1234))
        }

        @Test("system registers that the CPU does not have are refused with KVM's errno")
        func badSystemRegisters() throws {
            let guest = try KVMGuest([0xF4])
            var registers = try guest.cpu.registers()
            registers.cr4 = 1 << 63
            #expect(throws: KVMError.refused(.setSystemRegisters, errno: EINVAL)) {
                try guest.cpu.setRegisters(registers)
            }
        }

        private func signals(_ event: Int32) -> UInt64 {
            var count: UInt64 = 0
            let result = unsafe read(event, &count, 8)
            return result == 8 ? count : 0
        }
    }

    /// A machine with one vCPU in real mode at the start of `code`, which lies at 0x1000.
    struct KVMGuest {
        static let host = KVMOfHost.host
        let machine: KVMVirtualMachine
        let memory: GuestMemory
        let cpu: KVMVCPU
        private let watchdog: GuestWatchdog

        init(
            _ code: [UInt8], vcpuCount: Int = 1, size: UInt64 = 0x10000, hasLocalAPICsOnly: Bool = false,
            model: X86CPUModel = .host
        ) throws {
            let host = try #require(Self.host)
            memory = try GuestMemory([try #require(GuestRange(start: GuestAddress(0), size: size))])
            try memory.copyIn(code, to: GuestAddress(0x1000))
            var configuration = KVMVirtualMachine.Configuration(
                vcpuCount: vcpuCount, hasLocalAPICsOnly: hasLocalAPICsOnly)
            configuration.model = model
            machine = try KVMVirtualMachine(host: host, configuration: configuration)
            try machine.map(memory)
            cpu = try machine.makeVCPU(VCPUIndex(0))
            watchdog = GuestWatchdog([cpu])
            var registers = try cpu.registers()
            registers.cs.base = 0
            registers.cs.selector = 0
            registers.rip = 0x1000
            try cpu.setRegisters(registers)
        }
    }
#endif
