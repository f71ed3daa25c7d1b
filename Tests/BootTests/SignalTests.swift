internal import Glibc
internal import Testing

/// Ways out that come from outside: signals, and the keys of the terminal.
@Suite(.needsKVM) struct SignalTests {
    private static let prompt = "unikernel> "

    private func boot() throws -> (run: Swvmm, terminal: PseudoTerminal, before: PseudoTerminal.Mode) {
        let run = try Swvmm(["boot", "--timeout", "60"], input: .terminal)
        let terminal = try #require(run.terminal)
        // swvmm has not opened it yet, or has: the mode before is that of a fresh terminal.
        let before = try PseudoTerminal().mode
        try run.expect(Self.prompt)
        return (run, terminal, before)
    }

    @Test("INT and TERM: exit code 128 + n, the terminal as it was", arguments: [SIGINT, SIGTERM, SIGHUP])
    func termination(signal: Int32) throws {
        let (run, terminal, before) = try boot()
        #expect(!terminal.mode.isCanonical)
        run.process.send(signal)
        let ended = try run.finish()
        #expect(ended.ending == .exited(128 + signal))
        #expect(terminal.mode == before)
        #expect(ended.leavesNothing)
    }

    @Test("a signal reaches a guest that spins, without a terminal", arguments: [SIGINT, SIGTERM])
    func spinningGuest(signal: Int32) throws {
        let directory = try TemporaryDirectory()
        let image = try X86Code { code in
            code.print("ready")
            code.spin()
        }.write(to: directory)
        let run = try Swvmm(["boot", image, "--timeout", "60"])
        try run.expect("ready")
        run.process.send(signal)
        let ended = try run.finish()
        #expect(ended.ending == .exited(128 + signal))
        #expect(ended.leavesNothing)
    }

    @Test("a crash of swvmm's own gives the terminal back", arguments: [SIGSEGV, SIGABRT])
    func crash(signal: Int32) throws {
        let (run, terminal, before) = try boot()
        run.process.send(signal)
        let ended = try run.finish()
        #expect(ended.ending == .signaled(signal))
        #expect(terminal.mode == before)
    }

    @Test("poweroff, a panic and a timeout give the terminal back", arguments: ["poweroff\r", "panic\r"])
    func guestEnds(command: String) throws {
        let (run, terminal, before) = try boot()
        try run.send(command)
        let ended = try run.finish()
        #expect(ended.ending == .exited(command.hasPrefix("panic") ? 3 : 0))
        #expect(terminal.mode == before)
    }

    @Test("an image that cannot be booted leaves the terminal alone")
    func refusedImage() throws {
        let directory = try TemporaryDirectory()
        let before = try PseudoTerminal().mode
        let run = try Swvmm(["boot", try directory.file("empty", [])], input: .terminal)
        let ended = try run.finish()
        #expect(ended.ending == .exited(1))
        #expect(try #require(run.terminal).mode == before)
    }

    @Test("Ctrl-a x leaves with exit code 0")
    func leave() throws {
        let (run, terminal, before) = try boot()
        try run.send("\u{1}x")
        let ended = try run.finish()
        #expect(ended.ending == .exited(0))
        #expect(terminal.mode == before)
        #expect(ended.leavesNothing)
    }

    @Test("Ctrl-a x leaves a guest that never reads its input")
    func leaveSpinningGuest() throws {
        let directory = try TemporaryDirectory()
        let image = try X86Code { code in
            code.print("ready")
            code.spin()
        }.write(to: directory)
        let run = try Swvmm(["boot", image, "--timeout", "60"], input: .terminal)
        try run.expect("ready")
        try run.send(String(repeating: "k", count: 3_000) + "\u{1}x")
        #expect(try run.finish().ending == .exited(0))
    }

    @Test("Ctrl-a x leaves a guest that floods a terminal which nobody reads")
    func leaveFloodingGuest() throws {
        let directory = try TemporaryDirectory()
        let image = try X86Code { code in code.forever { $0.out(0x220, 0x61, bits: 32) } }.write(to: directory)
        let run = try Swvmm(["boot", image, "--timeout", "60"], input: .terminal)
        let before = try PseudoTerminal().mode
        try run.expect("aaaa")
        try run.send("\u{1}x")
        #expect(try run.finish(reading: false).ending == .exited(0))
        #expect(try #require(run.terminal).mode == before)
    }

    @Test("Ctrl-a h helps, and the guest goes on")
    func help() throws {
        let (run, _, _) = try boot()
        try run.send("\u{1}h")
        try run.expect("Ctrl-a x leaves", in: .errors)
        try run.send("poweroff\r")
        #expect(try run.finish().ending == .exited(0))
    }

    @Test("Ctrl-a i shows each vCPU's registers, and the guest goes on")
    func showState() throws {
        let run = try Swvmm(["boot", "--cpus", "2", "--timeout", "60"], input: .terminal)
        try run.expect(Self.prompt)
        for _ in 0..<3 {
            try run.send("\u{1}i")
            try run.expect("vCPU 0 after", in: .errors)
            try run.expect("rip=", in: .errors)
            try run.expect("vCPU 1 after", in: .errors)
            try run.expect("rip=", in: .errors)
        }
        try run.send("uptime\r")
        try run.expect("2 CPUs")
        try run.send("poweroff\r")
        #expect(try run.finish().ending == .exited(0))
    }

    @Test("Ctrl-a i of CPUs that were never started, and of one that is halted for good")
    func showIdleState() throws {
        let directory = try TemporaryDirectory()
        let image = try X86Code { code in
            code.print("ready")
            code.halt()
        }.write(to: directory)
        let run = try Swvmm(["boot", image, "--cpus", "3", "--timeout", "60"], input: .terminal)
        try run.expect("ready")
        for _ in 0..<2 {
            try run.send("\u{1}i")
            try run.expect("vCPU 2 after", in: .errors)
        }
        try run.send("\u{1}x")
        #expect(try run.finish().ending == .exited(0))
    }

    @Test("Ctrl-a a passes Ctrl-a to the guest: its line editor goes to the start of the line")
    func passesPrefix() throws {
        let (run, _, _) = try boot()
        try run.send("ime\u{1}aupt\r")
        try run.expect("ready in")
        try run.send("poweroff\r")
        #expect(try run.finish().ending == .exited(0))
    }

    @Test("from a pipe Ctrl-a is a byte like others")
    func pipePassesPrefix() throws {
        let ended = try Swvmm.run("boot", "--timeout", "60", input: .text("x\u{1}\u{B}poweroff\n"))
        #expect(ended.ending == .exited(0))
    }
}
