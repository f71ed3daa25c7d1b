internal import Testing

/// `--trace` on the unikernel.
@Suite struct TraceTests {
    private let directory: TemporaryDirectory
    private var file: String { "\(directory.path)/trace" }

    init() throws { directory = try TemporaryDirectory() }

    /// The lines of a run that ends well, as their words: time, vCPU, kind, and the rest.
    private func trace(_ kinds: String, _ arguments: String..., input: String = "uptime\npoweroff\n") throws
        -> [[String]]
    {
        let ended = try Swvmm.run(
            ["boot", "--accel", "software", "--trace", kinds, "--trace-file", file, "--timeout", "55"] + arguments,
            input: .text(input))
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        return try HostText.read(file).split(separator: "\n").map { line in
            line.split(separator: " ").map { String($0) }
        }
    }

    @Test("exec with a range: each instruction there once, in order, with its disassembly, and no other")
    func exec() throws {
        let lines = try trace("exec", "--trace-range", "0x40200800-0x40200820")
        #expect(lines.count >= 5)
        #expect(lines.allSatisfy { $0[1] == "cpu0" && $0[2] == "exec" && $0[5].hasPrefix("00000000402008") })
        // The entry: it masks interrupts, keeps x0, and branches on.
        #expect(lines[0][3...] == ["#0", "EL1", "0000000040200800", "d5034fdf", "msr", "daifset,", "#0xf"])
        #expect(lines[1][3] == "#1" && lines[1][5] == "0000000040200804")
        #expect(Set(lines.map { $0[3] }).count == lines.count)
    }

    @Test("exceptions, irq, psci, mmio and timers: what was taken is returned from, what was acknowledged ends")
    func events() throws {
        let lines = try trace("exceptions,irq,psci,mmio,timers", "--cpus", "2", input: "bench\npoweroff\n")
        func count(_ kind: String, _ words: String...) -> Int {
            lines.count { line in line[2] == kind && words.allSatisfy { line.joined(separator: " ").contains($0) } }
        }
        #expect(Set(lines.map { $0[2] }) == ["exceptions", "irq", "psci", "mmio", "timers"])
        #expect(count("exceptions", "taken", ": IRQ") > 0)
        // The machine may end inside one, on each vCPU.
        #expect(abs(count("exceptions", "taken") - count("exceptions", "return")) <= 2)
        #expect(count("irq", "acknowledged INTID") - count("irq", "ended INTID") <= 2)
        #expect(count("irq", "sent SGI") > 0)
        #expect(count("psci", "CPU_ON64(0x1,", "= 0x0") == 1)
        #expect(count("psci", "SYSTEM_OFF(") == 1)
        #expect(count("mmio", "GICDistributor") > 0)
        #expect(count("timers", "write", "CVAL_EL0") > 0)
        let times = lines.compactMap { Double($0[0]) }
        #expect(times.count == lines.count)
    }

    @Test("a data abort is told in words, with its address")
    func fault() throws {
        let ended = try Swvmm.run(
            ["boot", "--arch", "arm64", "--trace", "exceptions", "--trace-file", file, "--timeout", "55"],
            input: .text("panic fault\n"))
        #expect(ended.ending == .exited(3))
        let text = try HostText.read(file)
        #expect(
            text.contains(": data abort on a ") && text.contains("fault, level ") && text.contains(", FAR 0x"),
            "\(text.suffix(500))")
    }

    @Test("with KVM device accesses are traced, ports too", .needsKVM)
    func kvm() throws {
        let ended = try Swvmm.run(
            ["boot", "--arch", "x86_64", "--trace", "mmio", "--trace-file", file, "--timeout", "55"],
            input: .text("poweroff\n"))
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        #expect(try HostText.read(file).contains("write 32-bit port 0x220 BVMConsole 0x75"))
    }

    @Test("a trace that cannot be written: at once when it is known, else at the end, with the lines lost")
    func unwritable() throws {
        let early = try Swvmm.run(
            "boot", "--arch", "arm64", "--trace", "mmio", "--trace-file", "\(directory.path)/none/trace")
        #expect(early.ending == .exited(1))
        #expect(early.errors.contains("--trace-file: \(directory.path)/none/trace: cannot be written: No such file"))
        let late = try Swvmm.run(
            "boot", "--arch", "arm64", "--trace", "mmio", "--trace-file", "/dev/full", "--timeout", "55",
            input: .text("poweroff\n"))
        #expect(late.ending == .exited(1))
        #expect(
            late.errors.contains("/dev/full: cannot be written") && late.errors.contains("lines of the trace are lost"))
    }

    @Test(
        "bad options are refused: an unknown kind names those there are",
        .enabled(if: HostKVM.isAvailable, HostKVM.reason))
    func refusals() throws {
        func refuses(_ arguments: [String], code: Int32 = 2, _ words: String...) throws {
            let ended = try Swvmm.run(["boot"] + arguments)
            #expect(ended.ending == .exited(code), "\(ended.errors)")
            for word in words { #expect(ended.errors.contains(word), "no '\(word)' in \(ended.errors)") }
            #expect(ended.output == "")
        }
        try refuses(
            ["--trace", "exec,colours", "--trace-file", file], "'exec,colours'", "exceptions", "psci", "timers")
        try refuses(["--trace", "", "--trace-file", file], "--trace")
        try refuses(["--trace", "exec"], "--trace: needs --trace-file")
        try refuses(["--trace-file", file], "--trace-file: needs --trace")
        try refuses(["--trace-range", "0-1"], "--trace-range: needs --trace")
        try refuses(["--trace", "mmio", "--trace-file", file, "--trace-range", "9-3"], "'9-3'")
        try refuses(
            ["--arch", "x86_64", "--accel", "kvm", "--trace", "exec,mmio,irq", "--trace-file", file], code: 1,
            "--trace exec,irq: not seen with KVM", "--accel software")
        #expect(directory.names.isEmpty)
    }
}
