internal import Testing

/// `--deterministic`: whole machines whose runs are compared byte by byte and instruction by instruction.
@Suite struct RepeatableRunTests {
    private static let dialogue = ["uptime\n", "trace on\n", "cpus\n", "irq\n", "trace show 20\n", "poweroff\n"]

    private func arguments(_ cpus: Int, _ console: String = "bvm", _ more: [String] = []) -> [String] {
        ["boot", "--arch", "arm64", "--deterministic", "-v", "--cpus", "\(cpus)", "--console", console] + more
    }

    /// The line that tells instructions and virtual time.
    private func counts(_ ended: Ended) throws -> String {
        try #require(
            ended.errors.split(separator: "\n").last { $0.contains("instructions: ") }.map(String.init),
            "\(ended.errors)")
    }

    @Test(
        "runs side by side, which take the host's CPUs from each other, print and count the same",
        arguments: [1, 2, 4], ["bvm", "serial"])
    func sideBySide(cpus: Int, console: String) throws {
        let text = Self.dialogue.joined()
        let runs = try (0..<4).map { _ in try Swvmm(arguments(cpus, console), input: .text(text)) }
        let ends = try runs.map { try $0.finish() }
        for ended in ends {
            #expect(ended.ending == .exited(0), "\(ended.errors)")
            #expect(ended.output == ends[0].output)
            #expect(try counts(ended) == counts(ends[0]))
        }
        #expect(ends[0].output.contains("\(cpus) CPU"))
        #expect(ends[0].output.contains("up "))
    }

    @Test("the guest's last words come before what is said of its end, where both go to one place")
    func oneStream() throws {
        let text = Self.dialogue.joined()
        let runs = try (0..<8).map { _ in
            try Swvmm(arguments(2), input: .text(text), launcher: ["/bin/sh", "-c", #"exec "$0" "$@" 2>&1"#])
        }
        for run in runs {
            let ended = try run.finish()
            let last = try #require(ended.output.split(whereSeparator: \.isNewline).last)
            #expect(last.hasPrefix("swvmm: instructions: "), "\(ended.output.suffix(300))")
        }
    }

    @Test("how the writer of the input times its bytes changes nothing", arguments: ["bvm", "serial"])
    func dribbles(console: String) throws {
        let atOnce = try Swvmm.run(arguments(2, console), input: .text(Self.dialogue.joined()))
        // A line when the guest asks for it.
        let byLine = try Swvmm(arguments(2, console), input: .pipe)
        for line in Self.dialogue {
            try byLine.expect("unikernel> ")
            try byLine.send(line)
        }
        // A byte when the guest has echoed the one before.
        let byByte = try Swvmm(arguments(2, console), input: .pipe)
        for line in Self.dialogue {
            try byByte.expect("unikernel> ")
            for character in line.dropLast() {
                try byByte.send(String(character))
                try byByte.expect(String(character))
            }
            try byByte.send("\n")
        }
        for ended in [try byLine.finish(), try byByte.finish()] {
            #expect(ended.ending == .exited(0), "\(ended.errors)")
            #expect(ended.output == atOnce.output)
            #expect(try counts(ended) == counts(atOnce))
        }
    }

    @Test("a reset starts the next machine, and both repeat")
    func resets() throws {
        let ends = try (0..<2).map { _ in
            try Swvmm.run(arguments(2), input: .text("uptime\nreboot\nuptime\npoweroff\n"))
        }
        #expect(ends[0].ending == .exited(0), "\(ends[0].errors)")
        #expect(ends[0].output == ends[1].output)
        #expect(ends[0].output.split(separator: "unikernel arm64, 2 CPU").count >= 2)
        #expect(try counts(ends[0]) == counts(ends[1]))
    }

    @Test("--max-instructions ends the run with 124, at the same instruction, with the same report")
    func limit() throws {
        let ends = try (0..<2).map { _ in
            try Swvmm.run(arguments(2, "bvm", ["--max-instructions", "100000"]), input: .nothing)
        }
        #expect(ends[0].ending == .exited(124), "\(ends[0].errors)")
        #expect(ends[0].errors.contains("the limit of instructions was reached"))
        #expect(ends[0].output == ends[1].output)
        func report(_ ended: Ended) -> [Substring] {
            ended.errors.split(separator: "\n").filter { !$0.contains("entering the guest at") }
        }
        #expect(report(ends[0]) == report(ends[1]))
        let total = try #require(try counts(ends[0]).split(separator: " ").compactMap { Int($0) }.first)
        #expect((100_000...100_063).contains(total))
    }

    @Test("a machine that stops while it waits for input ends at once")
    func stopsWhileWaiting() throws {
        let run = try Swvmm(arguments(1), input: .pipe)
        try run.expect("unikernel> ")
        run.process.send(15)
        #expect(try run.finish().ending == .exited(143))
    }

    @Test("at a terminal it works, and says that such a run does not repeat")
    func terminal() throws {
        let run = try Swvmm(arguments(1), input: .terminal)
        try run.expect("this run does not repeat exactly", in: .errors)
        try run.expect("unikernel> ")
        try run.send("uptime\n")
        try run.expect("up ")
        try run.send("poweroff\n")
        #expect(try run.finish().ending == .exited(0))
    }

    @Test(
        "options that make no sense are usage errors",
        arguments: [
            (["--deterministic", "--accel", "kvm"], "software CPU"), (["--seed", "1"], "--seed needs --deterministic"),
            (["--deterministic", "--gdb", "4000"], "--gdb cannot"),
            (["--max-instructions", "1"], "needs --deterministic"),
            (["--deterministic", "--max-instructions", "0"], "at least 1"),
            (["--deterministic", "--start-of-day", "99999999999"], "seconds since 1970"),
        ])
    func usage(options: [String], words: String) throws {
        let ended = try Swvmm.run(["boot", "--arch", "arm64"] + options)
        #expect(ended.ending == .exited(2))
        #expect(ended.errors.contains(words), "\(ended.errors)")
    }

    @Test("an x86_64 guest has no software CPU to be repeated on")
    func x86() throws {
        let ended = try Swvmm.run(["boot", "--arch", "x86_64", "--deterministic"])
        #expect(ended.ending == .exited(1))
        #expect(ended.errors.contains("x86_64"), "\(ended.errors)")
    }
}
