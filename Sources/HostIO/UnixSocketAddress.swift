internal import Glibc

/// The address of a Unix domain socket in the file system.
struct UnixSocketAddress {
    /// The longest path, in bytes.
    static let limit = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    private var address = sockaddr_un()

    /// Nil: the path is empty, too long, or has a NUL.
    init?(checking path: String) {
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count <= Self.limit, !bytes.contains(0) else { return nil }
        // SAFETY: fewer bytes than the array has; the last one stays 0.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    }

    init(_ path: String) throws(TCPServerError) {
        guard let made = UnixSocketAddress(checking: path) else { throw .badPath(path, limit: Self.limit) }
        self = made
    }

    /// As the socket calls want it.
    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        // SAFETY: sockaddr_un is one of the layouts of sockaddr.
        unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
