internal import Glibc
internal import Synchronization
package import VMMCore

/// Bytes to and from one client at a time, at a port or a path. The next client waits until the one before has gone.
///
/// Threading: made and closed on any thread; everything else, and the handlers, on the loop's thread, which may wait in `send`.
package final class StreamServer: Sendable {
    package struct Handlers: Sendable {
        package var connected: @Sendable () -> Void
        /// Some bytes, at most 4096.
        package var received: @Sendable ([UInt8]) -> Void
        /// The client has gone. Not called after `disconnect()`.
        package var disconnected: @Sendable () -> Void

        package init(
            connected: @escaping @Sendable () -> Void, received: @escaping @Sendable ([UInt8]) -> Void,
            disconnected: @escaping @Sendable () -> Void
        ) {
            self.connected = connected
            self.received = received
            self.disconnected = disconnected
        }
    }

    private struct State {
        var listening: EventLoop.Registration?
        var client: HostDescriptor?
        var reading: EventLoop.Registration?
        var handlers: Handlers?
    }

    /// How long a client may leave an answer unread before it counts as gone.
    private static let patience: Int32 = 10_000

    /// The address, with the port that it has.
    package var address: ListeningAddress { listener.address }
    private let listener: ListeningSocket
    private let loop: EventLoop
    private let state = Mutex(State())

    package init(_ address: ListeningAddress, loop: EventLoop) throws(TCPServerError) {
        listener = try ListeningSocket(address)
        self.loop = loop
    }

    /// Takes clients from now on.
    package func start(_ handlers: Handlers) throws(TCPServerError) {
        state.withLock { $0.handlers = handlers }
        do throws(EventLoopError) {
            let registration = try loop.register(listener.descriptor, for: .readable) { [weak self] _ in self?.accept()
            }
            state.withLock { $0.listening = registration }
        } catch {
            throw .loopRefused(error)
        }
    }

    /// Takes no client any more, and lets go of the one there is.
    package func close() {
        let listening = state.withLock { state in
            defer {
                state.listening = nil
                state.handlers = nil
            }
            return state.listening
        }
        if let listening { loop.remove(listening) }
        _ = forgetClient()
    }

    /// Ends the client's connection.
    package func disconnect() {
        guard forgetClient() else { return }
        listen(true)
    }

    /// Whether the client's bytes are read.
    package func setReading(_ wanted: Bool) {
        guard let reading = state.withLock({ $0.reading }) else { return }
        try? loop.modify(reading, for: wanted ? .readable : [])
    }

    /// Sends all bytes. A client that does not take them is disconnected.
    package func send(_ bytes: [UInt8]) {
        guard let client = state.withLock({ $0.client }) else { return }
        var rest = bytes
        while !rest.isEmpty {
            switch client.write(rest, count: rest.count) {
            case .count(let count) where count > 0: rest.removeFirst(count)
            case .wouldBlock:
                guard client.isWritable(milliseconds: Self.patience) else { return lose() }
            default: return lose()
            }
        }
    }

    private func accept() {
        let number = Glibc.accept(listener.descriptor, nil, nil)
        // The client may have given up already.
        guard number >= 0 else { return }
        defer { Glibc.close(number) }
        var on: Int32 = 1
        // Short answers must not wait for longer ones. Fails for a Unix socket, which does not delay.
        // SAFETY: the option's value lives through the call.
        unsafe _ = setsockopt(number, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        let client = HostDescriptor(duplicating: number, for: .input)
        guard
            let reading = try? loop.register(
                client.rawValue, for: .readable, handler: { [weak self] _ in self?.read() })
        else { return }
        listen(false)
        let handlers = state.withLock { state in
            state.client = client
            state.reading = reading
            return state.handlers
        }
        handlers?.connected()
    }

    private func read() {
        let (client, handlers) = state.withLock { ($0.client, $0.handlers) }
        guard let client else { return }
        var piece = [UInt8](repeating: 0, count: 4096)
        switch client.read(into: &piece, limit: piece.count) {
        case .count(let count): handlers?.received(Array(piece.prefix(count)))
        case .wouldBlock: break
        case .end, .failed: lose()
        }
    }

    /// The client is gone.
    private func lose() {
        guard forgetClient() else { return }
        let handlers = state.withLock { $0.handlers }
        handlers?.disconnected()
        listen(true)
    }

    /// False: there was none.
    private func forgetClient() -> Bool {
        let (client, reading) = state.withLock { state in
            defer { (state.client, state.reading) = (nil, nil) }
            return (state.client, state.reading)
        }
        // The descriptor is closed after the loop has forgotten it.
        withExtendedLifetime(client) { if let reading { loop.remove(reading) } }
        return client != nil
    }

    private func listen(_ wanted: Bool) {
        guard let listening = state.withLock({ $0.listening }) else { return }
        try? loop.modify(listening, for: wanted ? .readable : [])
    }
}
