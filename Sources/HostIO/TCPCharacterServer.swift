internal import Glibc
internal import Synchronization
package import VMMCore

/// A character device at a TCP port of 127.0.0.1: bvmdebug's other end.
///
/// One client at a time; the next one waits in the kernel's backlog until the first has gone, which is when it closes, or
/// shuts down, its sending half. Without a client output is
/// discarded and there is no input. A client that does not read makes the guest wait, until it reads, leaves, or
/// `shutdown()`. Only this host can connect.
///
/// Threading: any thread. `write` and `read` allocate nothing.
package final class TCPCharacterServer: CharacterChannel {
    /// The port it listens on: the one asked for, or the one the host chose for 0.
    package let port: UInt16

    private let core: Core

    package init(port: UInt16, loop: EventLoop, capacity: Int = 64 << 10) throws(TCPServerError) {
        let (listener, port) = try Self.listen(on: port)
        self.port = port
        core = Core(listener: listener, loop: loop, capacity: capacity)
        try core.start()
    }

    package func write(_ byte: UInt8) { core.output.write(byte) }

    package func read() -> UInt8? { core.input.read() }

    package func setInputHandler(_ handler: (@Sendable () -> Void)?) { core.input.setHandler(handler) }

    /// Ends the waits of vCPU threads, and takes no further client.
    package func shutdown() { core.shutdown() }

    /// Writes out what is queued for the client. True when nothing is left at `deadline`, of `HostClock.now`.
    @discardableResult
    package func drain(deadline: Nanoseconds) -> Bool { core.output.drain(deadline: deadline) }

    deinit { core.close() }

    private static func listen(on port: UInt16) throws(TCPServerError) -> (descriptor: Int32, port: UInt16) {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { throw .hostRefused(errno: errno) }
        var reuse: Int32 = 1
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // SAFETY: sockaddr_in is one of the layouts of sockaddr; each pointer is valid for its call, and `length` tells
        // its size.
        let succeeded = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                // A port of an earlier run, whose connections linger, can be taken again.
                unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
                    == 0
                    && bind(descriptor, generic, length) == 0
                    && Glibc.listen(descriptor, 1) == 0
                    && getsockname(descriptor, generic, &length) == 0
            }
        }
        guard succeeded else {
            let reason = errno
            Glibc.close(descriptor)
            throw reason == EADDRINUSE ? .portInUse(port) : .hostRefused(errno: reason)
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    /// What the loop's handlers refer to, so that the server itself can go away.
    private final class Core: Sendable {
        private struct State {
            var listening: EventLoop.Registration?
            var isClosed = false
        }

        let output: OutputQueue
        let input: InputQueue
        private let loop: EventLoop
        private let listener: Int32
        private let state = Mutex(State())

        init(listener: Int32, loop: EventLoop, capacity: Int) {
            self.listener = listener
            self.loop = loop
            output = OutputQueue(loop: loop, capacity: capacity)
            let onEnd = EndHandler()
            input = InputQueue(loop: loop, capacity: capacity, onEnd: { onEnd.core?.clientLeft() })
            onEnd.set(self)
        }

        deinit { Glibc.close(listener) }

        func start() throws(TCPServerError) {
            let registration: EventLoop.Registration
            do {
                registration = try loop.register(listener, for: .readable) { [weak self] _ in self?.acceptClient() }
            } catch {
                throw .loopRefused(error)
            }
            state.withLock { $0.listening = registration }
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
            let client = accept(listener, nil, nil)
            // The client may have given up already.
            guard client >= 0 else { return }
            defer { Glibc.close(client) }
            setListening(false)
            input.removeAll()
            output.attach(HostDescriptor(duplicating: client, for: .output))
            input.attach(HostDescriptor(duplicating: client, for: .input))
        }

        fileprivate func clientLeft() {
            output.detach()
            setListening(true)
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
    case hostRefused(errno: Int32)
    case loopRefused(EventLoopError)
}
