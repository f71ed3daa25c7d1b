import Glibc
import HostBridge
import HostIO
import Testing

/// One terminal at a time in a process, and signal actions are the process's: one test after the other.
@Suite(.serialized, .timeLimit(.minutes(1))) struct TerminalModeTests {
    private let ends = Ends.terminal()

    private func mode() -> [UInt32] {
        var mode = termios()
        #expect(unsafe tcgetattr(ends.near, &mode) == 0)
        return [mode.c_iflag, mode.c_oflag, mode.c_lflag, mode.c_cflag]
    }

    private let rawOff = UInt32(ICANON | ECHO | ISIG | IEXTEN)

    @Test("raw mode passes each key, and keeps output processing")
    func raw() throws {
        let before = mode()
        let terminal = try TerminalMode(raw: ends.near)
        #expect(mode()[2] & rawOff == 0)
        #expect(mode()[1] == before[1])
        terminal.restore()
        #expect(mode() == before)
        terminal.restore()
        #expect(mode() == before)
    }

    @Test("the mode comes back with the end of the object, as on a thrown error")
    func scope() throws {
        let before = mode()
        do {
            let terminal = try TerminalMode(raw: ends.near)
            #expect(mode() != before)
            _ = consume terminal
        }
        #expect(mode() == before)
    }

    @Test("what is no terminal is refused, and so is a second one")
    func refusals() throws {
        let pipe = Ends.pipe()
        #expect(throws: TerminalError.notATerminal(pipe.near)) { try TerminalMode(raw: pipe.near) }
        #expect(throws: TerminalError.hostRefused(errno: EBADF)) { try TerminalMode(raw: -1) }
        let first = try TerminalMode(raw: ends.near)
        let other = Ends.terminal()
        #expect(throws: TerminalError.alreadyRaw) { try TerminalMode(raw: other.near) }
        first.restore()
        try TerminalMode(raw: other.near).restore()
    }

    @Test(
        "a signal that ends a process restores the terminal, and then takes its earlier action",
        arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS])
    func signals(number: Int32) throws {
        // The earlier action here survives the signal; the default one would end this process in the same place.
        unsafe signalsTaken = 0
        let earlier = signal(number) { _ in unsafe signalsTaken += 1 }
        defer { _ = signal(number, earlier) }
        let before = mode()
        let terminal = try TerminalMode(raw: ends.near)
        #expect(mode() != before)
        // Threads of Swift's pool block most signals.
        var open = sigset_t()
        var blocked = sigset_t()
        unsafe sigemptyset(&open)
        unsafe sigaddset(&open, number)
        unsafe pthread_sigmask(SIG_UNBLOCK, &open, &blocked)
        defer { unsafe _ = pthread_sigmask(SIG_SETMASK, &blocked, nil) }
        raise(number)
        #expect(mode() == before)
        #expect(unsafe signalsTaken == 1)
        terminal.restore()
    }

    @Test("a signal that was ignored stays ignored: nohup works")
    func ignored() throws {
        let earlier = signal(SIGHUP, SIG_IGN)
        defer { _ = signal(SIGHUP, earlier) }
        let terminal = try TerminalMode(raw: ends.near)
        let raw = mode()
        // To the process: whichever thread takes it ignores it.
        kill(getpid(), SIGHUP)
        #expect(mode() == raw)
        terminal.restore()
    }
}

/// Written by a signal handler on the test's own thread.
private nonisolated(unsafe) var signalsTaken = 0
