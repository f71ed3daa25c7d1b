internal import Testing

/// The arm64 unikernel on the software CPU: needs nothing of the host, so nothing is skipped.
@Suite struct ARM64ShellTests {
    private static let boot = ["boot", "--arch", "arm64", "--timeout", "60"]

    private func run(_ arguments: String..., input: String) throws -> Ended {
        try Swvmm.run(Self.boot + arguments, input: .text(input))
    }

    @Test("the dialogue, with 1, 2, 4 and 8 CPUs, on both consoles", arguments: [1, 2, 4, 8], ["bvm", "serial"])
    func dialogue(cpus: Int, console: String) throws {
        let ended = try run(
            "--cpus", "\(cpus)", "--console", console, "-e", "test.mark=42", input: "uptime\nenv\ncpus\npoweroff\n")
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        #expect(ended.output.contains("unikernel arm64, \(cpus) CPU"))
        #expect(ended.output.contains("test.mark=42"))
        #expect(ended.output.contains("console=\(console)"))
        for cpu in 0..<cpus { #expect(ended.output.contains("cpu \(cpu)  online")) }
        #expect(ended.errors.contains("arm64, on the software CPU"))
        #expect(ended.leavesNothing)
    }

    @Test("--huge-pages changes nothing that the guest sees")
    func hugePages() throws {
        let ended = try run("--huge-pages", input: "mem\npoweroff\n")
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        #expect(ended.output.contains("unikernel arm64, 1 CPU, 256 MiB"))
    }

    @Test("bench: threads, timers, interrupts between CPUs")
    func bench() throws {
        let ended = try run("--cpus", "2", input: "bench\nirq\npoweroff\n")
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        for line in ["context switch", "timer lateness", "IPI there and back"] { #expect(ended.output.contains(line)) }
    }

    @Test("reboot boots again, and with --no-reboot it is the end")
    func reboot() throws {
        let again = try run(input: "reboot\nuptime\npoweroff\n")
        #expect(again.ending == .exited(0))
        #expect(again.output.components(of: "unikernel arm64, 1 CPU") == 2)
        let once = try run("--no-reboot", input: "reboot\nuptime\n")
        #expect(once.ending == .exited(0))
        #expect(once.output.components(of: "unikernel arm64, 1 CPU") == 1)
    }

    @Test("panic: the guest's call stack with names, exit code 3, and a report with registers and code")
    func panicReport() throws {
        let ended = try run(input: "panic fault\n")
        #expect(ended.ending == .exited(3))
        #expect(ended.output.contains("data abort") && ended.output.contains("call stack:"))
        #expect(ended.output.contains("Shell.run"))
        for part in [
            "pc =", "esr_el1=", "code:", "    > 0x", "last exits:", "mmio write 0x91000", "last console lines:",
        ] {
            #expect(ended.errors.contains(part), "no '\(part)' in \(ended.errors)")
        }
    }

    @Test("an idle guest runs into --timeout")
    func timeout() throws {
        let ended = try Swvmm.run(["boot", "--arch", "arm64", "--timeout", "1"])
        #expect(ended.ending == .exited(124))
        #expect(ended.errors.contains("the timeout ran out"))
    }
}

extension String {
    /// How often `part` occurs.
    fileprivate func components(of part: String) -> Int {
        var count = 0
        var rest = self[...]
        while let range = rest.firstRange(of: part) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
