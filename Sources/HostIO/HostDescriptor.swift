internal import Glibc

/// A descriptor for bytes in or out, used without ever blocking the caller on a terminal, pipe or socket.
///
/// Descriptors that swvmm inherits are not switched to O_NONBLOCK: that flag belongs to the open file, which the parent
/// shell and other programs share. A terminal or pipe is opened a second time through /proc instead; a socket takes the
/// flag with each call; a regular file is always ready. What cannot be opened again (another user's terminal) is polled
/// before each call, and written in small pieces.
///
/// Threading: any thread.
final class HostDescriptor: Sendable {
    enum Direction { case input, output }

    /// What came of a read or a write.
    enum Outcome: Hashable {
        case count(Int)
        /// Nothing now; the descriptor becomes ready later.
        case wouldBlock
        /// Reads: the end of the file, the other end has closed.
        case end
        case failed(errno: Int32)
    }

    private enum Kind { case nonblocking, socket, alwaysReady, polled }

    /// What to register at an event loop.
    let rawValue: Int32
    private let kind: Kind

    /// What a pipe promises to take in one piece once poll calls it writable. Source: pipe(7), PIPE_BUF.
    private static let polledPiece = 256

    /// Makes a second descriptor of what `descriptor` names; `descriptor` itself stays the caller's. Two objects on one
    /// socket can thus wait at one event loop.
    init(duplicating descriptor: Int32, for direction: Direction) {
        var status = stat()
        // SAFETY: `status` is valid for the call.
        let known = unsafe fstat(descriptor, &status) == 0
        let format = known ? status.st_mode & S_IFMT : 0
        var kind = Kind.polled
        var reopened: Int32 = -1
        switch format {
        case S_IFSOCK: kind = .socket
        case S_IFREG: kind = .alwaysReady
        case S_IFCHR where isatty(descriptor) == 0: kind = .alwaysReady
        case S_IFCHR, S_IFIFO:
            let access = direction == .input ? O_RDONLY : O_WRONLY
            // SAFETY: a constant path; no mode is needed.
            reopened = unsafe open("/proc/self/fd/\(descriptor)", access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
            if reopened >= 0 { kind = .nonblocking }
        default: break
        }
        // A descriptor that is not open gives -1 here, and EBADF at its first use.
        rawValue = reopened >= 0 ? reopened : fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        self.kind = kind
    }

    deinit { if rawValue >= 0 { close(rawValue) } }

    /// Reads up to `limit` bytes to the start of `buffer`.
    func read(into buffer: inout [UInt8], limit: Int) -> Outcome {
        let wanted = min(max(limit, 0), buffer.count)
        guard wanted > 0 else { return .wouldBlock }
        if kind == .polled && !isReady(Int16(POLLIN)) { return .wouldBlock }
        while true {
            // SAFETY: the buffer has at least `wanted` bytes.
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                kind == .socket
                    ? unsafe recv(rawValue, bytes.baseAddress, wanted, Int32(MSG_DONTWAIT))
                    : unsafe Glibc.read(rawValue, bytes.baseAddress, wanted)
            }
            if count > 0 { return .count(count) }
            if count == 0 { return .end }
            guard errno != EINTR else { continue }
            return errno == EAGAIN ? .wouldBlock : .failed(errno: errno)
        }
    }

    /// Writes up to `count` bytes from the start of `bytes`, and says how many it took.
    func write(_ bytes: [UInt8], count: Int) -> Outcome {
        var wanted = min(max(count, 0), bytes.count)
        guard wanted > 0 else { return .count(0) }
        if kind == .polled {
            guard isReady(Int16(POLLOUT)) else { return .wouldBlock }
            wanted = min(wanted, Self.polledPiece)
        }
        while true {
            // SAFETY: `bytes` has at least `wanted` bytes.
            let written = unsafe bytes.withUnsafeBytes { bytes in
                kind == .socket
                    ? unsafe send(
                        rawValue, bytes.baseAddress, wanted, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
                    : unsafe Glibc.write(rawValue, bytes.baseAddress, wanted)
            }
            if written >= 0 { return .count(written) }
            guard errno != EINTR else { continue }
            return errno == EAGAIN ? .wouldBlock : .failed(errno: errno)
        }
    }

    /// Of a socket: shuts down what `how` says (SHUT_RD, SHUT_WR, SHUT_RDWR).
    func shutDown(_ how: Int) { _ = shutdown(rawValue, Int32(how)) }

    /// Waits until the descriptor takes output, has an error, or `timeout` milliseconds have passed.
    func waitWritable(milliseconds timeout: Int32) { _ = isReady(Int16(POLLOUT), timeout: timeout) }

    /// The same, and tells whether it came to that.
    func isWritable(milliseconds timeout: Int32) -> Bool { isReady(Int16(POLLOUT), timeout: timeout) }

    private func isReady(_ events: Int16, timeout: Int32 = 0) -> Bool {
        var entry = pollfd(fd: rawValue, events: events, revents: 0)
        // SAFETY: one valid entry.
        return unsafe poll(&entry, 1, timeout) > 0
    }
}
