import Synchronization
import Testing
import VMMCore
import VMMTestSupport

@testable import VMM

/// Standing still, on the scripted backend.
@Suite struct StandstillTests {
    /// A machine whose CPUs count down from a large number, again and again.
    private struct Fixture {
        let lifecycle = MachineLifecycle()
        let faults = RecordingFaults()
        let machine: Machine<ScriptedMachine>
        let count: Int

        init(cpus count: Int = 1, _ program: [ScriptedInstruction]) throws {
            self.count = count
            let memory = try GuestMemory([try #require(GuestRange(start: GuestAddress(0), size: 0x1_0000))])
            try memory.copyIn(program.flatMap(\.bytes), to: GuestAddress(0))
            let backend = ScriptedMachine()
            try backend.map(memory)
            let vcpus = try (0..<count).map { try backend.makeVCPU(VCPUIndex($0)) }
            machine = Machine(
                backend: backend, memory: memory, vcpus: vcpus,
                buses: MachineBuses(mmio: MMIOBus.Builder().build(), ports: PortBus.Builder().build()),
                lifecycle: lifecycle, log: faults.log
            ) { index, _, exits in
                MachineReport.VCPU(
                    index: index, registerRows: [], code: [], exitTotal: exits.total, lastExits: [])
            }
        }

        var all: [VCPUIndex] { (0..<count).map { VCPUIndex($0) } }

        /// True when the machine came to its end.
        func end() -> Bool {
            lifecycle.stop(.userLeft)
            let machine = machine
            return HostThread { machine.join() }.finishes(within: 20)
        }
    }

    /// Starts the other CPUs here too, and counts for ever.
    private static func counting(cpus: Int) -> [ScriptedInstruction] {
        var program: [ScriptedInstruction] = []
        for cpu in 1..<max(cpus, 2) where cpu < cpus {
            program.append(
                ScriptedInstruction(
                    .startProcessor, address: GuestAddress(UInt64(cpus - 1) * ScriptedInstruction.size),
                    value: UInt64(cpu)))
        }
        let loop = UInt64(program.count) * ScriptedInstruction.size
        program.append(ScriptedInstruction(.setCounter, count: .max))
        program.append(
            ScriptedInstruction(
                .decrementAndJump, address: GuestAddress(loop + ScriptedInstruction.size)))
        return program
    }

    private final class Listener: Sendable {
        let calls = Mutex<[[VCPUStop]]>([])
        var count: Int { calls.withLock { $0.count } }
        func waits(for count: Int) -> Bool { VMMTestSupport.waits { self.count >= count } }
    }

    private func listener(_ fixture: Fixture) -> Listener {
        let listener = Listener()
        fixture.machine.setStandstillListener { stops in listener.calls.withLock { $0.append(stops) } }
        return listener
    }

    private func counters(_ fixture: Fixture) -> [UInt64?] {
        fixture.all.map { index in
            fixture.machine.performStanding(on: index) { (try? $0.registers())?.counter } ?? nil
        }
    }

    @Test("a pause brings every vCPU to a standstill, told once; none moves before it is let go", arguments: [1, 3])
    func pause(cpus: Int) throws {
        let fixture = try Fixture(cpus: cpus, Self.counting(cpus: cpus))
        let listener = listener(fixture)
        try fixture.machine.start(observer: nil)
        for round in 1...5 {
            fixture.machine.pause()
            #expect(listener.waits(for: round))
            let first = counters(fixture)
            #expect(!first.contains(nil))
            #expect(counters(fixture) == first)
            fixture.machine.resume(fixture.all)
        }
        #expect(fixture.end())
        #expect(listener.calls.withLock { $0 } == Array(repeating: [], count: 5))
    }

    @Test("a pause before the start holds every vCPU before its first instruction")
    func heldAtStart() throws {
        let fixture = try Fixture(Self.counting(cpus: 1))
        let listener = listener(fixture)
        fixture.machine.pause()
        try fixture.machine.start(observer: nil)
        #expect(listener.waits(for: 1))
        #expect(counters(fixture) == [0])
        let start = fixture.machine.performStanding(on: VCPUIndex(0)) { (try? $0.registers())?.programCounter }
        #expect(start == 0)
        #expect(fixture.end())
    }

    @Test("nothing is done for a vCPU that runs, and nothing after the machine's end")
    func running() throws {
        let fixture = try Fixture(Self.counting(cpus: 1))
        // Before the start no thread runs it: here is as good as there.
        #expect(fixture.machine.performStanding(on: VCPUIndex(0)) { _ in 1 } == 1)
        #expect(fixture.machine.performStanding(on: VCPUIndex(1)) { _ in 1 } == nil)
        try fixture.machine.start(observer: nil)
        #expect(fixture.machine.performStanding(on: VCPUIndex(0)) { _ in 1 } == nil)
        #expect(fixture.end())
        #expect(fixture.machine.performStanding(on: VCPUIndex(0)) { _ in 1 } == nil)
    }

    @Test("a vCPU that is let go alone steps, and the others stay; its stop is told with its reason")
    func stepsAlone() throws {
        let fixture = try Fixture(cpus: 2, Self.counting(cpus: 2))
        let listener = listener(fixture)
        try fixture.machine.start(observer: nil)
        fixture.machine.pause()
        #expect(listener.waits(for: 1))
        let before = counters(fixture)
        _ = fixture.machine.performStanding(on: VCPUIndex(0)) { try? $0.setSingleStep(true) }
        for round in 2...4 {
            fixture.machine.resume([VCPUIndex(0)])
            #expect(listener.waits(for: round))
        }
        #expect(counters(fixture)[1] == before[1])
        let stops = listener.calls.withLock { $0 }
        #expect(stops.count == 4)
        for stop in stops.dropFirst() {
            #expect(stop.count == 1 && stop.first?.vcpu == VCPUIndex(0))
            guard case .debug(.step, _) = stop.first?.cause else {
                Issue.record("no step: \(stop)")
                continue
            }
        }
        #expect(fixture.end())
    }

    @Test("reports are answered while the machine stands still")
    func reports() throws {
        let fixture = try Fixture(cpus: 2, Self.counting(cpus: 2))
        let listener = listener(fixture)
        try fixture.machine.start(observer: nil)
        fixture.machine.pause()
        #expect(listener.waits(for: 1))
        let reports = Listener()
        for round in 1...3 {
            fixture.machine.requestReports { _ in reports.calls.withLock { $0.append([]) } }
            #expect(reports.waits(for: round))
        }
        #expect(fixture.end())
    }

    @Test("a guest that cannot go on stands still first when somebody watches, and ends when it is let go")
    func crash() throws {
        let fixture = try Fixture([ScriptedInstruction(.shutdown)])
        let listener = listener(fixture)
        try fixture.machine.start(observer: nil)
        #expect(listener.waits(for: 1))
        #expect(listener.calls.withLock { $0 } == [[VCPUStop(vcpu: VCPUIndex(0), cause: .crashed)]])
        #expect(fixture.lifecycle.stopReason == nil)
        fixture.machine.resume(fixture.all)
        let machine = fixture.machine
        #expect(HostThread { machine.join() }.finishes(within: 20))
        #expect(fixture.lifecycle.stopReason == .vcpuStopped(VCPUIndex(0), .tripleFault))
    }
}
