internal import Glibc
internal import HostBridge
internal import Synchronization
package import VMMCore

/// A file of the host that is read where it is needed, and again later: it stays open meanwhile instead of taking memory.
///
/// What was opened is what is read, also when its name is another file's by then, or nobody's. Written to, it is refused.
///
/// Threading: any thread.
package final class KeptHostFile: Sendable {
    package let path: String
    /// In bytes, when it was opened.
    package let size: Int
    private let descriptor: Int32
    private let first: Stamp
    private let firstProblem = Mutex<HostFileError?>(nil)

    /// What tells that a file was written to.
    private struct Stamp: Hashable {
        let size: UInt64
        let seconds: Int
        let nanoseconds: Int
    }

    /// - Parameter limit: the largest size accepted, in bytes.
    package init(_ path: String, limit: UInt64) throws(HostFileError) {
        // Without O_NONBLOCK the opening of a named pipe would wait for a writer.
        // SAFETY: the path is a terminated copy for the length of the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw HostFileError(path: path, problem: .cannotOpen(errno: errno)) }
        do throws(HostFileError) {
            first = try Self.stamp(descriptor, path)
            guard first.size <= limit, let size = Int(exactly: first.size) else {
                throw HostFileError(path: path, problem: .tooLarge(size: first.size, limit: limit))
            }
            self.size = size
        } catch {
            close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Throws `.changed` when the file may have been written to since it was opened.
    package func check() throws(HostFileError) {
        guard try Self.stamp(descriptor, path) == first else { throw HostFileError(path: path, problem: .changed) }
    }

    /// All its bytes, which are the same each time: `.changed` is thrown when they may not be.
    package func read() throws(HostFileError) -> [UInt8] {
        try check()
        return try contents(0..<size)
    }

    /// Bytes of it as they are now; nil: `problem` has the reason.
    ///
    /// - Parameter range: below `size`.
    package func read(_ range: Range<Int>) -> [UInt8]? {
        do throws(HostFileError) { return try contents(range) } catch {
            note(error)
            return nil
        }
    }

    private func contents(_ range: Range<Int>) throws(HostFileError) -> [UInt8] {
        var failure: FileTransferError?
        // SAFETY: each read goes into the rest of the buffer, whose capacity is the range's; `initialized` counts what was read.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, initialized in
            while initialized < range.count, failure == nil, let start = buffer.baseAddress {
                let place = off_t(range.lowerBound + initialized)
                let count = unsafe pread(descriptor, start + initialized, range.count - initialized, place)
                if count > 0 {
                    initialized += count
                } else if count == 0 {
                    failure = .endOfFile
                } else if errno != EINTR {
                    failure = .hostRefused(errno: errno)
                }
            }
        }
        if let failure { throw self.failure(failure) }
        return bytes
    }

    /// Reads bytes of it as they are now into guest memory, from `address` on. False: `problem` has the reason.
    ///
    /// - Parameter range: below `size`.
    package func read(
        _ range: Range<Int>, into memory: GuestMemory, at address: GuestAddress
    ) throws(GuestMemoryError) -> Bool {
        // A buffer's length has 32 bits.
        let pieceSize = 1 << 30
        var done = 0
        while done < range.count {
            let count = min(pieceSize, range.count - done)
            guard let start = address.advanced(by: UInt64(done)) else {
                throw .outOfRange(address, count: UInt64(range.count))
            }
            let buffer = GuestBuffer(address: start, length: UInt32(count))
            do throws(FileTransferError) {
                try memory.transfer(
                    .read, descriptor, at: UInt64(range.lowerBound + done), [buffer], range: 0..<UInt64(count))
            } catch {
                if case .memory(let error) = error { throw error }
                note(failure(error))
                return false
            }
            done += count
        }
        return true
    }

    /// Why bytes of it could not be read; nil: so far they could.
    package var problem: HostFileError? { firstProblem.withLock { $0 } }

    private func note(_ failure: HostFileError) { firstProblem.withLock { $0 = $0 ?? failure } }

    private func failure(_ error: FileTransferError) -> HostFileError {
        let problem: HostFileError.Problem =
            switch error {
            case .hostRefused(let errno): .cannotRead(errno: errno)
            case .endOfFile, .memory:
                .truncated(size: first.size, read: (try? Self.stamp(descriptor, path).size) ?? 0)
            }
        return HostFileError(path: path, problem: problem)
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
}
