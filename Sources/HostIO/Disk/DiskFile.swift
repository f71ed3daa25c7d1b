internal import Glibc
internal import HostBridge
internal import VMMCore

/// A raw image's open file: positions in it are positions on the disk. Closed with the last reference, and unlocked by that.
///
/// Threading: any thread.
final class DiskFile: Sendable {
    let descriptor: Int32
    /// In bytes, when it was opened.
    let size: UInt64
    let blocks: BlockSizes
    let isDevice: Bool
    /// Nil: requests go by the page cache.
    let direct: DirectFile?

    struct BlockSizes {
        /// 512 to 4096 bytes: a device's; 512 for files, whose contents' layout must not depend on where they lie.
        var logical: UInt32 = 512
        /// What file systems of the host allocate by; writes of it are best aligned so.
        var physical: UInt32 = 4096
    }

    /// Opens an image and locks it: against everyone else when it is to be written, against writers when it is read.
    init(_ path: String, writable: Bool, direct isDirect: Bool = false) throws(DiskError) {
        let (descriptor, mode) = try Self.open(path, writable: writable)
        do throws(DiskError) {
            var blocks: BlockSizes
            (size, blocks) = try Self.facts(descriptor, mode, path)
            isDevice = mode == S_IFBLK
            if isDevice, writable, host_disk_device_is_read_only(descriptor) {
                throw DiskError(path: path, problem: .notWritable(errno: EROFS))
            }
            try Self.lock(descriptor, exclusive: writable, isDevice: isDevice, path)
            direct = isDirect ? try DirectFile(path, writable: writable, sameAs: descriptor) : nil
            if let direct { blocks.physical = max(blocks.physical, UInt32(clamping: direct.blockSize)) }
            self.blocks = blocks
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    /// A file in memory, all holes.
    init(inMemory size: UInt64, path: String) throws(DiskError) {
        // SAFETY: the name is a terminated copy for the length of the call.
        descriptor = unsafe host_memory_file("swvmm-snapshot", off_t(clamping: size))
        guard descriptor >= 0 else { throw DiskError(path: path, problem: .noOverlay(errno: errno)) }
        self.size = size
        blocks = BlockSizes()
        isDevice = false
        direct = nil
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private static func open(_ path: String, writable: Bool) throws(DiskError) -> (Int32, mode_t) {
        var status = stat()
        // SAFETY: the path is a terminated copy, and `status` is valid, for the length of the calls.
        guard unsafe stat(path, &status) == 0 else { throw DiskError(path: path, problem: .cannotOpen(errno: errno)) }
        // Before it is opened: that alone does something to a pipe or a tape.
        let mode = status.st_mode & S_IFMT
        switch mode {
        case S_IFREG, S_IFBLK: break
        case S_IFDIR: throw DiskError(path: path, problem: .isDirectory)
        default: throw DiskError(path: path, problem: .notADisk)
        }
        // On a block device O_EXCL refuses what is mounted. Source: open(2).
        let flags =
            O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (writable ? O_RDWR : O_RDONLY)
            | (writable && mode == S_IFBLK ? O_EXCL : 0)
        let descriptor = unsafe Glibc.open(path, flags)
        guard descriptor >= 0 else {
            let reason = errno
            if writable {
                if reason == EBUSY && mode == S_IFBLK { throw DiskError(path: path, problem: .deviceInUse) }
                if unsafe access(path, R_OK) == 0 {
                    throw DiskError(path: path, problem: .notWritable(errno: reason))
                }
            }
            throw DiskError(path: path, problem: .cannotOpen(errno: reason))
        }
        // What the name means may have changed meanwhile.
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == mode else {
            close(descriptor)
            throw DiskError(path: path, problem: .notADisk)
        }
        return (descriptor, mode)
    }

    private static func lock(
        _ descriptor: Int32, exclusive: Bool, isDevice: Bool, _ path: String
    ) throws(DiskError) {
        var reason = host_disk_lock(descriptor, exclusive)
        if reason == 0, isDevice { reason = host_disk_device_lock(descriptor, exclusive) }
        switch reason {
        case 0: break
        case EAGAIN, EACCES: throw DiskError(path: path, problem: .locked)
        default: throw DiskError(path: path, problem: .cannotLock(errno: reason))
        }
    }

    private static func facts(
        _ descriptor: Int32, _ mode: mode_t, _ path: String
    ) throws(DiskError) -> (size: UInt64, BlockSizes) {
        var size: UInt64 = 0
        var blocks = BlockSizes()
        if mode == S_IFBLK {
            var (logical, physical): (UInt32, UInt32) = (0, 0)
            // SAFETY: all are live locals of the right types.
            let reason = unsafe host_disk_device_facts(descriptor, &size, &logical, &physical)
            guard reason == 0 else { throw DiskError(path: path, problem: .cannotOpen(errno: reason)) }
            // A device says something sensible; the guest is told only that. Linux takes no larger blocks than a page.
            if logical.nonzeroBitCount == 1, logical >= 512 { blocks.logical = min(logical, 4096) }
            if physical.nonzeroBitCount == 1, physical <= 65536 { blocks.physical = physical }
            blocks.physical = max(blocks.physical, blocks.logical)
        } else {
            var status = stat()
            // SAFETY: `status` is a live local of the right type.
            guard unsafe fstat(descriptor, &status) == 0 else {
                throw DiskError(path: path, problem: .cannotOpen(errno: errno))
            }
            size = UInt64(max(0, status.st_size))
        }
        guard size > 0 else { throw DiskError(path: path, problem: .empty) }
        guard size % BlockProperties.sectorSize == 0 else {
            throw DiskError(path: path, problem: .notSectorSized(size))
        }
        return (size, blocks)
    }

    // MARK: What requests do

    func transfer(
        _ direction: FileTransfer, at offset: UInt64, _ buffers: [GuestBuffer], range: Range<UInt64>,
        memory: GuestMemory
    ) throws(FileTransferError) {
        guard let direct else {
            return try memory.transfer(direction, descriptor, at: offset, buffers, range: range)
        }
        try direct.transfer(direction, at: offset, buffers, range: range, memory: memory, cached: descriptor)
    }

    /// What was written is on stable storage afterwards.
    func synchronize() throws(FileTransferError) {
        while fdatasync(descriptor) != 0 {
            guard errno == EINTR else { throw .hostRefused(errno: errno) }
        }
    }

    /// Gives a range's storage back. A file system or a device that cannot does nothing.
    func discard(_ range: Range<UInt64>) throws(FileTransferError) {
        let reason: Int32
        if isDevice {
            // Whole blocks inside.
            let block = UInt64(blocks.logical)
            let start = (range.lowerBound + block - 1) / block * block
            let end = range.upperBound / block * block
            guard start < end else { return }
            reason = host_disk_device_discard(descriptor, start, end - start)
        } else {
            reason = host_disk_punch(descriptor, off_t(clamping: range.lowerBound), off_t(clamping: range.length))
        }
        guard reason == 0 || reason == EOPNOTSUPP || reason == ENOSYS else { throw .hostRefused(errno: reason) }
    }

    func writeZeroes(_ range: Range<UInt64>, mayUnmap: Bool) throws(FileTransferError) {
        let start = off_t(clamping: range.lowerBound)
        let length = off_t(clamping: range.length)
        if mayUnmap, host_disk_punch(descriptor, start, length) == 0 { return }
        if host_disk_zero(descriptor, start, length) == 0 { return }
        // Whatever the reason was: writing tells whether there is one.
        let zeros = [UInt8](repeating: 0, count: Int(min(range.length, 1 << 16)))
        var position = range.lowerBound
        while position < range.upperBound {
            position += try write(zeros, count: Int(min(range.upperBound - position, 1 << 16)), at: position)
        }
    }

    /// Gives how many bytes were written: at least 1.
    private func write(_ bytes: [UInt8], count: Int, at offset: UInt64) throws(FileTransferError) -> UInt64 {
        while true {
            // SAFETY: the array has at least `count` bytes.
            let written = unsafe bytes.withUnsafeBytes {
                unsafe pwrite(descriptor, $0.baseAddress, count, off_t(clamping: offset))
            }
            if written > 0 { return UInt64(written) }
            guard written < 0, errno == EINTR else { throw .hostRefused(errno: written < 0 ? errno : EIO) }
        }
    }

    /// Copies a range of `other` to the same place here. The range is at most a few pages.
    func copy(_ range: Range<UInt64>, from other: DiskFile) throws(FileTransferError) {
        var bytes = [UInt8](repeating: 0, count: Int(range.length))
        var done = 0
        while done < bytes.count {
            // SAFETY: the rest of the array.
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe pread(
                    other.descriptor, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done,
                    off_t(clamping: range.lowerBound) + off_t(done))
            }
            if count > 0 {
                done += count
            } else if count == 0 {
                throw .endOfFile
            } else if errno != EINTR {
                throw .hostRefused(errno: errno)
            }
        }
        var position = range.lowerBound
        while position < range.upperBound {
            let from = Int(position - range.lowerBound)
            position += try write(Array(bytes[from...]), count: bytes.count - from, at: position)
        }
    }
}

extension Range<UInt64> {
    var length: UInt64 { upperBound - lowerBound }
}
