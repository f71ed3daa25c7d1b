internal import Glibc
internal import Testing

/// `--gdb` with gdb itself, on both backends.
@Suite(.needsGDB) struct GDBTests {
    private let directory: TemporaryDirectory
    private var socket: String { "\(directory.path)/gdb" }

    init() throws { directory = try TemporaryDirectory() }

    private func start(_ architecture: String, _ arguments: String...) throws -> Swvmm {
        let run = try Swvmm(
            ["boot", "--arch", architecture, "--gdb", "unix:\(socket)", "--wait", "--timeout", "55"] + arguments,
            input: .text("uptime\npoweroff\n"))
        try run.expect("target remote", in: .errors)
        return run
    }

    @Test("breakpoint by name, backtrace, steps, registers, memory, threads; then the guest runs to its end: arm64")
    func arm64Session() throws { try session("arm64") }

    @Test(
        "breakpoint by name, backtrace, steps, registers, memory, threads; then the guest runs to its end: KVM",
        .needsKVM)
    func kvmSession() throws { try session("x86_64") }

    private func session(_ architecture: String) throws {
        let symbols = try #require(GDB.unikernel(architecture), "the unikernel's build left no file with symbols")
        let run = try start(architecture, "--cpus", "2")
        let text = try GDB.run(
            [
                "info threads", "hbreak thread_main", "continue", "backtrace", "print/x $pc", "x/2i $pc", "stepi",
                "info symbol $pc", "print $sp", "x/2gx $sp", "info threads", "delete", "continue",
            ], on: socket, symbols: symbols)
        #expect(text.contains("Thread 1 \"vcpu0\"") && text.contains("Thread 2 \"vcpu1\""), "\(text)")
        #expect(text.contains("hit Breakpoint 1,") && text.contains("in thread_main ()"), "\(text)")
        #expect(text.contains("#0  ") && text.contains("=> 0x"), "\(text)")
        // The step went where the instruction shown before leads.
        #expect(text.contains("<thread_main+") && text.contains("finishSwitch"), "\(text)")
        // W00: the guest powered off.
        #expect(text.contains("exited normally"), "\(text)")
        let ended = try run.finish()
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        #expect(ended.output.contains("unikernel \(architecture), 2 CPUs"))
    }

    @Test(
        "a software breakpoint, a watchpoint with the old and the new value, and writing registers and memory on arm64")
    func watch() throws {
        let symbols = try #require(GDB.unikernel("arm64"))
        let run = try start("arm64")
        let text = try GDB.run(
            [
                "break kernel_main", "continue", "watch *(unsigned long *)&kernel_ttbr0", "info watchpoints",
                "set var $x9 = 0x1234", "print/x $x9", "set {unsigned char}0x44000000 = 0x5a",
                "print/x {unsigned char}0x44000000",
                "set $v1.q.u[0] = 7", "print $v1.q.u", "print/x $sctlr_el1 & 1", "monitor info", "delete", "continue",
            ], on: socket, symbols: symbols)
        #expect(text.contains("Breakpoint 1, ") && text.contains("in kernel_main ()"), "\(text)")
        #expect(text.contains("Hardware watchpoint 2"), "\(text)")
        #expect(text.contains("= 0x1234") && text.contains("= 0x5a") && text.contains("= {7}"), "\(text)")
        #expect(text.contains("1 vCPUs, 256 MiB of memory, aarch64"), "\(text)")
        #expect(text.contains("exited normally"), "\(text)")
        #expect(try run.finish().ending == .exited(0))
    }

    @Test("a fifth hardware breakpoint on KVM is refused, and the four work", .needsKVM)
    func fifthBreakpoint() throws {
        let symbols = try #require(GDB.unikernel("x86_64"))
        let run = try start("x86_64")
        let text = try GDB.run(
            [
                "hbreak thread_main", "hbreak memset", "hbreak memcpy", "hbreak heap_allocate", "hbreak heap_free",
                "continue", "delete 5", "continue", "delete", "continue",
            ], on: socket, symbols: symbols)
        #expect(text.contains("Could not insert hardware breakpoint"), "\(text)")
        #expect(text.contains("Breakpoint 2, "), "\(text)")
        #expect(text.contains("exited normally"), "\(text)")
        #expect(try run.finish().ending == .exited(0))
    }

    @Test("gdb sees where a guest crashes before it ends, and the exit code behind it")
    func crash() throws {
        let run = try Swvmm(
            ["boot", "--arch", "arm64", "--gdb", "unix:\(socket)", "--wait", "--timeout", "55"],
            input: .text("panic\n"))
        try run.expect("target remote", in: .errors)
        let text = try GDB.run(["continue"], on: socket)
        #expect(text.contains("exited with code 03"), "\(text)")
        #expect(try run.finish().ending == .exited(3))
    }

    @Test("a reset keeps the connection and the breakpoints")
    func reset() throws {
        let symbols = try #require(GDB.unikernel("arm64"))
        let run = try Swvmm(
            ["boot", "--arch", "arm64", "--gdb", "unix:\(socket)", "--wait", "--timeout", "55"],
            input: .text("reboot\npoweroff\n"))
        try run.expect("target remote", in: .errors)
        let text = try GDB.run(
            ["hbreak kernel_main", "continue", "print 1111", "continue", "print 2222", "continue"], on: socket,
            symbols: symbols)
        #expect(text.contains("= 1111") && text.contains("= 2222"), "\(text)")
        #expect(text.split(separator: "Breakpoint 1, ", omittingEmptySubsequences: false).count == 3, "\(text)")
        #expect(text.contains("exited normally"), "\(text)")
        #expect(try run.finish().ending == .exited(0))
    }

    @Test("detaching takes the breakpoints away and lets the guest go on")
    func detach() throws {
        let symbols = try #require(GDB.unikernel("arm64"))
        let run = try start("arm64")
        let text = try GDB.run(["hbreak thread_main", "hbreak heap_allocate", "detach"], on: socket, symbols: symbols)
        #expect(text.contains("detached"), "\(text)")
        #expect(try run.finish().ending == .exited(0))
    }
}

/// `--gdb` with a debugger that does what gdb does not.
@Suite struct RemoteDebuggerTests {
    private let directory: TemporaryDirectory
    private var socket: String { "\(directory.path)/gdb" }

    init() throws { directory = try TemporaryDirectory() }

    @Test("--wait: nothing runs before the debugger says so")
    func waits() throws {
        let run = try Swvmm(
            ["boot", "--arch", "arm64", "--gdb", "unix:\(socket)", "--wait", "--timeout", "55"], input: .pipe)
        try run.expect("target remote", in: .errors)
        var debugger: RemoteDebugger? = try RemoteDebugger(path: socket)
        #expect(try debugger?.ask("?") == "T02thread:1;")
        // The PC is the entry's: the first instruction is not executed yet.
        #expect(run.text(.output) == "")
        _ = consume debugger
        debugger = nil
        // The connection's end lets it go.
        try run.expect("unikernel> ")
        try run.send("poweroff\n")
        #expect(try run.finish().ending == .exited(0))
    }

    @Test("a debugger that comes later stops the guest; Ctrl-C stops it again, also when its vCPUs sleep or are off")
    func interrupt() throws {
        let run = try Swvmm(
            ["boot", "--arch", "arm64", "--cpus", "3", "--gdb", "unix:\(socket)", "--timeout", "55"], input: .pipe)
        try run.expect("unikernel> ")
        let debugger = try RemoteDebugger(path: socket)
        #expect(try debugger.ask("?") == "T02thread:1;")
        for _ in 0..<20 {
            try debugger.send("vCont;c")
            try debugger.send(raw: [3])
            #expect(try debugger.receive() == "T02thread:1;")
        }
        for thread in 1...3 {
            #expect(try debugger.ask("Hg\(thread)") == "OK")
            #expect(try debugger.ask("p20")?.utf8.count == 16)
        }
        #expect(try debugger.ask("D") == "OK")
        try run.send("poweroff\n")
        #expect(try run.finish().ending == .exited(0))
    }

    @Test("a debugger that vanishes leaves no breakpoint behind, and the next one can come")
    func vanishes() throws {
        let run = try Swvmm(
            ["boot", "--arch", "arm64", "--gdb", "unix:\(socket)", "--timeout", "55"], input: .pipe)
        try run.expect("unikernel> ")
        for running in [false, true] {
            let debugger = try RemoteDebugger(path: socket)
            let count = try #require(try debugger.ask("p20"))
            #expect(count.utf8.count == 16)
            // Breakpoints all over the page of the PC.
            let pc = try #require(UInt64(Self.swapped(count), radix: 16))
            for offset in UInt64(0)..<64 {
                #expect(try debugger.ask("Z1,\(String(pc &+ offset * 4, radix: 16)),4") == "OK")
            }
            if running {
                try debugger.send("vCont;c")
            }
        }
        try run.send("uptime\npoweroff\n")
        let ended = try run.finish()
        #expect(ended.ending == .exited(0), "\(ended.errors)")
    }

    @Test("garbage from a client changes nothing")
    func garbage() throws {
        let run = try Swvmm(
            ["boot", "--arch", "arm64", "--gdb", "unix:\(socket)", "--timeout", "55"], input: .pipe)
        try run.expect("unikernel> ")
        for text in [
            String(repeating: "$", count: 100_000), "GET / HTTP/1.1\r\n\r\n",
            "$" + String(repeating: "x", count: 70_000),
        ] {
            let debugger = try RemoteDebugger(path: socket)
            try debugger.send(raw: Array(text.utf8))
            #expect(try debugger.ask("qAttached") != nil)
        }
        try run.send("poweroff\n")
        #expect(try run.finish().ending == .exited(0))
    }

    @Test("the socket goes with swvmm, and one that a dead process left is replaced")
    func socketFile() throws {
        let left = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try Loopback.bind(left, toPath: socket)
        close(left)
        #expect(directory.names == ["gdb"])
        let ended = try Swvmm.run(
            "boot", "--arch", "arm64", "--gdb", "unix:\(socket)", "--timeout", "55", input: .text("poweroff\n"))
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        #expect(directory.names.isEmpty)
    }

    @Test("bad debugger addresses are refused, each with the reason")
    func badAddresses() throws {
        func refuses(_ arguments: [String], code: Int32, _ words: String) throws {
            let ended = try Swvmm.run(["boot", "--arch", "arm64"] + arguments)
            #expect(ended.ending == .exited(code), "\(ended.errors)")
            #expect(ended.errors.contains(words), "\(ended.errors)")
            #expect(ended.output == "")
        }
        let (listener, port) = try Loopback.listen()
        defer { close(listener) }
        try refuses(["--gdb", "\(port)"], code: 1, "--gdb: port \(port) of 127.0.0.1 is in use")
        let file = try directory.file("file", [1])
        try refuses(["--gdb", "unix:\(file)"], code: 1, "\(file): exists and is no socket")
        #expect(try HostText.read(file) == "\u{1}")
        try refuses(["--gdb", "unix:\(directory.path)/none/gdb"], code: 1, "--gdb: No such file")
        try refuses(
            ["--gdb", "unix:/\(String(repeating: "x", count: 200))"], code: 1, "a path of 1 to 107 bytes is wanted")
        let server = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(server) }
        try Loopback.bind(server, toPath: socket)
        #expect(Glibc.listen(server, 1) == 0)
        try refuses(["--gdb", "unix:\(socket)"], code: 1, "another process listens there")
        try refuses(["--wait"], code: 2, "--wait: needs --gdb")
        for text in ["0", "70000", "x", "unix:", ""] { try refuses(["--gdb", text], code: 2, "--gdb") }
    }

    /// Eight bytes in hexadecimal digits, the other way round.
    private static func swapped(_ text: String) -> String {
        let digits = Array(text)
        return stride(from: digits.count - 2, through: 0, by: -2).map { String(digits[$0...($0 + 1)]) }.joined()
    }
}
