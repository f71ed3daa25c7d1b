package import Glibc

/// Between a file of the host and guest memory.
package enum FileTransfer: Hashable, Sendable {
    /// From the file into memory.
    case read
    case write
}

/// Why a transfer stopped early.
package enum FileTransferError: Error, Hashable, Sendable {
    /// The file ends before the transfer does.
    case endOfFile
    case hostRefused(errno: Int32)
    /// A buffer is not RAM.
    case memory(GuestMemoryError)
}

extension GuestMemory {
    /// Source: Linux, UIO_MAXIOV.
    private static let buffersAtOnce = 256

    /// Moves bytes between a file and `buffers` without a copy in between: what the guest stores or loads meanwhile may or may
    /// not be part of it.
    ///
    /// - Parameters:
    ///   - descriptor: open, with positions: a file or a block device.
    ///   - offset: of the first byte in the file.
    ///   - range: bytes of the buffers, one behind the other.
    package func transfer(
        _ direction: FileTransfer, _ descriptor: Int32, at offset: UInt64, _ buffers: [GuestBuffer],
        range: Range<UInt64>
    ) throws(FileTransferError) {
        var cursor = BufferCursor()
        cursor.skip(range.lowerBound, of: buffers)
        var left = range.upperBound - range.lowerBound
        var position = offset
        while left > 0 {
            let count = try piece(direction, descriptor, at: position, buffers, cursor, limit: left)
            if direction == .read { noteWrites(buffers, cursor, count: count) }
            cursor.skip(count, of: buffers)
            left -= count
            position += count
        }
    }

    /// One system call. Gives how many bytes it moved, at least 1.
    private func piece(
        _ direction: FileTransfer, _ descriptor: Int32, at offset: UInt64, _ buffers: [GuestBuffer],
        _ start: BufferCursor, limit: UInt64
    ) throws(FileTransferError) -> UInt64 {
        guard let place = off_t(exactly: offset) else { throw .hostRefused(errno: EINVAL) }
        let wanted = min(Self.buffersAtOnce, buffers.count - start.index)
        // SAFETY: the entries are initialised up to `count`. The kernel takes concurrent writers into account.
        let result: Result<Int, FileTransferError> = unsafe withUnsafeTemporaryAllocation(
            of: iovec.self, capacity: max(wanted, 1)
        ) { vectors in
            let count: Int
            do throws(GuestMemoryError) {
                count = unsafe try fill(vectors, buffers, start, limit: limit)
            } catch {
                return .failure(.memory(error))
            }
            while true {
                let moved =
                    switch direction {
                    case .read: unsafe preadv(descriptor, vectors.baseAddress, Int32(count), place)
                    case .write: unsafe pwritev(descriptor, vectors.baseAddress, Int32(count), place)
                    }
                if moved >= 0 { return .success(moved) }
                if errno != EINTR { return .failure(.hostRefused(errno: errno)) }
            }
        }
        switch result {
        case .success(let moved) where moved > 0: return UInt64(moved)
        case .success: throw .endOfFile
        case .failure(let error): throw error
        }
    }

    /// Gives how many entries were initialised.
    @unsafe
    private func fill(
        _ vectors: UnsafeMutableBufferPointer<iovec>, _ buffers: [GuestBuffer], _ start: BufferCursor, limit: UInt64
    ) throws(GuestMemoryError) -> Int {
        var cursor = start
        var left = limit
        var count = 0
        while count < vectors.count, left > 0, let (address, length) = cursor.next(of: buffers, upTo: left) {
            // SAFETY: the entry is inside the vectors; it names memory that hostAddress has checked, in a mapping that lives
            // as long as self.
            let host = unsafe try hostAddress(address, count: length)
            unsafe vectors.initializeElement(at: count, to: iovec(iov_base: host, iov_len: length))
            left -= UInt64(length)
            count += 1
        }
        return count
    }

    /// Names bytes of `buffers` for the kernel, as many as `vectors` has room for. Gives how many entries were initialised. They are
    /// good as long as this memory lives; who has the kernel write there calls `noteTransfer` when it has.
    @unsafe
    package func fill(
        _ vectors: UnsafeMutableBufferPointer<iovec>, _ buffers: [GuestBuffer], range: Range<UInt64>
    ) throws(GuestMemoryError) -> Int {
        var cursor = BufferCursor()
        cursor.skip(range.lowerBound, of: buffers)
        // SAFETY: as above.
        return unsafe try fill(vectors, buffers, cursor, limit: range.upperBound - range.lowerBound)
    }

    /// The kernel has written these bytes of `buffers`.
    package func noteTransfer(_ buffers: [GuestBuffer], range: Range<UInt64>) {
        var cursor = BufferCursor()
        cursor.skip(range.lowerBound, of: buffers)
        noteWrites(buffers, cursor, count: range.upperBound - range.lowerBound)
    }

    private func noteWrites(_ buffers: [GuestBuffer], _ start: BufferCursor, count: UInt64) {
        var cursor = start
        var left = count
        while left > 0, let (address, length) = cursor.next(of: buffers, upTo: left) {
            writeObserver.noteWrite(address, count: UInt64(length))
            left -= UInt64(length)
        }
    }
}

/// A place in a list of buffers.
struct BufferCursor {
    var index = 0
    /// Bytes of that buffer which are done.
    var offset: UInt32 = 0

    mutating func skip(_ count: UInt64, of buffers: [GuestBuffer]) {
        var left = count
        while left > 0, let (_, length) = next(of: buffers, upTo: left) { left -= UInt64(length) }
    }

    /// The next piece that is not empty, at most `limit` (at least 1) bytes; goes behind it.
    mutating func next(of buffers: [GuestBuffer], upTo limit: UInt64) -> (GuestAddress, Int)? {
        while index < buffers.count {
            let buffer = buffers[index]
            guard offset < buffer.length, let address = buffer.address.advanced(by: UInt64(offset)) else {
                index += 1
                offset = 0
                continue
            }
            let length = UInt32(min(UInt64(buffer.length - offset), limit))
            offset += length
            return (address, Int(length))
        }
        return nil
    }
}
