internal import Glibc
package import VMMCore

/// A console on two descriptors of the process, most often stdin and stdout.
///
/// Output goes through a bounded queue to the event loop; a guest that prints faster than the reader reads waits, until
/// `shutdown()`. When the reader is gone (EPIPE, EIO) output is discarded from then on. Input ends with its file or pipe,
/// and the guest goes on without. On a terminal, Ctrl-a commands are taken out (`EscapeFilter`); other input passes
/// unchanged. SIGPIPE is ignored in the whole process once a console exists.
///
/// Threading: any thread. `write` and `read` allocate nothing.
package final class ConsoleEndpoint: CharacterChannel {
    /// Sizes of the queues, in bytes: what a guest can make the host hold.
    package struct Limits: Sendable {
        package var output = 64 << 10
        package var input = 64 << 10
        /// Kept of the output for reports.
        package var recent = 16 << 10

        package init() {}
    }

    private let output: OutputQueue
    private let input: InputQueue
    private let transcript: Transcript
    private let inputDescriptor: HostDescriptor?

    /// - Parameters:
    ///   - input: what the user types; nil: no input at all. Both descriptors stay the caller's.
    ///   - onCommand: called on the loop's thread for a Ctrl-a command. Used only when `input` is a terminal.
    ///   - onLine: called for each line of output, on the thread that completed it.
    package init(
        input: Int32?, output: Int32, loop: EventLoop, limits: Limits = Limits(), clock: any Clock = HostClock(),
        onCommand: (@Sendable (EscapeFilter.Command) -> Void)? = nil,
        onLine: (@Sendable (ConsoleLine) -> Void)? = nil
    ) {
        // A write to a closed pipe shall be an error, not the end of the machine.
        _ = signal(SIGPIPE, SIG_IGN)
        let isTerminal = input.map { isatty($0) == 1 } ?? false
        self.output = OutputQueue(loop: loop, capacity: limits.output)
        self.input = InputQueue(loop: loop, capacity: limits.input, onCommand: isTerminal ? onCommand : nil)
        transcript = Transcript(capacity: limits.recent, clock: clock, tap: onLine)
        inputDescriptor = input.map { HostDescriptor(duplicating: $0, for: .input) }
        self.output.attach(HostDescriptor(duplicating: output, for: .output))
    }

    /// Begins to read input. Before it the user's keys wait in the terminal.
    package func start() {
        if let inputDescriptor { input.attach(inputDescriptor) }
    }

    package func write(_ byte: UInt8) {
        transcript.record(byte)
        output.write(byte)
    }

    package func read() -> UInt8? { input.read() }

    /// The next byte of input; waits until there is one. Nil: the input has ended, or `shutdown()` was called.
    package func readWaiting() -> UInt8? { input.readWaiting() }

    package func setInputHandler(_ handler: (@Sendable () -> Void)?) { input.setHandler(handler) }

    /// Ends the waits of vCPU threads for a slow reader, and the reading of input. Output that is queued stays for `drain`.
    package func shutdown() {
        output.shutdown()
        input.detach()
    }

    /// Writes out what is queued, on the caller's thread. True when nothing is left; false when `deadline` (of
    /// `HostClock.now`) passed before. Call it at the machine's end.
    @discardableResult
    package func drain(deadline: Nanoseconds) -> Bool { output.drain(deadline: deadline) }

    /// The last `limit` lines of output, the oldest first, for reports.
    package func recentLines(_ limit: Int) -> [String] { transcript.lines(last: limit) }

    /// `errno` of the write after which output was discarded; nil while all is well.
    package var outputFailure: Int32? { output.failure }

    /// True once the input's file, pipe or terminal has come to its end.
    package var inputHasEnded: Bool { input.hasEnded }
}
