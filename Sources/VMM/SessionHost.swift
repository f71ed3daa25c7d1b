internal import Glibc
internal import HostIO
internal import VMMCore

/// The host's side of a session: the event loop's thread, the terminal, the console's buffers, signals and the timeout.
///
/// It outlives each machine of the session. Threading: made and closed on the main thread, before any other thread runs;
/// the rest from any.
final class SessionHost: Sendable {
    /// How many lines of the console a report shows.
    private static let reportedLines = 20
    /// How long a machine's end waits for a slow reader of the console.
    private static let drainPatience = Nanoseconds.seconds(2)

    private let loop: EventLoop
    private let clock: HostClock
    private let console: ConsoleEndpoint
    private let repeatable: RepeatableRun?
    private let debugPort: CharacterServer?
    private let ports: [SessionPort]
    private let balloon: SessionBalloon?
    private let terminal: TerminalMode?
    private let window: TerminalWindow?
    private let entropy: any EntropySource
    private let signals: SignalSource
    private let disks: [SessionDisk]
    private let networks: [SessionNetwork]
    private let vsock: UnixVsock?
    private let shares: [SessionShare]
    private let persistentMemories: [SessionPersistentMemory]
    private let loopThread: HostThread

    /// What the user, a signal or the timeout wants. Called on the loop's thread.
    struct Handlers: Sendable {
        var command: @Sendable (EscapeFilter.Command) -> Void
        var signal: @Sendable (Int32) -> Void
        var timeout: @Sendable () -> Void
    }

    init(
        _ configuration: MachineConfiguration, clock: HostClock, timeline: TimelineRecorder?, disks: [SessionDisk],
        shares: [SessionShare], persistentMemories: [SessionPersistentMemory], handlers: Handlers,
        say: @escaping @Sendable (SessionMessage) -> Void
    ) throws(BootError) {
        self.clock = clock
        self.disks = disks
        self.shares = shares
        self.persistentMemories = persistentMemories
        do throws(EventLoopError) { loop = try EventLoop() } catch { throw .eventLoop(error) }
        do throws(SignalSourceError) {
            signals = try SignalSource(
                SignalSource.termination + [SignalSource.quit], loop: loop, handler: handlers.signal)
            window = try TerminalWindow(descriptor: STDOUT_FILENO, loop: loop)
        } catch {
            throw .signals(error)
        }
        let loop = loop
        do throws(EventLoopError) {
            for case .virtiofsd(let server) in shares.map(\.server) { try server.attach(to: loop) }
        } catch {
            throw .eventLoop(error)
        }
        networks = try SessionNetwork.open(configuration, loop: loop, clock: clock, say: say)
        do throws(TCPServerError) {
            vsock = if let wanted = configuration.vsock { try UnixVsock(path: wanted.path, loop: loop) } else { nil }
        } catch {
            throw .vsock(error)
        }
        do throws(TCPServerError) {
            if let port = configuration.debugPort {
                debugPort = try CharacterServer(.port(port), loop: loop)
            } else {
                debugPort = nil
            }
        } catch {
            throw .debugPort(error)
        }
        ports = try SessionPort.open(configuration, loop: loop)
        balloon = try SessionBalloon.open(configuration, loop: loop)
        console = ConsoleEndpoint(
            input: STDIN_FILENO, output: STDOUT_FILENO, loop: loop, clock: clock, onCommand: handlers.command,
            onLine: Self.tap(timeline))
        entropy =
            if let wanted = configuration.repeatability {
                RepeatableEntropy(seed: wanted.seed, stream: RepeatableRun.entropyStream)
            } else {
                HostEntropy()
            }
        repeatable = configuration.repeatability.map { [console] in RepeatableRun($0, console: console) }
        do throws(TerminalError) {
            terminal = isatty(STDIN_FILENO) == 1 ? try TerminalMode(raw: STDIN_FILENO) : nil
        } catch {
            throw .terminal(error)
        }
        do throws(HostThreadError) {
            loopThread = try HostThread.start(name: "events") { loop.run() }
        } catch {
            throw .thread(error)
        }
        if let seconds = configuration.timeout {
            let timeout = handlers.timeout
            _ = loop.schedule(at: clock.now + Nanoseconds(UInt64(seconds * 1e9))) { timeout() }
        }
        console.start()
    }

    private static func tap(_ timeline: TimelineRecorder?) -> (@Sendable (ConsoleLine) -> Void)? {
        guard let timeline else { return nil }
        return { line in timeline.consoleLine(line.text, at: line.time) }
    }

    /// The ends for a machine's devices. The console that the guest is told to use gets the input.
    func ends(for chosen: MachineConfiguration.Console, faults: GuestFaultLog) -> HostEnds {
        let console: any CharacterChannel = if let repeatable { repeatable.input } else { self.console }
        let silent = OutputOnlyChannel(console)
        let deadlines: any DeadlineSource = if let repeatable { repeatable.clock } else { loop }
        return HostEnds(
            bvmConsole: chosen == .bvm ? console : silent, serial: chosen == .serial ? console : silent,
            virtioConsole: chosen == .virtio ? console : silent, isVirtioConsoleChosen: chosen == .virtio, ports: ports,
            balloon: balloon,
            window: window, entropy: entropy, disks: disks, networks: networks, shares: shares, vsock: vsock,
            persistentMemories: persistentMemories,
            debugPort: debugPort, clock: guestClock, loop: loop, deadlines: deadlines, repeatable: repeatable,
            faults: faults)
    }

    /// The time that guests see.
    var guestClock: any Clock { if let repeatable { repeatable.clock } else { clock } }

    /// A user types: what comes when cannot be repeated.
    var hasLiveInput: Bool { terminal != nil }

    /// What the back ends have counted since the session began.
    var statistics: [DeviceStatistics] { disks.compactMap(\.statistics) }

    /// Lets vCPUs go that wait for a slow reader: the session ends.
    func releaseWriters() {
        console.shutdown()
        debugPort?.shutdown()
        for port in ports { port.server.shutdown() }
    }

    var recentLines: [String] { console.recentLines(Self.reportedLines) }

    /// Whether a guest of the session has printed anything but empty lines.
    var hasPrinted: Bool { !console.recentLines(1).isEmpty }

    /// Calls `body` on the loop's thread when so much time has passed.
    func after(_ time: Nanoseconds, _ body: @escaping @Sendable () -> Void) -> EventLoop.TimerToken {
        loop.schedule(at: clock.now + time, body)
    }

    func cancel(_ timer: EventLoop.TimerToken) { loop.cancel(timer) }

    /// Writes out what the guest printed, so that what is said of its end comes behind it.
    func drainConsole() { console.drain(deadline: clock.now + Self.drainPatience) }

    /// Ends the loop and its thread, and puts the terminal back.
    func close() {
        loop.stop()
        loopThread.join()
        balloon?.close()
        terminal?.restore()
    }
}
