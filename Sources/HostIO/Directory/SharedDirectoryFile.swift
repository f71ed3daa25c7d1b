internal import Glibc
internal import HostBridge
internal import Synchronization
package import VMMCore

/// A regular file or directory of a shared directory that is open.
package final class SharedDirectoryFile: OpenFile {
    private let descriptor: Int32
    private let isDirectory: Bool
    private let budget: DescriptorBudget
    /// Held while the descriptor's position is used.
    private let listing = Mutex(())

    /// - Parameter descriptor: becomes its own; -1: the call has failed, with errno set.
    init(_ descriptor: Int32, isDirectory: Bool, _ budget: DescriptorBudget) throws(FileFailure) {
        try budget.take(descriptor)
        self.descriptor = descriptor
        self.isDirectory = isDirectory
        self.budget = budget
    }

    deinit { budget.giveBack(descriptor) }

    package func read(
        into bytes: inout [UInt8], _ range: Range<Int>, at offset: UInt64
    ) throws(FileFailure) -> Int {
        guard !isDirectory else { throw .isADirectory }
        // Behind the largest file there is nothing.
        guard let place = off_t(exactly: offset), place <= off_t.max - off_t(range.count) else { return 0 }
        var done = 0
        while done < range.count {
            // SAFETY: the range lies in the array.
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe pread(
                    descriptor, buffer.baseAddress.map { unsafe $0 + range.lowerBound + done }, range.count - done,
                    place + off_t(done))
            }
            if count == 0 { break }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                guard done == 0 else { break }
                throw FileFailure(errno)
            }
        }
        return done
    }

    package func write(_ bytes: [UInt8], _ range: Range<Int>, at offset: UInt64) throws(FileFailure) -> Int {
        guard !isDirectory else { throw .badDescriptor }
        guard let place = off_t(exactly: offset), place <= off_t.max - off_t(range.count) else { throw .tooLarge }
        var done = 0
        while done < range.count {
            // SAFETY: the range lies in the array.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe pwrite(
                    descriptor, buffer.baseAddress.map { unsafe $0 + range.lowerBound + done }, range.count - done,
                    place + off_t(done))
            }
            if count > 0 {
                done += count
            } else if count == 0 || errno != EINTR {
                guard done == 0 else { break }
                throw count == 0 ? .inputOutput : FileFailure(errno)
            }
        }
        return done
    }

    package func synchronize(dataOnly: Bool) throws(FileFailure) {
        while (dataOnly ? fdatasync(descriptor) : fsync(descriptor)) != 0 {
            guard errno == EINTR else { throw FileFailure(errno) }
        }
    }

    // MARK: Directories

    /// struct linux_dirent64: u64 d_ino, s64 d_off, u16 d_reclen, u8 d_type, and a terminated name. Source: getdents64(2).
    private enum Layout {
        static let next = 8
        static let recordLength = 16
        static let type = 18
        static let name = 19
    }

    package func entries(
        from position: UInt64, _ body: (DirectoryEntry) -> Bool
    ) throws(FileFailure) {
        guard isDirectory else { throw .notADirectory }
        guard var place = off_t(exactly: position) else { throw .invalid }
        let device = UInt64(try SharedDirectoryNode.status(descriptor).st_dev)
        var buffer = [UInt8](repeating: 0, count: 32 << 10)
        try listing.withLock { _ throws(FileFailure) in
            while true {
                // SAFETY: the buffer has as many bytes as the call is told.
                let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                    unsafe host_tree_entries(descriptor, place, bytes.baseAddress, bytes.count)
                }
                guard count >= 0 else { throw FileFailure(errno) }
                guard count > 0 else { return }
                var start = 0
                while start + Layout.name <= count {
                    let length = Int(Self.integer(buffer, start + Layout.recordLength, 2))
                    guard length >= Layout.name, start + length <= count else { return }
                    let next = Self.integer(buffer, start + Layout.next, 8)
                    let name = buffer[(start + Layout.name)..<(start + length)].prefix { $0 != 0 }
                    let number = Self.integer(buffer, start, 8)
                    let entry = DirectoryEntry(
                        name: Array(name), kind: Self.kind(buffer[start + Layout.type]),
                        identifier: FileAttributes.identifier(number, on: device), next: next)
                    guard body(entry) else { return }
                    place = off_t(truncatingIfNeeded: next)
                    start += length
                }
            }
        }
    }

    private static func integer(_ bytes: [UInt8], _ offset: Int, _ size: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in (offset..<offset + size).reversed() { value = value << 8 | UInt64(bytes[index]) }
        return value
    }

    private static func kind(_ type: UInt8) -> FileKind {
        switch Int(type) {
        case 4: .directory
        case 8: .regular
        case 10: .symbolicLink
        default: .other
        }
    }
}
