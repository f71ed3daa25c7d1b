internal import Glibc
internal import Synchronization
package import VMMCore

/// A character device at a TCP port of 127.0.0.1 or at a Unix socket: the other end of bvmdebug, and of a console's named port.
///
/// One client at a time; the next one waits in the kernel's backlog until the first has gone, which is when it closes, or
/// shuts down, its sending half. Without a client output is discarded and there is no input, but for what a client that has
/// gone left behind. A client that does not read makes the guest wait, until it reads, leaves, or `shutdown()`. Only this host
/// can connect, and at a Unix socket only this user.
///
/// Threading: any thread. `write` and `read` allocate nothing.
package final class CharacterServer: ConnectedChannel {
    /// Where it listens, with the port that it has.
    package let address: ListeningAddress

    private let core: Core

    package init(_ address: ListeningAddress, loop: EventLoop, capacity: Int = 64 << 10) throws(TCPServerError) {
        let listener = try ListeningSocket(address)
        self.address = listener.address
        core = Core(listener: listener, loop: loop, capacity: capacity)
        try core.start()
    }

    package func write(_ byte: UInt8) { core.output.write(byte) }

    package func read() -> UInt8? { core.input.read() }

    package func setInputHandler(_ handler: (@Sendable () -> Void)?) { core.input.setHandler(handler) }

    package var connectionChanges: UInt64 { core.connectionChanges }

    package func setConnectionHandler(_ handler: (@Sendable () -> Void)?) { core.setConnectionHandler(handler) }

    /// Ends the waits of vCPU threads, and takes no further client.
    package func shutdown() { core.shutdown() }

    /// Writes out what is queued for the client. True when nothing is left at `deadline`, of `HostClock.now`.
    @discardableResult
    package func drain(deadline: Nanoseconds) -> Bool { core.output.drain(deadline: deadline) }

    deinit { core.close() }

    /// What the loop's handlers refer to, so that the server itself can go away.
    private final class Core: Sendable {
        private struct State {
            var listening: EventLoop.Registration?
            var isClosed = false
            var connectionChanges: UInt64 = 0
            var connectionHandler: (@Sendable () -> Void)?
        }

        let output: OutputQueue
        let input: InputQueue
        private let loop: EventLoop
        private let listener: ListeningSocket
        private let state = Mutex(State())

        init(listener: ListeningSocket, loop: EventLoop, capacity: Int) {
            self.listener = listener
            self.loop = loop
            output = OutputQueue(loop: loop, capacity: capacity)
            let onEnd = EndHandler()
            input = InputQueue(loop: loop, capacity: capacity, onEnd: { onEnd.core?.clientLeft() })
            onEnd.set(self)
        }

        func start() throws(TCPServerError) {
            let registration: EventLoop.Registration
            do {
                registration = try loop.register(listener.descriptor, for: .readable) { [weak self] _ in
                    self?.acceptClient()
                }
            } catch {
                throw .loopRefused(error)
            }
            state.withLock { $0.listening = registration }
        }

        var connectionChanges: UInt64 { state.withLock { $0.connectionChanges } }

        func setConnectionHandler(_ handler: (@Sendable () -> Void)?) {
            // The old handler is destroyed outside the lock.
            let old = state.withLock { state in
                defer { state.connectionHandler = handler }
                return state.connectionHandler
            }
            _ = consume old
        }

        func shutdown() {
            output.shutdown()
            stopListening()
        }

        func close() {
            shutdown()
            input.detach()
            output.detach()
        }

        private func stopListening() {
            let listening = state.withLock { state in
                state.isClosed = true
                defer { state.listening = nil }
                return state.listening
            }
            if let listening { loop.remove(listening) }
        }

        private func acceptClient() {
            let client = accept(listener.descriptor, nil, nil)
            // The client may have given up already.
            guard client >= 0 else { return }
            defer { Glibc.close(client) }
            setListening(false)
            input.removeAll()
            output.attach(HostDescriptor(duplicating: client, for: .output))
            // Before its bytes come.
            connectionChanged()
            input.attach(HostDescriptor(duplicating: client, for: .input))
        }

        fileprivate func clientLeft() {
            output.detach()
            connectionChanged()
            setListening(true)
        }

        /// A client came or went, on the loop's thread.
        private func connectionChanged() {
            let handler = state.withLock { state in
                state.connectionChanges += 1
                return state.connectionHandler
            }
            handler?()
        }

        private func setListening(_ wanted: Bool) {
            guard let listening = state.withLock({ $0.listening }) else { return }
            try? loop.modify(listening, for: wanted ? .readable : [])
        }
    }

    /// Ties the input's end to the core, which owns the input.
    private final class EndHandler: Sendable {
        private struct Reference { weak var core: Core? }
        private let reference = Mutex(Reference())
        var core: Core? { reference.withLock { $0.core } }
        func set(_ core: Core) { reference.withLock { $0.core = core } }
    }
}

package enum TCPServerError: Error, Hashable, Sendable {
    case portInUse(UInt16)
    /// Another process listens at this path.
    case pathInUse(String)
    /// Something that is not ours to remove.
    case notASocket(path: String)
    /// Empty, longer than `limit` bytes, or with a NUL.
    case badPath(String, limit: Int)
    case hostRefused(errno: Int32)
    case loopRefused(EventLoopError)
}
