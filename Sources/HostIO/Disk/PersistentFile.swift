package import VMMCore

/// A file whose bytes are a guest's persistent memory: open and locked, for as long as it lives.
///
/// Threading: any thread.
package final class PersistentFile: PersistentStore {
    package enum Access: Hashable, Sendable {
        /// The guest's stores reach the file.
        case readWrite
        /// The guest's stores stay in memory; the file stays as it is.
        case snapshot
    }

    /// Sizes and places that Linux can use as persistent memory are multiples of it.
    /// Source: Linux, include/linux/mmzone.h, SUBSECTION_SIZE.
    package static let granularity: UInt64 = 2 << 20

    private let file: DiskFile
    private let access: Access
    private let onFailure: @Sendable (DiskFailure) -> Void

    /// - Parameter onFailure: told of each flush that the host could not do, on the flushing thread.
    package init(
        _ path: String, _ access: Access, onFailure: @escaping @Sendable (DiskFailure) -> Void
    ) throws(DiskError) {
        file = try DiskFile(path, writable: access == .readWrite)
        guard file.size.isMultiple(of: Self.granularity) else {
            throw DiskError(path: path, problem: .notPersistentMemorySized(file.size))
        }
        self.access = access
        self.onFailure = onFailure
    }

    /// In bytes: a multiple of `granularity`, at least that.
    package var size: UInt64 { file.size }

    /// The file as memory of the guest.
    package func mapped(at range: GuestRange) -> GuestMemory.MappedFile {
        .init(range: range, descriptor: file.descriptor, isShared: access == .readWrite)
    }

    /// Pages that were stored to by a shared mapping are written like any other of the file.
    package func flush() -> Bool {
        guard access == .readWrite else { return true }
        do throws(FileTransferError) {
            try file.synchronize()
            return true
        } catch {
            onFailure(DiskFailure(operation: .flush, offset: 0, length: 0, reason: error))
            return false
        }
    }
}
