internal import Glibc
internal import HostBridge

/// A file of the host that can be read as a whole, and again later: it stays open meanwhile instead of taking memory.
///
/// What was opened is what is read, also when its name is another file's by then, or nobody's. Written to, it is refused.
///
/// Threading: any thread.
package final class KeptHostFile: Sendable {
    package let path: String
    private let descriptor: Int32
    private let limit: UInt64
    private let first: Stamp

    /// What tells that a file was written to.
    private struct Stamp: Hashable {
        let size: UInt64
        let seconds: Int
        let nanoseconds: Int
    }

    /// - Parameter limit: the largest size accepted, in bytes: nothing is read from a larger file.
    package init(_ path: String, limit: UInt64) throws(HostFileError) {
        // Without O_NONBLOCK the opening of a named pipe would wait for a writer.
        // SAFETY: the path is a terminated copy for the length of the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw HostFileError(path: path, problem: .cannotOpen(errno: errno)) }
        do throws(HostFileError) { first = try Self.stamp(descriptor, path) } catch {
            close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
        self.limit = limit
    }

    deinit { close(descriptor) }

    /// All its bytes, which are the same each time: `.changed` is thrown when they may not be.
    package func read() throws(HostFileError) -> [UInt8] {
        guard first.size <= limit else {
            throw HostFileError(path: path, problem: .tooLarge(size: first.size, limit: limit))
        }
        guard try Self.stamp(descriptor, path) == first else { throw HostFileError(path: path, problem: .changed) }
        return try contents(size: Int(first.size))
    }

    private static func stamp(_ descriptor: Int32, _ path: String) throws(HostFileError) -> Stamp {
        var status = stat()
        // SAFETY: `status` is a live local of the right type.
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw HostFileError(path: path, problem: .cannotRead(errno: errno))
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            return Stamp(
                size: UInt64(max(0, status.st_size)), seconds: status.st_mtim.tv_sec,
                nanoseconds: status.st_mtim.tv_nsec)
        case S_IFDIR: throw HostFileError(path: path, problem: .isDirectory)
        default: throw HostFileError(path: path, problem: .notARegularFile)
        }
    }

    private func contents(size: Int) throws(HostFileError) -> [UInt8] {
        var problem: HostFileError.Problem?
        // SAFETY: each read goes into the rest of the buffer, whose capacity is `size`; `initialized` counts what was read.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, initialized in
            while initialized < size, let start = buffer.baseAddress {
                let count = unsafe pread(descriptor, start + initialized, size - initialized, off_t(initialized))
                if count > 0 {
                    initialized += count
                } else if count == 0 {
                    // The file shrank since its size was taken.
                    problem = .truncated(size: UInt64(size), read: UInt64(initialized))
                    return
                } else if errno != EINTR {
                    problem = .cannotRead(errno: errno)
                    return
                }
            }
        }
        if let problem { throw HostFileError(path: path, problem: problem) }
        return bytes
    }
}
