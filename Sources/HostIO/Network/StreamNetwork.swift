internal import Glibc
internal import Synchronization
package import VMMCore

/// A network behind a stream socket, as passt and QEMU (`-netdev stream`) have it: each frame behind its length.
///
/// The link is down once the other end has closed, and stays so. Threading: any thread. Frames of the client leave on its own thread, at
/// the latest with `commit()`; those for it come on the loop's. Nothing is allocated for a frame.
package final class StreamNetwork: NetworkBackend {
    private struct Output {
        var frames: FrameOutput
        /// A `send` was refused: the client waits to hear of room.
        var clientWaits = false
        /// The socket takes no more; the loop tells when it does.
        var isBlocked = false
    }

    /// How much is read before other descriptors get their turn, in fillings of the buffer.
    private static let readsPerTurn = 4

    package let properties: NetworkProperties
    private let port: NetworkPort
    private let loop: EventLoop
    private let output: Mutex<Output>
    /// Taken by the loop's thread only.
    private let input: Mutex<FrameInput>
    private let onFailure: @Sendable (NetworkFailure) -> Void
    /// The program at the other end, which ends with the network.
    private let program: CompanionProgram?

    /// Takes the connected socket over.
    ///
    /// - Parameters:
    ///   - headers: whether the other end wants and gives `NetworkFrame` headers; without them frames leave finished.
    ///   - onFailure: called on any thread.
    package init(
        socket: Int32, _ properties: NetworkProperties, _ headers: FrameHeaders, loop: EventLoop,
        program: CompanionProgram? = nil, onFailure: @escaping @Sendable (NetworkFailure) -> Void
    ) throws(NetworkError) {
        self.properties = properties
        self.loop = loop
        self.program = program
        self.onFailure = onFailure
        port = NetworkPort(socket, loop: loop)
        output = Mutex(Output(frames: FrameOutput(headers)))
        input = Mutex(FrameInput(headers))
        do throws(EventLoopError) {
            try port.start { [weak self] in self?.ready($0) }
        } catch {
            throw .loopRefused(error)
        }
    }

    /// Connects to the Unix socket at `path`.
    package convenience init(
        path: String, mtu: UInt16, loop: EventLoop, onFailure: @escaping @Sendable (NetworkFailure) -> Void
    ) throws(NetworkError) {
        guard let address = UnixSocketAddress(checking: path) else {
            throw .badSocketPath(path, limit: UnixSocketAddress.limit)
        }
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .cannotConnect(path: path, errno: errno) }
        // SAFETY: the pointer and the length describe one address.
        guard unsafe address.withPointer({ unsafe connect(descriptor, $0, $1) }) == 0 else {
            let reason = errno
            close(descriptor)
            throw .cannotConnect(path: path, errno: reason)
        }
        // Finished here, which costs a fraction of what it costs the guest.
        let properties = NetworkProperties(mtu: mtu, transmitOffloads: [.checksum, .tcp4, .tcp6, .ecn, .udp])
        try self.init(socket: descriptor, properties, .absent, loop: loop, onFailure: onFailure)
    }

    // MARK: The client's side

    package var isLinkUp: Bool { port.isLinkUp }
    package func attach(_ client: any NetworkClient, offloads: NetworkOffloads) {
        port.attach(client, offloads: offloads)
    }
    package func detach() { port.detach() }
    package func resumeReceiving() { port.resume() }

    package func send(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        output.withLock { output in
            guard port.isLinkUp else { return true }
            if output.frames.isWorthFlushing { flush(&output) }
            output.clientWaits = !output.frames.append(bytes, range)
            return !output.clientWaits
        }
    }

    package func commit() { output.withLock { flush(&$0) } }

    private func flush(_ output: inout Output) {
        guard !output.isBlocked else { return }
        switch output.frames.flush(to: port.descriptor) {
        case .moved: break
        case .wouldBlock:
            output.isBlocked = true
            port.wait(for: .writable, true)
        case .ended, .failed:
            output.frames.removeAll()
            // The client is told on the loop's thread.
            loop.perform { [weak self] in self?.lose(.peerClosed) }
        }
    }

    // MARK: The loop's side

    private func ready(_ readiness: Readiness) {
        if readiness.contains(.writable) { sendRest() }
        if readiness != .writable { receive() }
    }

    private func sendRest() {
        let mayGoOn = output.withLock { output in
            output.isBlocked = false
            flush(&output)
            if !output.isBlocked { port.wait(for: .writable, false) }
            guard output.clientWaits, !output.frames.isHalfFull else { return false }
            output.clientWaits = false
            return true
        }
        if mayGoOn { port.tell { $0.canSend() } }
    }

    private func receive() {
        var failure: NetworkFailure?
        port.receive {
            failure = input.withLock { input in
                do throws(FrameInput.BadLength) {
                    return try deliver(&input)
                } catch {
                    return .badLength(error.length)
                }
            }
        }
        if let failure { lose(failure) }
    }

    /// Gives the client what comes, for a turn. Not nil: nothing more will come.
    private func deliver(_ input: inout FrameInput) throws(FrameInput.BadLength) -> NetworkFailure? {
        // What this end adds or the other has made: only what the client understands.
        let keepsHeaders = port.offloads.contains(.checksum) && properties.receiveOffloads.contains(.checksum)
        for reads in 0...Self.readsPerTurn {
            while let frame = try input.next() {
                if !keepsHeaders { input.clearHeader(of: frame) }
                guard port.offer(input.bytes, frame) else { return nil }
                input.consume()
            }
            // More comes with the next turn: the descriptor is still readable.
            guard reads < Self.readsPerTurn else { return nil }
            switch input.fill(from: port.descriptor) {
            case .moved: break
            case .wouldBlock: return nil
            case .ended: return .peerClosed
            case .failed(let errno): return errno == ECONNRESET ? .peerClosed : .linkLost(errno: errno)
            }
        }
        return nil
    }

    private func lose(_ failure: NetworkFailure) {
        guard port.endLink() else { return }
        output.withLock { $0.frames.removeAll() }
        onFailure(failure)
    }
}
