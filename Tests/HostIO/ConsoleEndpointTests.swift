import Glibc
import HostIO
import Testing
import VMMCore
import VMMTestSupport

@Suite(.timeLimit(.minutes(1))) struct ConsoleEndpointTests {
    private let running: RunningLoop
    private var loop: EventLoop { running.loop }

    init() throws { running = try RunningLoop() }

    private func soon() -> Nanoseconds { HostClock().now + .seconds(30) }

    // MARK: Output

    @Test("a megabyte comes out complete and in order, though the queue holds 4 KiB")
    func flood() throws {
        let ends = Ends.pipe()
        var limits = ConsoleEndpoint.Limits()
        limits.output = 4096
        let console = ConsoleEndpoint(input: nil, output: ends.near, loop: loop, limits: limits)
        let sent = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let guest = try HostThread.start(name: "guest") { for byte in sent { console.write(byte) } }
        #expect(ends.receive(sent.count) == sent)
        guest.join()
    }

    @Test("two vCPUs that print at once lose nothing")
    func twoWriters() throws {
        let ends = Ends.pipe()
        let console = ConsoleEndpoint(input: nil, output: ends.near, loop: loop)
        let guests = try [UInt8(ascii: "a"), UInt8(ascii: "b")].map { letter in
            try HostThread.start(name: "guest") { for _ in 0..<200_000 { console.write(letter) } }
        }
        let received = ends.receive(400_000)
        #expect(received.count { $0 == UInt8(ascii: "a") } == 200_000)
        for guest in guests { guest.join() }
    }

    @Test("a guest that waits for a reader who does not read is let go by shutdown")
    func shutdownEndsWaits() throws {
        let ends = Ends.pipe()
        let console = ConsoleEndpoint(input: nil, output: ends.near, loop: loop)
        // More than the pipe and the queue hold together.
        let guests = try (0..<2).map { _ in
            try HostThread.start(name: "guest") { for _ in 0..<1 << 20 { console.write(UInt8(ascii: "x")) } }
        }
        // The pipe has something: the loop is at work on it.
        #expect(ends.receive(1).count == 1)
        console.shutdown()
        for guest in guests { guest.join() }
        #expect(!console.drain(deadline: .zero))
    }

    @Test("drain writes out what is queued, also when the loop has stopped")
    func drain() throws {
        let stopped = try EventLoop()
        let ends = Ends.pipe()
        let console = ConsoleEndpoint(input: nil, output: ends.near, loop: stopped)
        console.write("goodbye")
        console.shutdown()
        #expect(console.drain(deadline: soon()))
        #expect(ends.receive(7) == Array("goodbye".utf8))
    }

    @Test("when the reader is gone output is discarded and noted, and SIGPIPE kills nobody")
    func brokenPipe() {
        let ends = Ends.pipe()
        let console = ConsoleEndpoint(input: nil, output: ends.near, loop: loop)
        ends.closeFar()
        console.write("x")
        #expect(console.drain(deadline: soon()))
        #expect(console.outputFailure == EPIPE)
        // Far more than the queue holds: nobody waits.
        for _ in 0..<200_000 { console.write(UInt8(ascii: "y")) }
        #expect(console.recentLines(1).first?.last == "y")
    }

    @Test("output to a regular file comes out whole, behind what the file had")
    func regularFile() throws {
        let file = try temporaryFile("before ")
        defer { close(file) }
        let console = ConsoleEndpoint(input: nil, output: file, loop: loop)
        console.write("after")
        #expect(console.drain(deadline: soon()))
        lseek(file, 0, SEEK_SET)
        #expect(Ends.read(100, from: file) == Array("before after".utf8))
    }

    @Test("output to a full terminal waits for it without blocking the loop")
    func fullTerminal() throws {
        let ends = Ends.terminal()
        let console = ConsoleEndpoint(input: nil, output: ends.near, loop: loop)
        let guest = try HostThread.start(name: "guest") { for _ in 0..<100_000 { console.write(UInt8(ascii: "x")) } }
        #expect(ends.receive(1).count == 1)
        running.settle()
        #expect(ends.receive(99_999).count == 99_999)
        guest.join()
    }

    @Test("the descriptors that were handed in keep their flags")
    func flags() {
        let ends = Ends.pipe()
        let console = ConsoleEndpoint(input: ends.far, output: ends.near, loop: loop)
        console.start()
        console.write("x")
        _ = console.drain(deadline: soon())
        #expect(fcntl(ends.near, F_GETFL) & O_NONBLOCK == 0)
        #expect(fcntl(ends.far, F_GETFL) & O_NONBLOCK == 0)
    }

    @Test("the last lines are kept for reports, and a guest cannot make them many bytes")
    func recentLines() {
        let ends = Ends.pipe()
        ends.closeFar()
        var limits = ConsoleEndpoint.Limits()
        limits.recent = 32
        let console = ConsoleEndpoint(input: nil, output: ends.near, loop: loop, limits: limits)
        #expect(console.recentLines(5) == [])
        console.write("one\r\n\r\ntwo\nthree\n\n")
        #expect(console.recentLines(5) == ["one", "", "two", "three"])
        #expect(console.recentLines(2) == ["two", "three"])
        #expect(console.recentLines(0) == [])
        console.write(String(repeating: "z", count: 1000) + "\nend")
        #expect(console.recentLines(5) == [String(repeating: "z", count: 28), "end"])
    }

    @Test("the tap gets each line with the time of its first byte; an endless line is cut")
    func tap() {
        let ends = Ends.pipe()
        ends.closeFar()
        let clock = ManualClock(now: Nanoseconds(5))
        let lines = Recorder<ConsoleLine>()
        let onLine: @Sendable (ConsoleLine) -> Void = { lines.record($0) }
        let console = ConsoleEndpoint(input: nil, output: ends.near, loop: loop, clock: clock, onLine: onLine)
        console.write("he")
        clock.advance(by: Nanoseconds(1))
        console.write("llo\r\n")
        console.write("again\n")
        #expect(lines.values.map(\.text) == ["hello", "again"])
        #expect(lines.values.map(\.time) == [Nanoseconds(5), Nanoseconds(6)])
        console.write(String(repeating: "z", count: 10_000))
        #expect(lines.count == 4)
    }

    // MARK: Input

    @Test("input from a pipe passes unchanged, Ctrl-a too, and its end is not the end of the console")
    func pipeInput() throws {
        let input = Ends.pipe()
        let output = Ends.pipe()
        let commands = Recorder<EscapeFilter.Command>()
        let console = ConsoleEndpoint(
            input: input.far, output: output.near, loop: loop, onCommand: { commands.record($0) })
        console.start()
        let bytes = (0..<256).map { UInt8($0) } + Array("\u{1}x".utf8)
        input.send(bytes)
        #expect(console.receive(bytes.count) == bytes)
        input.closeNear()
        // The loop sees the end before it runs what is queued afterwards, at the latest in the turn that follows.
        while !console.inputHasEnded { running.settle() }
        #expect(console.read() == nil)
        console.write("alive")
        #expect(output.receive(5) == Array("alive".utf8))
        #expect(commands.count == 0)
    }

    @Test("input beyond the queue waits in the pipe and comes complete")
    func inputBackpressure() throws {
        let input = Ends.pipe()
        var limits = ConsoleEndpoint.Limits()
        limits.input = 16
        let console = ConsoleEndpoint(input: input.far, output: 1, loop: loop, limits: limits)
        console.start()
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
        input.send(bytes)
        #expect(console.receive(bytes.count) == bytes)
    }

    @Test("a regular file as stdin is read to its end, though epoll refuses it")
    func fileInput() throws {
        let text = String(repeating: "0123456789", count: 2000)
        let file = try temporaryFile(text)
        defer { close(file) }
        lseek(file, 0, SEEK_SET)
        var limits = ConsoleEndpoint.Limits()
        limits.input = 100
        let console = ConsoleEndpoint(input: file, output: 1, loop: loop, limits: limits)
        console.start()
        #expect(console.receive(text.utf8.count) == Array(text.utf8))
        while !console.inputHasEnded { running.settle() }
    }

    @Test("/dev/null as stdin ends at once")
    func nullInput() {
        let null = unsafe open("/dev/null", O_RDONLY)
        defer { close(null) }
        let console = ConsoleEndpoint(input: null, output: 1, loop: loop)
        console.start()
        while !console.inputHasEnded { running.settle() }
        #expect(console.read() == nil)
    }

    @Test("one socket can be both ends")
    func socket() throws {
        let ends = Ends.sockets()
        let console = ConsoleEndpoint(input: ends.near, output: ends.near, loop: loop)
        console.start()
        ends.type("ping")
        #expect(console.receive(4) == Array("ping".utf8))
        console.write("pong")
        #expect(ends.receive(4) == Array("pong".utf8))
    }

    @Test("on a terminal Ctrl-a x leaves, also when the guest reads nothing and its queue is full")
    func escapeOnTerminal() throws {
        let ends = Ends.terminal()
        try setRaw(ends.near)
        var limits = ConsoleEndpoint.Limits()
        limits.input = 8
        let command = Gate()
        let commands = Recorder<EscapeFilter.Command>()
        let console = ConsoleEndpoint(
            input: ends.near, output: ends.near, loop: loop, limits: limits,
            onCommand: {
                commands.record($0)
                command.open()
            })
        console.start()
        ends.type("0123456789abcdef\u{1}x")
        command.wait()
        #expect(commands.values == [.leave])
        #expect(console.receive(8) == Array("01234567".utf8))
        ends.type("\u{1}a")
        #expect(console.receive(1) == [1])
    }

    /// Raw by hand: `TerminalMode` is one a process, and has its own tests.
    private func setRaw(_ descriptor: Int32) throws {
        var mode = termios()
        try #require(unsafe tcgetattr(descriptor, &mode) == 0)
        unsafe cfmakeraw(&mode)
        try #require(unsafe tcsetattr(descriptor, TCSANOW, &mode) == 0)
    }

    private func temporaryFile(_ text: String) throws -> Int32 {
        var path = Array("/tmp/swvmm-test-XXXXXX".utf8CString)
        let file = unsafe mkstemp(&path)
        try #require(file >= 0)
        unsafe unlink(&path)
        Ends.write(Array(text.utf8), to: file)
        return file
    }
}
