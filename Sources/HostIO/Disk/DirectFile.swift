internal import Glibc
internal import HostBridge
internal import Synchronization
internal import VMMCore

/// An image's second opening, past the host's page cache.
///
/// The kernel asks for aligned requests then. Those whose position or length is not in its blocks go by the first opening, and
/// those for whose guest memory alone it has no use by a buffer in between. It keeps both openings' views of the file the
/// same. Threading: any thread.
final class DirectFile: Sendable {
    enum Way: Hashable, Sendable {
        case direct
        /// Aligned, but for the guest's memory.
        case bounced
        /// By the page cache.
        case cached
    }

    /// Most that an alignment can be.
    private static let alignmentLimit: UInt32 = 1 << 16
    private static let bounceCount = 16
    private static let bounceSize = 128 << 10
    private static let pageSize = 4096

    let descriptor: Int32
    /// What positions and lengths are multiples of, in bytes.
    let blockSize: UInt64
    private let memoryAlignment: UInt64
    /// Each holds whole blocks.
    let bounces: BounceBuffers
    private let free: Monitor<[Int]>
    private let bounced = Atomic<UInt64>(0)
    private let cached = Atomic<UInt64>(0)

    /// - Parameter first: the file's descriptor: what `path` means may have changed since it was opened.
    init(_ path: String, writable: Bool, sameAs first: Int32) throws(DiskError) {
        // SAFETY: the path is a terminated copy for the length of the call.
        let descriptor = unsafe host_disk_open_direct(path, writable)
        guard descriptor >= 0 else { throw DiskError(path: path, problem: .noDirect(errno: errno)) }
        var (memory, position): (UInt32, UInt32) = (0, 0)
        do throws(DiskError) {
            guard Self.isSame(descriptor, first) else {
                throw DiskError(path: path, problem: .cannotOpen(errno: ENOENT))
            }
            // SAFETY: both are live locals.
            let reason = unsafe host_disk_direct_alignment(descriptor, &memory, &position)
            let isSensible = [memory, position].allSatisfy { $0.nonzeroBitCount == 1 && $0 <= Self.alignmentLimit }
            guard reason == 0, isSensible else {
                throw DiskError(path: path, problem: .noDirect(errno: reason == 0 ? EINVAL : reason))
            }
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        blockSize = UInt64(position)
        memoryAlignment = UInt64(memory)
        bounces = BounceBuffers(
            count: Self.bounceCount, size: Self.bounceSize, alignment: max(Self.pageSize, Int(memory)))
        free = Monitor(Array(0..<Self.bounceCount))
    }

    deinit { close(descriptor) }

    private static func isSame(_ one: Int32, _ other: Int32) -> Bool {
        var (first, second) = (stat(), stat())
        // SAFETY: both are live locals.
        guard unsafe fstat(one, &first) == 0, unsafe fstat(other, &second) == 0 else { return false }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    /// - Parameters:
    ///   - offset: of the first byte of `range` in the file.
    ///   - range: bytes of the buffers.
    func way(at offset: UInt64, _ buffers: [GuestBuffer], _ range: Range<UInt64>, _ memory: GuestMemory) -> Way {
        guard (offset | range.length) & (blockSize - 1) == 0 else {
            cached.wrappingAdd(1, ordering: .relaxed)
            return .cached
        }
        if memory.isAligned(buffers, range: range, address: memoryAlignment, length: blockSize) { return .direct }
        bounced.wrappingAdd(1, ordering: .relaxed)
        return .bounced
    }

    /// What of `range` fits a bounce buffer.
    func bouncePiece(_ range: Range<UInt64>) -> Range<UInt64> {
        range.lowerBound..<min(range.upperBound, range.lowerBound + UInt64(bounces.size))
    }

    var counters: [DeviceCounter] {
        [
            DeviceCounter("bounced", bounced.load(ordering: .relaxed)),
            DeviceCounter("cached", cached.load(ordering: .relaxed)),
        ]
    }

    // MARK: On the calling thread

    /// - Parameter cached: the first opening.
    func transfer(
        _ direction: FileTransfer, at offset: UInt64, _ buffers: [GuestBuffer], range: Range<UInt64>,
        memory: GuestMemory, cached: Int32
    ) throws(FileTransferError) {
        do throws(FileTransferError) {
            switch way(at: offset, buffers, range, memory) {
            case .direct: try memory.transfer(direction, descriptor, at: offset, buffers, range: range)
            case .bounced: try bounce(direction, at: offset, buffers, range, memory)
            case .cached: try memory.transfer(direction, cached, at: offset, buffers, range: range)
            }
        } catch .hostRefused(errno: EINVAL) {
            // Less is taken than was said, or the file ends in the middle of a block now.
            try memory.transfer(direction, cached, at: offset, buffers, range: range)
        }
    }

    private func bounce(
        _ direction: FileTransfer, at offset: UInt64, _ buffers: [GuestBuffer], _ range: Range<UInt64>,
        _ memory: GuestMemory
    ) throws(FileTransferError) {
        let index = free.waiting { $0.popLast() }
        defer {
            free.withLock { $0.append(index) }
            free.wakeOne()
        }
        var left = range
        while !left.isEmpty {
            let piece = bouncePiece(left)
            let position = offset + (piece.lowerBound - range.lowerBound)
            // SAFETY: the buffer is ours until it is given back, and as long as the piece.
            let bytes = unsafe bounces.bytes(index, Int(piece.length))
            do throws(GuestMemoryError) {
                if direction == .write { unsafe try memory.copyOut(buffers, range: piece, to: bytes) }
            } catch {
                throw .memory(error)
            }
            let moved = unsafe try move(direction, bytes, at: position)
            let done = piece.lowerBound..<piece.lowerBound + moved
            do throws(GuestMemoryError) {
                if direction == .read {
                    unsafe try memory.copyIn(UnsafeRawBufferPointer(bytes), to: buffers, range: done)
                }
            } catch {
                throw .memory(error)
            }
            left = done.upperBound..<range.upperBound
        }
    }

    /// One system call. Gives how many bytes it moved, at least 1.
    @unsafe
    private func move(
        _ direction: FileTransfer, _ bytes: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(FileTransferError) -> UInt64 {
        while true {
            // SAFETY: the buffer is as long as it says.
            let moved =
                switch direction {
                case .read: unsafe pread(descriptor, bytes.baseAddress, bytes.count, off_t(clamping: offset))
                case .write: unsafe pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(clamping: offset))
                }
            if moved > 0 { return UInt64(moved) }
            if moved == 0 { throw .endOfFile }
            guard errno == EINTR else { throw .hostRefused(errno: errno) }
        }
    }
}
