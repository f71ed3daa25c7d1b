internal import Testing

/// `--stats` on the arm64 unikernel, whose CPU counts its instructions.
@Suite struct StatisticsTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func disk() throws -> String { try directory.file("disk", [UInt8](repeating: 0, count: 4096)) }

    private func run(_ format: String, _ arguments: String..., input: String) throws -> Ended {
        try Swvmm.run(
            ["boot", "--arch", "arm64", "--timeout", "60", "--stats", format] + arguments, input: .text(input))
    }

    @Test("--stats json: each vCPU with its instructions, CPU time and exits, of all machines of the session")
    func json() throws {
        let ended = try run("json", "--cpus", "2", "-d", try disk(), input: "reboot\npoweroff\n")
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        let start = try #require(ended.errors.firstIndex(of: "{"))
        guard case .object(let members) = try JSONText.parse(String(ended.errors[start...])),
            case .array(let vcpus) = members["vcpus"], case .object(let first) = vcpus.first,
            case .word(let instructions) = first["instructions"], case .word(let cpuTime) = first["cpuTime"],
            case .object(let exits) = first["exits"], case .word(let writes) = exits["mmio write"],
            case .array(let devices) = members["devices"], members["backEnds"] != nil
        else {
            Issue.record("not what was asked for: \(ended.errors)")
            return
        }
        #expect(members["boots"] == .word("2"))
        #expect(vcpus.count == 2)
        #expect(devices.count == 1)
        for count in [instructions, cpuTime, writes] { #expect(try #require(Int(count)) > 0) }
    }

    @Test("--stats table: a row a vCPU and a line a device on standard error; another word is a usage error")
    func table() throws {
        let ended = try run("table", "--cpus", "2", "-d", try disk(), input: "poweroff\n")
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        let lines = ended.errors.split(separator: "\n")
        let heading = try #require(lines.firstIndex { $0.hasPrefix("vCPU  ") && $0.contains("instructions") })
        #expect(lines[(heading + 1)...].prefix(2).allSatisfy { !$0.contains("(") })
        #expect(lines.contains { $0.hasPrefix("virtio disk0 (virtio-blk): ") })
        #expect(!ended.output.contains("instructions"))
        #expect(try Swvmm.run(["boot", "--stats", "yaml"]).ending == .exited(2))
    }
}
