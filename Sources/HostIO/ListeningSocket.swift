internal import Glibc

/// Where a server listens.
package enum ListeningAddress: Hashable, Sendable {
    /// TCP on 127.0.0.1; 0: a port of the host's choice.
    case port(UInt16)
    /// A Unix domain socket, which only this user can open.
    case path(String)
}

/// A socket that listens.
///
/// A Unix socket's file goes with it, if it is still there; another's that has taken its place stays. A socket that a dead process left at the
/// path is replaced.
final class ListeningSocket: Sendable {
    let descriptor: Int32
    /// The address, with the port that it has.
    let address: ListeningAddress
    /// Of a Unix socket.
    private let file: FileIdentity?

    private struct FileIdentity: Equatable {
        let device: dev_t
        let number: ino_t

        init?(_ path: String) {
            var status = stat()
            // SAFETY: the string and the struct live through the call.
            guard unsafe lstat(path, &status) == 0 else { return nil }
            (device, number) = (status.st_dev, status.st_ino)
        }
    }

    /// - Parameter backlog: how many clients the host keeps that have not been accepted.
    init(_ wanted: ListeningAddress, backlog: Int32 = 1) throws(TCPServerError) {
        switch wanted {
        case .port(let port):
            let (descriptor, port) = try Self.listen(onPort: port, backlog)
            self.descriptor = descriptor
            address = .port(port)
            file = nil
        case .path(let path):
            descriptor = try Self.listen(at: path, backlog)
            address = wanted
            file = FileIdentity(path)
        }
    }

    deinit {
        close(descriptor)
        guard case .path(let path) = address, let file, FileIdentity(path) == file else { return }
        // SAFETY: the string lives through the call.
        unsafe _ = unlink(path)
    }

    private static func makeSocket(_ family: Int32) throws(TCPServerError) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { throw .hostRefused(errno: errno) }
        return descriptor
    }

    private static func listen(
        onPort port: UInt16, _ backlog: Int32
    ) throws(TCPServerError) -> (descriptor: Int32, port: UInt16) {
        let descriptor = try makeSocket(AF_INET)
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
                    && Glibc.listen(descriptor, backlog) == 0
                    && getsockname(descriptor, generic, &length) == 0
            }
        }
        guard succeeded else {
            let reason = errno
            close(descriptor)
            throw reason == EADDRINUSE ? .portInUse(port) : .hostRefused(errno: reason)
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private static func listen(at path: String, _ backlog: Int32) throws(TCPServerError) -> Int32 {
        try makeRoom(at: path)
        let descriptor = try makeSocket(AF_UNIX)
        let isBound = try unsafe UnixSocketAddress(path).withPointer { address, length in
            // SAFETY: the pointer and the length describe one address; the string lives through its call. Nobody else may
            // connect: the mode is set before the socket listens.
            unsafe bind(descriptor, address, length) == 0 && chmod(path, 0o600) == 0
                && Glibc.listen(descriptor, backlog) == 0
        }
        guard isBound else {
            let reason = errno
            close(descriptor)
            throw .hostRefused(errno: reason)
        }
        return descriptor
    }

    /// Removes a socket at the path that nobody serves; refuses anything else there.
    private static func makeRoom(at path: String) throws(TCPServerError) {
        var status = stat()
        // SAFETY: the string and the struct live through the call.
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path: path) }
        let probe = try makeSocket(AF_UNIX)
        defer { close(probe) }
        // SAFETY: the pointer and the length describe one address.
        let isServed = try unsafe UnixSocketAddress(path).withPointer {
            unsafe connect(probe, $0, $1) == 0 || errno == EAGAIN
        }
        guard !isServed else { throw .pathInUse(path) }
        // SAFETY: the string lives through the call.
        unsafe _ = unlink(path)
    }
}
