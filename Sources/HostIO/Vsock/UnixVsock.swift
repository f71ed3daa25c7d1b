internal import Glibc
internal import Synchronization
package import VMMCore

/// A guest's vsock as Unix sockets of the host, the way Firecracker has it.
///
/// A program that connects to the socket at `path` and sends `CONNECT PORT` and a newline is connected to that port of the guest; it gets
/// `OK` and a port, and then the stream. It is disconnected when the guest refuses, does not answer, or the line is none. A
/// program that listens at `path`, an underscore and a port gets the guest's streams to that port of CID 2. Only this user
/// can connect.
///
/// Threading: any thread; programs that connect are dealt with on the loop's.
package final class UnixVsock: VsockBackend {
    private struct State {
        var client: (any VsockClient)?
        var ends: [UInt64: UnixVsockEnd] = [:]
        var callers: [UInt64: Caller] = [:]
        var nextNumber: UInt64 = 0
        var listening: EventLoop.Registration?
        var isListening = false

        mutating func takeNumber() -> UInt64 {
            defer { nextNumber += 1 }
            return nextNumber
        }
    }

    /// A program that has not said yet where it wants to.
    private struct Caller {
        let socket: HostDescriptor
        var greeting = VsockGreeting()
        var reading: EventLoop.Registration?
        var patience: EventLoop.TimerToken?
    }

    /// Room for the longest `_PORT`.
    private static let suffixLimit = 11
    /// Clients that the host keeps for the loop.
    private static let backlog: Int32 = 128
    /// Programs that have not said where they want to, at once: others wait in the backlog.
    private static let callerLimit = 64
    /// How long nobody is accepted when the host has no descriptor left.
    private static let pause = Nanoseconds.milliseconds(100)

    private let path: String
    private let greetingPatience: Nanoseconds
    private let answerPatience: Nanoseconds
    private let listener: ListeningSocket
    private let loop: EventLoop
    private let clock = HostClock()
    private let state = Mutex(State())

    /// Listens at `path` from now on.
    ///
    /// - Parameters:
    ///   - greetingPatience: how long a program has for its line.
    ///   - answerPatience: how long a guest has for its answer.
    package init(
        path: String, loop: EventLoop, greetingPatience: Nanoseconds = .seconds(5),
        answerPatience: Nanoseconds = .seconds(10)
    ) throws(TCPServerError) {
        let limit = UnixSocketAddress.limit - Self.suffixLimit
        guard UnixSocketAddress(checking: path) != nil, path.utf8.count <= limit else {
            throw .badPath(path, limit: limit)
        }
        self.path = path
        self.greetingPatience = greetingPatience
        self.answerPatience = answerPatience
        self.loop = loop
        listener = try ListeningSocket(.path(path), backlog: Self.backlog)
        do throws(EventLoopError) {
            let registration = try loop.register(listener.descriptor, for: .readable) { [weak self] _ in self?.accept()
            }
            state.withLock { ($0.listening, $0.isListening) = (registration, true) }
        } catch {
            throw .loopRefused(error)
        }
    }

    deinit {
        detach()
        let (listening, callers) = state.withLock { ($0.listening, $0.callers) }
        if let listening { loop.remove(listening) }
        for caller in callers.values { forget(caller) }
    }

    // MARK: The client's side

    package func attach(_ client: any VsockClient) { state.withLock { $0.client = client } }

    package func detach() {
        let ends = state.withLock { state in
            state.client = nil
            return Array(state.ends.values)
        }
        for end in ends { end.close() }
    }

    package func open(hostPort: UInt32) -> (any VsockEnd)? {
        guard state.withLock({ $0.client != nil }), let address = UnixSocketAddress(checking: "\(path)_\(hostPort)")
        else { return nil }
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // A Unix socket connects at once, or not at all: when nobody listens, or too many wait to be accepted.
        // SAFETY: the pointer and the length describe one address.
        guard unsafe address.withPointer({ unsafe Glibc.connect(descriptor, $0, $1) }) == 0 else { return nil }
        return makeEnd(HostDescriptor(duplicating: descriptor, for: .input))
    }

    package func callBack() {
        loop.perform { [weak self] in self?.state.withLock { $0.client }?.proceed() }
    }

    private func makeEnd(_ socket: HostDescriptor) -> UnixVsockEnd {
        state.withLock { state in
            let owner = UnixVsockEnd.Owner(
                client: { [weak self] in self?.state.withLock { $0.client } },
                closed: { [weak self] number in self?.state.withLock { _ = $0.ends.removeValue(forKey: number) } })
            let end = UnixVsockEnd(state.takeNumber(), socket, loop: loop, owner: owner)
            state.ends[end.number] = end
            return end
        }
    }

    // MARK: Programs that connect, on the loop's thread

    private func accept() {
        let descriptor = Glibc.accept(listener.descriptor, nil, nil)
        guard descriptor >= 0 else {
            // Else the program has given up already.
            guard [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(errno) else { return }
            listen(false)
            _ = loop.schedule(at: clock.now + Self.pause) { [weak self] in self?.listenIfThereIsRoom() }
            return
        }
        defer { close(descriptor) }
        let socket = HostDescriptor(duplicating: descriptor, for: .input)
        let number = state.withLock { $0.takeNumber() }
        guard
            let reading = try? loop.register(
                socket.rawValue, for: .readable, handler: { [weak self] _ in self?.hear(number) })
        else { return }
        let patience = loop.schedule(at: clock.now + greetingPatience) { [weak self] in self?.dismiss(number) }
        state.withLock { $0.callers[number] = Caller(socket: socket, reading: reading, patience: patience) }
        listenIfThereIsRoom()
    }

    private func listenIfThereIsRoom() { listen(state.withLock { $0.callers.count < Self.callerLimit }) }

    private func listen(_ wanted: Bool) {
        let listening = state.withLock { state in
            defer { state.isListening = wanted }
            return state.isListening == wanted ? nil : state.listening
        }
        if let listening { try? loop.modify(listening, for: wanted ? .readable : []) }
    }

    /// Reads a caller's line, and nothing behind it: that is the guest's.
    private func hear(_ number: UInt64) {
        guard let socket = state.withLock({ $0.callers[number]?.socket }) else { return }
        var byte: [UInt8] = [0]
        while true {
            switch socket.read(into: &byte, limit: 1) {
            case .count: break
            case .wouldBlock: return
            case .end, .failed: return dismiss(number)
            }
            switch state.withLock({ $0.callers[number]?.greeting.take(byte[0]) }) {
            case .incomplete: break
            case .port(let port): return connect(number, to: port)
            case .bad, nil: return dismiss(number)
            }
        }
    }

    private func connect(_ number: UInt64, to port: UInt32) {
        guard let caller = release(number) else { return }
        guard let client = state.withLock({ $0.client }) else { return }
        let end = makeEnd(caller.socket)
        end.waitForAnswer(until: clock.now + answerPatience)
        if !client.connect(end, guestPort: port) { end.close() }
    }

    /// The caller gets nowhere: its socket is closed.
    private func dismiss(_ number: UInt64) { _ = release(number) }

    private func release(_ number: UInt64) -> Caller? {
        guard let caller = state.withLock({ $0.callers.removeValue(forKey: number) }) else { return nil }
        forget(caller)
        listenIfThereIsRoom()
        return caller
    }

    private func forget(_ caller: Caller) {
        if let reading = caller.reading { loop.remove(reading) }
        if let patience = caller.patience { loop.cancel(patience) }
    }
}
