internal import Glibc

/// A file that is written piece by piece from its beginning.
///
/// Threading: one thread at a time.
package final class HostFileWriter: Sendable {
    private let descriptor: Int32
    private let path: String

    /// Empties the file, or makes it. Takes regular files and devices; a pipe would make its writer wait.
    package init(_ path: String) throws(HostFileError) {
        // SAFETY: the path is a terminated copy for the length of the call.
        let descriptor = unsafe open(
            path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0o644)
        guard descriptor >= 0 else {
            throw HostFileError(path: path, problem: errno == EISDIR ? .isDirectory : .cannotWrite(errno: errno))
        }
        var status = stat()
        // SAFETY: `status` is valid for the call.
        let isKnown = unsafe fstat(descriptor, &status) == 0
        guard isKnown, status.st_mode & S_IFMT == S_IFREG || status.st_mode & S_IFMT == S_IFCHR else {
            Glibc.close(descriptor)
            throw HostFileError(path: path, problem: .notARegularFile)
        }
        self.descriptor = descriptor
        self.path = path
    }

    deinit { Glibc.close(descriptor) }

    /// Writes all bytes.
    package func write(_ bytes: [UInt8]) throws(HostFileError) {
        var written = 0
        while written < bytes.count {
            // SAFETY: the rest of the array, which outlives the call.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress.map { unsafe $0 + written }, bytes.count - written)
            }
            guard count >= 0 || errno == EINTR else {
                throw HostFileError(path: path, problem: .cannotWrite(errno: errno))
            }
            written += max(0, count)
        }
    }
}
