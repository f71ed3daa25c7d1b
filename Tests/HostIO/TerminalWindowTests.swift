import Glibc
import HostIO
import Testing
import VMMCore
import VMMTestSupport

@Suite(.timeLimit(.minutes(1))) struct TerminalWindowTests {
    private func setSize(_ terminal: Ends, columns: UInt16, rows: UInt16) {
        var window = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        #expect(unsafe ioctl(terminal.far, UInt(TIOCSWINSZ), &window) == 0)
    }

    @Test("the size at the start, and each change of it, on the loop's thread")
    func changes() throws {
        let terminal = Ends.terminal()
        setSize(terminal, columns: 132, rows: 43)
        let sizes = Recorder<ConsoleSize>()
        let errors = Recorder<SignalSourceError>()
        let loop = try EventLoop()
        // All on one thread: a signal to the process could reach one of the test's other threads, which ignores it.
        try HostThread.start(name: "test") {
            do throws(SignalSourceError) {
                guard let window = try TerminalWindow(descriptor: terminal.near, loop: loop) else { return }
                if let size = window.size { sizes.record(size) }
                window.setHandler { size in
                    sizes.record(size)
                    loop.stop()
                }
                self.setSize(terminal, columns: 80, rows: 24)
                loop.perform { raise(SIGWINCH) }
                withExtendedLifetime(window) { loop.run() }
            } catch let failure {
                errors.record(failure)
            }
        }.join()
        #expect(errors.count == 0)
        #expect(sizes.values == [ConsoleSize(columns: 132, rows: 43), ConsoleSize(columns: 80, rows: 24)])
    }

    @Test("a pipe has no window, nor has a terminal that knows no size")
    func noWindow() throws {
        let loop = try EventLoop()
        let pipe = Ends.pipe()
        #expect(try TerminalWindow(descriptor: pipe.near, loop: loop) == nil)
        let terminal = Ends.terminal()
        setSize(terminal, columns: 0, rows: 0)
        #expect(try TerminalWindow(descriptor: terminal.near, loop: loop) == nil)
    }
}

@Suite struct HostEntropyTests {
    @Test("the range is filled, also beyond what comes at once, and nothing else")
    func range() {
        var bytes = [UInt8](repeating: 0, count: 5000)
        HostEntropy().fill(&bytes, 10..<4990)
        #expect(bytes[..<10].allSatisfy { $0 == 0 } && bytes[4990...].allSatisfy { $0 == 0 })
        // A run of 64 zeros somewhere in good random bytes has a chance of less than 2^-490.
        for start in stride(from: 10, to: 4990 - 64, by: 64) {
            #expect(!bytes[start..<start + 64].allSatisfy { $0 == 0 })
        }
        HostEntropy().fill(&bytes, 3..<3)
        #expect(bytes[3] == 0)
    }
}
