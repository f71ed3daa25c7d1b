import Testing
import VMMCore
import VMMTestSupport

/// The clauses of `VirtualMachine` and `VCPU`, on every backend that works on this host.
enum ContractBackends {
    static let all: [any ContractBackend] = {
        var backends: [any ContractBackend] = [ScriptedUnderTest(), SoftwareUnderTest()]
        backends += KVMUnderTest.all
        return backends
    }()
}

@Suite struct BackendAvailability {
    @Test("the contract's clauses run on KVM too", .enabled(if: KVMUnderTest.isAvailable, KVMUnderTest.skipReason))
    func kvm() { #expect(ContractBackends.all.contains { $0 is KVMUnderTest }) }
}

@Suite struct ExitContract {
    private typealias Layout = ContractLayout

    @Test("a write exit carries address, width and value", arguments: ContractBackends.all)
    func mmioWrites(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            let address = Layout.device
            let values: [(AccessWidth, UInt64)] = [
                (.byte, 0x81), (.halfword, 0x8281), (.word, 0x8483_8281), (.doubleword, 0x8887_8685_8483_8281),
            ]
            let guest = try ContractMachine(
                backend, .init(values.map { .write(address, $0.0, $0.1) }))
            for (width, value) in values {
                #expect(try guest.cpu.run() == .mmioWrite(address: address, width: width, value: value))
            }
        }
        try check(backend)
    }

    @Test("a read takes exactly its width's bytes of the answer", arguments: ContractBackends.all)
    func mmioReads(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            for width in AccessWidth.allCases {
                let guest = try ContractMachine(
                    backend, .init(.read(Layout.device, width), .saveAccumulator(Layout.data), .end))
                #expect(try guest.cpu.run() == .mmioRead(address: Layout.device, width: width))
                guest.cpu.completeRead(0xF8F7_F6F5_F4F3_F2F1)
                #expect(try guest.cpu.run() == .end)
                #expect(try guest.accumulator() == 0xF8F7_F6F5_F4F3_F2F1 & width.mask)
            }
        }
        try check(backend)
    }

    @Test("ports: exits carry port, width and value, answers their bytes", arguments: ContractBackends.all)
    func ports(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            guard backend.hasPorts else { return }
            for width in [AccessWidth.byte, .halfword, .word] {
                let value = 0x8483_8281 & UInt32(width.mask)
                let guest = try ContractMachine(
                    backend,
                    .init(
                        .portWrite(0xFFF8, width, 0x8483_8281), .portRead(Layout.port, width),
                        .saveAccumulator(Layout.data), .end))
                #expect(try guest.cpu.run() == .portWrite(port: 0xFFF8, width: width, value: value))
                #expect(try guest.cpu.run() == .portRead(port: Layout.port, width: width))
                guest.cpu.completeRead(0xF8F7_F6F5_F4F3_F2F1)
                #expect(try guest.cpu.run() == .end)
                #expect(try guest.accumulator() == 0xF8F7_F6F5_F4F3_F2F1 & width.mask)
            }
        }
        try check(backend)
    }

    @Test("exits come in program order", arguments: ContractBackends.all)
    func order(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            let writes: [GuestProgram.Operation] = (0..<20).map {
                .write(GuestAddress(Layout.device.rawValue + 8 * $0), .word, $0)
            }
            let guest = try ContractMachine(backend, .init([.loop(count: 2, writes), .end]))
            for _ in 0..<2 {
                for index: UInt64 in 0..<20 {
                    let address = GuestAddress(Layout.device.rawValue + 8 * index)
                    #expect(try guest.cpu.run() == .mmioWrite(address: address, width: .word, value: index))
                }
            }
            #expect(try guest.cpu.run() == .end)
        }
        try check(backend)
    }

    @Test("string input and output: one exit an element, in order", arguments: ContractBackends.all)
    func strings(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            guard backend.hasPorts else { return }
            for (width, count) in [(AccessWidth.byte, 300), (.halfword, 1), (.halfword, 5), (.word, 1500)] {
                let guest = try ContractMachine(
                    backend,
                    .init(
                        .stringRead(port: Layout.port, width, to: Layout.data, count: UInt32(count)),
                        .stringWrite(port: Layout.port, width, from: Layout.data, count: UInt32(count)), .end))
                let value = { (index: Int) in UInt32(truncatingIfNeeded: index &* 0x0101_0401) & UInt32(width.mask) }
                for index in 0..<count {
                    #expect(try guest.cpu.run() == .portRead(port: Layout.port, width: width))
                    guest.cpu.completeRead(UInt64(value(index)))
                }
                for index in 0..<count {
                    #expect(
                        try guest.cpu.run() == .portWrite(port: Layout.port, width: width, value: value(index)))
                }
                #expect(try guest.cpu.run() == .end)
            }
        }
        try check(backend)
    }

    @Test("a triple fault is .shutdown", arguments: ContractBackends.all)
    func shutdown(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            // A CPU that has a triple fault has ports too: x86.
            guard backend.hasPorts else { return }
            let guest = try ContractMachine(backend, .init(.shutdown))
            #expect(try guest.cpu.run() == .shutdown)
        }
        try check(backend)
    }
}

@Suite struct MemoryContract {
    private typealias Layout = ContractLayout

    @Test("a guest's store is seen in GuestMemory, and the host's by the guest", arguments: ContractBackends.all)
    func sharing(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            let inHigh = GuestAddress(Layout.highRAM.rawValue + Layout.highRAMSize - 8)
            let guest = try ContractMachine(
                backend,
                .init(
                    .write(Layout.data, .word, 0xA1B2_C3D4), .end,
                    .read(inHigh, .doubleword), .saveAccumulator(Layout.data), .end))
            #expect(try guest.cpu.run() == .end)
            #expect(try guest.memory.load(UInt64.self, at: Layout.data) == 0xA1B2_C3D4)
            try guest.memory.store(0x0123_4567_89AB_CDEF as UInt64, at: inHigh)
            #expect(try guest.cpu.run() == .end)
            #expect(try guest.accumulator() == 0x0123_4567_89AB_CDEF)
        }
        try check(backend)
    }

    @Test("RAM ends where its region ends: the next byte is a device's", arguments: ContractBackends.all)
    func edges(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            let behindLow = GuestAddress(Layout.lowRAM)
            let beforeHigh = GuestAddress(Layout.highRAM.rawValue - 1)
            let guest = try ContractMachine(
                backend,
                .init(
                    .write(GuestAddress(Layout.lowRAM - 1), .byte, 0x11), .write(behindLow, .byte, 0x22),
                    .read(beforeHigh, .byte), .write(Layout.highRAM, .byte, 0x33), .end))
            #expect(try guest.cpu.run() == .mmioWrite(address: behindLow, width: .byte, value: 0x22))
            #expect(try guest.memory.load(UInt8.self, at: GuestAddress(Layout.lowRAM - 1)) == 0x11)
            #expect(try guest.cpu.run() == .mmioRead(address: beforeHigh, width: .byte))
            guest.cpu.completeRead(0)
            #expect(try guest.cpu.run() == .end)
            #expect(try guest.memory.load(UInt8.self, at: Layout.highRAM) == 0x33)
        }
        try check(backend)
    }

    @Test("the dirty log names the pages that the guest wrote since the last look", arguments: ContractBackends.all)
    func dirtyLog(_ backend: any ContractBackend) throws {
        func check<Backend: ContractBackend>(_ backend: Backend) throws {
            let guest = try ContractMachine(
                backend,
                .init(
                    .write(Layout.data, .byte, 1), .end, .write(Layout.highRAM, .byte, 2),
                    .write(GuestAddress(0x2_0FFC), .word, 3), .read(GuestAddress(0x3_0000), .byte), .end, .end))
            guard let machine = guest.machine as? any DirtyLogging else { return }
            try machine.startDirtyLog()
            #expect(try guest.cpu.run() == .end)
            #expect(try dataPages(machine) == [Layout.data])
            #expect(try guest.cpu.run() == .end)
            #expect(try dataPages(machine) == [GuestAddress(0x2_0000), Layout.highRAM])
            #expect(try guest.cpu.run() == .end)
            #expect(try dataPages(machine) == [])
            try machine.stopDirtyLog()
        }
        /// Without the page tables, in which the CPU itself notes accesses.
        func dataPages(_ machine: some DirtyLogging) throws -> [GuestAddress] {
            try machine.collectDirtyPages().filter { $0 >= Layout.data }
        }
        try check(backend)
    }
}

@Suite struct RegisterContract {
    private typealias Layout = ContractLayout

    @Test("registers read back as they were set", arguments: ContractBackends.all)
    func roundTrip(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            let guest = try ContractMachine(backend, .init(.end))
            let before = try guest.cpu.registers()
            let changed = backend.changed(before)
            try #require(changed != before)
            try guest.cpu.setRegisters(changed)
            #expect(try guest.cpu.registers() == changed)
            try guest.cpu.setRegisters(before)
            #expect(try guest.cpu.registers() == before)
            #expect(try guest.cpu.run() == .end)
        }
        try check(backend)
    }

    @Test(
        "after a read exit the registers are those before it, after its answer those behind it",
        arguments: ContractBackends.all)
    func aroundRead(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            let guest = try ContractMachine(
                backend, .init(.read(Layout.device, .word), .saveAccumulator(Layout.data), .end))
            #expect(try guest.cpu.run() == .mmioRead(address: Layout.device, width: .word))
            let before = backend.programCounter(try guest.cpu.registers())
            guest.cpu.completeRead(0x77)
            guest.cpu.kick()
            #expect(try guest.cpu.run() == .interrupted)
            let behind = backend.programCounter(try guest.cpu.registers())
            #expect(behind > before)
            #expect(try guest.cpu.run() == .end)
            #expect(try guest.accumulator() == 0x77)
        }
        try check(backend)
    }

    @Test("registers can be looked at after each exit without changing what follows", arguments: ContractBackends.all)
    func observing(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            let guest = try ContractMachine(
                backend,
                .init(
                    .write(Layout.device, .word, 5), .read(Layout.device, .word), .saveAccumulator(Layout.data), .end))
            #expect(try guest.cpu.run() == .mmioWrite(address: Layout.device, width: .word, value: 5))
            let first = backend.programCounter(try guest.cpu.registers())
            #expect(try guest.cpu.run() == .mmioRead(address: Layout.device, width: .word))
            let second = backend.programCounter(try guest.cpu.registers())
            #expect(first <= second)
            guest.cpu.completeRead(0x99)
            #expect(backend.programCounter(try guest.cpu.registers()) >= second)
            #expect(try guest.cpu.run() == .end)
            #expect(try guest.accumulator() == 0x99)
        }
        try check(backend)
    }

    @Test("single step stops after each instruction", arguments: ContractBackends.all)
    func singleStep(_ backend: any ContractBackend) throws {
        func check(_ backend: some ContractBackend) throws {
            let guest = try ContractMachine(
                backend, .init(.write(Layout.data, .byte, 1), .write(Layout.data, .byte, 2), .end))
            guard let cpu = guest.cpu as? any SingleStepping else { return }
            try cpu.setSingleStep(true)
            var last = ContractLayout.code.rawValue
            for _ in 0..<2 {
                guard case .debug(let address, _) = try guest.cpu.run() else {
                    Issue.record("no .debug")
                    return
                }
                #expect(address.rawValue > last)
                #expect(backend.programCounter(try guest.cpu.registers()) == address.rawValue)
                last = address.rawValue
            }
            try cpu.setSingleStep(false)
            #expect(try guest.cpu.run() == .end)
        }
        try check(backend)
    }
}
