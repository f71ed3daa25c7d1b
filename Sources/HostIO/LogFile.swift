internal import Glibc
internal import Synchronization

/// A file that grows by what is appended to it, up to a limit. Threading: any thread.
package final class LogFile: Sendable {
    private let descriptor: Int32
    private let room: Mutex<Int>

    /// Makes the file, or empties it.
    ///
    /// - Parameter limit: of its size in bytes; what comes after is dropped.
    package init(_ path: String, limit: Int) throws(HostFileError) {
        // SAFETY: the path is a terminated copy for the length of the call.
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0o644)
        guard descriptor >= 0 else { throw HostFileError(path: path, problem: .cannotWrite(errno: errno)) }
        self.descriptor = descriptor
        room = Mutex(limit)
    }

    deinit { close(descriptor) }

    /// A disk that is full loses the rest, and says nothing: the log is a help, not a result.
    package func append(_ bytes: [UInt8]) {
        room.withLock { room in
            var written = 0
            let wanted = min(bytes.count, room)
            while written < wanted {
                // SAFETY: the rest of the array, which outlives the call.
                let count = unsafe bytes.withUnsafeBytes { buffer in
                    unsafe write(descriptor, buffer.baseAddress.map { unsafe $0 + written }, wanted - written)
                }
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { break }
                written += count
            }
            room -= wanted
        }
    }
}

extension HostFile {
    /// Makes a directory and those above it; one that is there already is fine.
    package static func makeDirectory(_ path: String) throws(HostFileError) {
        var made = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            made += (made.isEmpty || made.hasSuffix("/") ? "" : "/") + part
            // SAFETY: the path is a terminated copy for the length of the call.
            guard unsafe mkdir(made, 0o755) != 0, errno != EEXIST else { continue }
            throw HostFileError(path: made, problem: .cannotWrite(errno: errno))
        }
    }

    /// Whether there is something by that name.
    package static func exists(_ path: String) -> Bool {
        // SAFETY: the path is a terminated copy for the length of the call.
        unsafe access(path, F_OK) == 0
    }
}
