internal import Glibc

/// TCP on 127.0.0.1.
enum Loopback {
    /// A listening socket on a port that the host chose.
    static func listen() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = try makeSocket()
        var port: UInt16 = 0
        // SAFETY: the pointer and the length describe one sockaddr_in.
        let succeeded = unsafe withAddress(port: 0) { address, length in
            guard unsafe Glibc.bind(descriptor, address, length) == 0, Glibc.listen(descriptor, 1) == 0 else {
                return false
            }
            var size = length
            guard unsafe getsockname(descriptor, address, &size) == 0 else { return false }
            port = unsafe UnsafeRawPointer(address).load(fromByteOffset: 2, as: UInt16.self).bigEndian
            return true
        }
        guard succeeded else { throw HostRefusal(call: "listen", errno: errno) }
        return (descriptor, port)
    }

    /// A port on which nobody listens now.
    static func freePort() throws -> UInt16 {
        let listener = try listen()
        close(listener.descriptor)
        return listener.port
    }

    static func connect(to port: UInt16) throws -> Int32 {
        let descriptor = try makeSocket()
        // SAFETY: the pointer and the length describe one sockaddr_in.
        let succeeded = unsafe withAddress(port: port) { unsafe Glibc.connect(descriptor, $0, $1) == 0 }
        guard succeeded else {
            let reason = errno
            close(descriptor)
            throw HostRefusal(call: "connect", errno: reason)
        }
        // A guest that answers nothing ends the test.
        var limit = timeval(tv_sec: Swvmm.patience, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe _ = setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        return descriptor
    }

    /// Connects to a Unix socket.
    static func connect(toPath path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw HostRefusal(call: "socket", errno: errno) }
        // SAFETY: the pointer and the length describe one sockaddr_un.
        guard unsafe withAddress(path: path, { unsafe Glibc.connect(descriptor, $0, $1) == 0 }) else {
            let reason = errno
            close(descriptor)
            throw HostRefusal(call: "connect \(path)", errno: reason)
        }
        var limit = timeval(tv_sec: Swvmm.patience, tv_usec: 0)
        unsafe _ = setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        return descriptor
    }

    /// Gives a Unix socket its path.
    static func bind(_ descriptor: Int32, toPath path: String) throws {
        // SAFETY: the pointer and the length describe one sockaddr_un.
        guard unsafe withAddress(path: path, { unsafe Glibc.bind(descriptor, $0, $1) == 0 }) else {
            throw HostRefusal(call: "bind \(path)", errno: errno)
        }
    }

    private static func withAddress<Result>(
        path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        precondition(path.utf8.count < MemoryLayout.size(ofValue: address.sun_path))
        // SAFETY: fewer bytes than the array has; it starts as zeros.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        // SAFETY: sockaddr_un is one of the layouts of sockaddr.
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func makeSocket() throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw HostRefusal(call: "socket", errno: errno) }
        return descriptor
    }

    private static func withAddress<Result>(
        port: UInt16, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        // SAFETY: sockaddr_in is one of the layouts of sockaddr.
        return unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
