internal import Glibc

/// Reads and writes whole files of the host: images, ramdisks, disk images, reports.
package enum HostFile {
    /// The file's bytes.
    ///
    /// - Parameter limit: the largest size accepted, in bytes: nothing is read from a larger file.
    package static func read(_ path: String, limit: UInt64) throws(HostFileError) -> [UInt8] {
        try KeptHostFile(path, limit: limit).read()
    }

    /// Replaces the file's contents. On an error what was there before is still there: the bytes go to a new file beside
    /// it, which takes its name when it is complete.
    package static func write(_ bytes: [UInt8], to path: String) throws(HostFileError) {
        let (temporary, descriptor) = try openBeside(path)
        var written = 0
        var failure: Int32?
        while written < bytes.count, failure == nil {
            // SAFETY: the rest of the array, which outlives the call.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress.map { unsafe $0 + written }, bytes.count - written)
            }
            if count >= 0 { written += count } else if errno != EINTR { failure = errno }
        }
        if close(descriptor) != 0 && failure == nil { failure = errno }
        // SAFETY: both paths are terminated copies for the length of the call.
        if failure == nil, unsafe rename(temporary, path) != 0 { failure = errno }
        guard let failure else { return }
        unsafe unlink(temporary)
        throw HostFileError(path: path, problem: .cannotWrite(errno: failure))
    }

    /// Tells whether `write` would find its way to `path`, before there is anything to write. Leaves nothing behind.
    package static func checkWritable(_ path: String) throws(HostFileError) {
        let (temporary, descriptor) = try openBeside(path)
        close(descriptor)
        // SAFETY: the path is a terminated copy for the length of the call.
        unsafe unlink(temporary)
    }

    /// Makes the file that shall take the name `path`.
    private static func openBeside(_ path: String) throws(HostFileError) -> (temporary: String, descriptor: Int32) {
        guard !path.isEmpty else { throw HostFileError(path: path, problem: .cannotWrite(errno: ENOENT)) }
        var status = stat()
        // The new file takes the place of what has the name: that must not be /dev/null.
        // SAFETY: the path is a terminated copy, and `status` is valid, for the length of the call.
        if unsafe stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            let isDirectory = status.st_mode & S_IFMT == S_IFDIR
            throw HostFileError(path: path, problem: isDirectory ? .isDirectory : .notARegularFile)
        }
        let temporary = "\(path).\(getpid()).new"
        // SAFETY: the path is a terminated copy for the length of the call.
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw HostFileError(path: path, problem: .cannotWrite(errno: errno)) }
        return (temporary, descriptor)
    }
}

/// Why a file of the host could not be read or written.
package struct HostFileError: Error, Hashable, Sendable {
    package enum Problem: Hashable, Sendable {
        case cannotOpen(errno: Int32)
        case cannotRead(errno: Int32)
        case cannotWrite(errno: Int32)
        /// It is not any more what it was when it was opened.
        case changed
        case isDirectory
        case notARegularFile
        case tooLarge(size: UInt64, limit: UInt64)
        case truncated(size: UInt64, read: UInt64)
    }

    package let path: String
    package let problem: Problem
}
