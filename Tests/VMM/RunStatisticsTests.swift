import Testing
import VMMCore

@testable import VMM

@Suite struct RunStatisticsTests {
    private static func vcpu(
        _ index: Int, instructions: UInt64?, cpuTime: Nanoseconds?, _ exits: VCPUExit...
    ) -> RunStatistics.VCPU {
        var trace = ExitTrace()
        for exit in exits { trace.record(exit, exit.kind) }
        return RunStatistics.VCPU(index: VCPUIndex(index), instructions: instructions, cpuTime: cpuTime, trace: trace)
    }

    @Test("the machines of a session are added, vCPU by vCPU")
    func addition() {
        var all = RunStatistics(vcpus: [
            Self.vcpu(0, instructions: 10, cpuTime: .milliseconds(2), .halted, .interrupted),
            Self.vcpu(1, instructions: nil, cpuTime: nil),
        ])
        all.add(
            RunStatistics(vcpus: [
                Self.vcpu(0, instructions: 5, cpuTime: .milliseconds(1), .halted),
                Self.vcpu(1, instructions: 7, cpuTime: .milliseconds(4), .shutdown),
            ]))
        #expect(all.bootCount == 2)
        #expect(all.vcpus.map(\.instructions) == [15, 7])
        #expect(all.vcpus.map(\.cpuTime) == [.milliseconds(3), .milliseconds(4)])
        #expect(all.vcpus.map(\.exitTotal) == [3, 1])
        #expect(all.vcpus[0].exits[ExitKind.halted.rawValue] == 2)
    }

    @Test("MIPS count the vCPU's own time, and need both figures")
    func mips() {
        #expect(Self.vcpu(0, instructions: 3_000_000, cpuTime: .milliseconds(10)).mips == 300)
        #expect(Self.vcpu(0, instructions: nil, cpuTime: .milliseconds(10)).mips == nil)
        #expect(Self.vcpu(0, instructions: 1, cpuTime: nil).mips == nil)
        #expect(Self.vcpu(0, instructions: 1, cpuTime: .zero).mips == nil)
    }

    @Test("the table leaves out kinds of exits that nobody had, and shows what is not counted as a dash")
    func table() {
        let statistics = RunStatistics(vcpus: [
            Self.vcpu(0, instructions: 1_234_567, cpuTime: .milliseconds(10), .halted, .interrupted),
            Self.vcpu(1, instructions: nil, cpuTime: nil, .interrupted),
        ])
        #expect(
            statistics.table == """
                vCPU  instructions  CPU ms  MIPS  halt  kick
                   0       1234567      10   123     1     1
                   1             -       -     -     0     1
                """)
    }

    private static func device(_ name: String, _ counters: (String, UInt64)...) -> DeviceStatistics {
        DeviceStatistics(
            name: name, kind: "kind", counters: counters.map { DeviceCounter($0.0, $0.1) })
    }

    @Test("devices of machines are added by name; back ends live on, and their last counts are all of them")
    func devices() {
        var all = RunStatistics(vcpus: [])
        all.devices = [Self.device("a", ("reads", 1), ("writes", 2))]
        all.backEnds = [Self.device("file", ("calls", 3))]
        var later = RunStatistics(vcpus: [])
        later.devices = [Self.device("b", ("reads", 9)), Self.device("a", ("reads", 10), ("writes", 20))]
        later.backEnds = [Self.device("file", ("calls", 5))]
        all.add(later)
        #expect(
            all.devices == [Self.device("a", ("reads", 11), ("writes", 22)), Self.device("b", ("reads", 9))])
        #expect(all.backEnds == [Self.device("file", ("calls", 5))])
    }

    @Test("a device's line leaves out what did not happen; JSON does not")
    func deviceWords() {
        #expect(Self.device("disk0", ("reads", 3), ("errors", 0)).line == "disk0 (kind): reads 3")
        #expect(Self.device("disk0", ("errors", 0)).line == "disk0 (kind): nothing")
        var all = RunStatistics(vcpus: [])
        all.devices = [Self.device("disk0", ("errors", 0))]
        let text = all.json.text()
        #expect(text.contains("\"devices\"") && text.contains("\"errors\": 0") && text.contains("\"backEnds\""))
    }
}
