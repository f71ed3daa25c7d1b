import Synchronization
import Testing
import VMMCore
import VMMTestSupport

@testable import VMM

/// The exit loop, on the scripted backend.
@Suite struct MachineTests {
    /// A machine with 64 KiB of RAM, a program for CPU 0 at 0, and an echoing device at port 0x10 and at 0x100000.
    private struct Fixture {
        let lifecycle = MachineLifecycle()
        let faults = RecordingFaults()
        let device = Device()
        let machine: Machine<ScriptedMachine>

        init(cpus: Int = 1, _ program: [ScriptedInstruction]) throws {
            let memory = try GuestMemory([try #require(GuestRange(start: GuestAddress(0), size: 0x1_0000))])
            try memory.copyIn(program.flatMap(\.bytes), to: GuestAddress(0))
            let backend = ScriptedMachine()
            try backend.map(memory)
            let vcpus = try (0..<cpus).map { try backend.makeVCPU(VCPUIndex($0)) }
            var ports = PortBus.Builder()
            try ports.insert(device, at: 0x10)
            var mmio = MMIOBus.Builder()
            try mmio.insert(device, at: GuestAddress(0x10_0000))
            machine = Machine(
                backend: backend, memory: memory, vcpus: vcpus,
                buses: MachineBuses(mmio: mmio.build(), ports: ports.build()), lifecycle: lifecycle, log: faults.log
            ) { index, vcpu, exits in
                let counter = (try? vcpu.registers())?.programCounter ?? .max
                return MachineReport.VCPU(
                    index: index, registerRows: [[(name: "pc", value: String(counter))]], code: [],
                    exitTotal: exits.total, lastExits: MachineReport.VCPU.lines(of: exits.last))
            }
        }

        /// Runs it to its end; false when it has none.
        func run(observer: (any ExitObserver)? = nil) throws -> StopReason? {
            try machine.start(observer: observer)
            let machine = machine
            let thread = HostThread { machine.join() }
            guard thread.finishes(within: 20) else {
                lifecycle.stop(.userLeft)
                return nil
            }
            return lifecycle.stopReason
        }

        func savedDoubleword(at address: UInt64) throws -> UInt64 {
            try machine.memory.load(UInt64.self, at: GuestAddress(address))
        }
    }

    /// Gives back what was written last, plus one.
    private final class Device: PortDevice, MMIODevice {
        private let last = Mutex<UInt64>(0)
        var portCount: UInt16 { 1 }
        var windowSize: UInt64 { 0x1000 }
        func read(at offset: UInt16, width: AccessWidth) -> UInt32 {
            UInt32(truncatingIfNeeded: last.withLock { $0 + 1 })
        }
        func write(_ value: UInt32, at offset: UInt16, width: AccessWidth) { last.withLock { $0 = UInt64(value) } }
        func read(at offset: UInt64, width: AccessWidth) -> UInt64 { last.withLock { $0 + offset } }
        func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) { last.withLock { $0 = value } }
    }

    private func joins(_ fixture: Fixture) -> Bool {
        let machine = fixture.machine
        return HostThread { machine.join() }.finishes(within: 20)
    }

    private let saved = GuestAddress(0x8000)

    @Test("ports and memory reach their devices, and reads bring the answer back")
    func devices() throws {
        let fixture = try Fixture([
            .init(.portWrite, width: .word, port: 0x10, value: 41), .init(.portRead, width: .word, port: 0x10),
            .init(.save, address: saved),
            .init(.write, width: .doubleword, address: GuestAddress(0x10_0000), value: 1 << 40),
            .init(.read, width: .doubleword, address: GuestAddress(0x10_0008)),
            .init(.save, address: GuestAddress(0x8008)), .init(.shutdown),
        ])
        #expect(try fixture.run() == .vcpuStopped(VCPUIndex(0), .tripleFault))
        #expect(try fixture.savedDoubleword(at: 0x8000) == 42)
        #expect(try fixture.savedDoubleword(at: 0x8008) == 1 << 40 + 8)
        #expect(fixture.faults.count == 0)
    }

    @Test(
        "what nobody answers reads as ones of its width, writes go nowhere, and each is told",
        arguments: AccessWidth.allCases)
    func unclaimed(width: AccessWidth) throws {
        let nowhere = GuestAddress(0x20_0000)
        var program: [ScriptedInstruction] = [
            .init(.read, width: width, address: nowhere), .init(.save, address: saved),
            .init(.write, width: width, address: nowhere, value: 5),
        ]
        if width != .doubleword {
            program += [
                .init(.portRead, width: width, port: 0x99), .init(.save, address: GuestAddress(0x8008)),
                .init(.portWrite, width: width, port: 0x99, value: 5),
            ]
        }
        let fixture = try Fixture(program + [.init(.shutdown)])
        #expect(try fixture.run() != nil)
        #expect(try fixture.savedDoubleword(at: 0x8000) == width.mask)
        if width != .doubleword { #expect(try fixture.savedDoubleword(at: 0x8008) == width.mask) }
        #expect(fixture.faults.count == (width == .doubleword ? 2 : 4))
    }

    @Test("exits that end the machine say which vCPU and why")
    func ends() throws {
        #expect(try Fixture([.init(.halt)]).run() == .vcpuStopped(VCPUIndex(0), .haltedForever))
        #expect(try Fixture([.init(.shutdown)]).run() == .vcpuStopped(VCPUIndex(0), .tripleFault))
        // Zeros are no instruction.
        let failure = VCPURunFailure.internalError(suberror: 1, instruction: InstructionBytes())
        #expect(try Fixture([]).run() == .vcpuStopped(VCPUIndex(0), .runFailure(failure)))
        let second = try Fixture(
            cpus: 2,
            [
                .init(
                    .write, width: .byte, address: GuestAddress(0x4000),
                    value: UInt64(ScriptedInstruction.Operation.halt.rawValue)),
                .init(.write, width: .byte, address: GuestAddress(0x4001), value: 1),
                .init(.startProcessor, address: GuestAddress(0x4000), value: 1), .init(.spin),
            ])
        #expect(try second.run() == .vcpuStopped(VCPUIndex(1), .haltedForever))
    }

    @Test("a machine that is stopped before it starts executes nothing")
    func stoppedBefore() throws {
        let fixture = try Fixture([.init(.portWrite, width: .word, port: 0x10, value: 1), .init(.spin)])
        fixture.lifecycle.stop(.timedOut)
        #expect(try fixture.run() == .timedOut)
        #expect(fixture.device.read(at: UInt64(0), width: .word) == 0)
    }

    @Test("stopping ends spinning vCPUs, and those that were never started")
    func stopsSpinning() throws {
        let fixture = try Fixture(cpus: 3, [.init(.spin)])
        try fixture.machine.start(observer: nil)
        fixture.lifecycle.stop(.signal(15))
        #expect(joins(fixture))
        #expect(fixture.machine.finalReports().map(\.index) == [VCPUIndex(0), VCPUIndex(1), VCPUIndex(2)])
    }

    @Test("reports of a running machine: all vCPUs in order, and the machine goes on")
    func runningReports() throws {
        let flag = GuestAddress(0x9000)
        let fixture = try Fixture(
            cpus: 3,
            [
                .init(.portWrite, width: .word, port: 0x10, value: 7), .init(.waitUntilSet, address: flag),
                .init(.shutdown),
            ])
        try fixture.machine.start(observer: nil)
        // CPU 0 waits for the flag.
        #expect(waits { fixture.device.read(at: UInt64(0), width: .word) == 7 })
        for round in 1...3 {
            let answers = Recorder<[VCPUIndex]>()
            fixture.machine.requestReports { answers.record($0.map(\.index)) }
            #expect(waits { answers.count == 1 }, "round \(round)")
            #expect(answers.values == [[VCPUIndex(0), VCPUIndex(1), VCPUIndex(2)]])
        }
        #expect(fixture.lifecycle.stopReason == nil)
        try fixture.machine.memory.copyIn([1], to: flag)
        #expect(joins(fixture))
        #expect(fixture.lifecycle.stopReason == .vcpuStopped(VCPUIndex(0), .tripleFault))
        let first = try #require(fixture.machine.finalReports().first)
        #expect(first.lastExits.first == "port write 0x10 32-bit value 0x7")
        #expect(first.lastExits.last == "shutdown (triple fault)")
        #expect(first.registerRows[0][0].value == "64")
    }

    @Test("an observer sees each exit with its vCPU")
    func observer() throws {
        final class Counter: ExitObserver {
            let seen = Recorder<ExitKind>()
            func note(_ kind: ExitKind, on vcpu: VCPUIndex) { seen.record(kind) }
        }
        let counter = Counter()
        let fixture = try Fixture([
            .init(.portWrite, width: .byte, port: 0x10, value: 1),
            .init(.read, width: .byte, address: GuestAddress(0x10_0000)),
            .init(.shutdown),
        ])
        #expect(try fixture.run(observer: counter) != nil)
        #expect(counter.seen.values == [.portWrite, .mmioRead, .shutdown])
    }
}
