internal import Synchronization
package import VMMCore

/// A disk on a raw image: a regular file or a block device of the host.
///
/// The image is locked as long as the disk lives: a second writer, here or in another program that locks images, is refused.
/// Its size is that at the opening: an image that shrinks later gives I/O errors, one that grows is used as before. A
/// completed flush has called fdatasync. With a snapshot the image is only read, and what is written lives as long as the disk.
///
/// Threading: any thread. Requests run on the disk's threads; or, `inTurn`, on the submitting one, which makes a run repeat
/// exactly. Errors: what the host refuses becomes `BlockResult.failed`, and is told to `onFailure` on any thread.
package final class RawDisk: BlockBackend {
    package enum Access: Hashable, Sendable {
        case readWrite
        case readOnly
        /// The guest writes; the image stays as it is.
        case snapshot
    }

    package let properties: BlockProperties
    private let executor: DiskExecutor
    private let workers: DiskWorkers?

    /// Requests of a disk that the host works on at once.
    private static let threadCount = 4

    package init(
        _ path: String, _ access: Access, inTurn: Bool, onFailure: @escaping @Sendable (DiskFailure) -> Void
    ) throws(DiskError) {
        let file = try DiskFile(path, writable: access == .readWrite)
        let overlay = access == .snapshot ? try DiskOverlay(over: file, path: path) : nil
        properties = BlockProperties(
            capacity: file.size, physicalBlockSize: file.physicalBlockSize, isReadOnly: access == .readOnly)
        executor = DiskExecutor(file: file, overlay: overlay, onFailure: onFailure)
        do throws(HostThreadError) {
            workers = inTurn ? nil : try DiskWorkers(threadCount: Self.threadCount, executor)
        } catch {
            switch error {
            case .hostRefused(let reason): throw DiskError(path: path, problem: .noThread(errno: reason))
            }
        }
    }

    deinit { workers?.close() }

    package func submit(_ request: consuming BlockRequest, for client: any BlockClient) {
        if let workers { return workers.submit(request, client) }
        let result = executor.execute(request, client.memory)
        client.completed(request, result)
    }

    package func commit() { workers?.commit() }

    package func drain(_ client: any BlockClient) { workers?.drain(client) }
}

/// Carries requests out, on whatever thread. It knows neither threads nor clients.
final class DiskExecutor: Sendable {
    private let file: DiskFile
    private let overlay: DiskOverlay?
    private let onFailure: @Sendable (DiskFailure) -> Void

    init(file: DiskFile, overlay: DiskOverlay?, onFailure: @escaping @Sendable (DiskFailure) -> Void) {
        self.file = file
        self.overlay = overlay
        self.onFailure = onFailure
    }

    func execute(_ request: borrowing BlockRequest, _ memory: GuestMemory) -> BlockResult {
        do throws(FileTransferError) {
            try perform(request, memory)
            return .done
        } catch {
            onFailure(
                DiskFailure(
                    operation: request.operation, offset: request.offset, length: request.length, reason: error))
            return .failed
        }
    }

    private func perform(_ request: borrowing BlockRequest, _ memory: GuestMemory) throws(FileTransferError) {
        let range = request.offset..<request.offset + request.length
        switch request.operation {
        case .read: try transfer(.read, request, memory)
        case .write:
            try transfer(.write, request, memory)
            if request.isDurable { try synchronize() }
        case .flush: try synchronize()
        case .discard:
            // A snapshot has nothing to give back to the image's file system, and its own memory is rarely worth it.
            if overlay == nil { try file.discard(range) }
        case .writeZeroes(let mayUnmap):
            if let overlay { try overlay.writeZeroes(range) } else { try file.writeZeroes(range, mayUnmap: mayUnmap) }
            if request.isDurable { try synchronize() }
        }
    }

    private func transfer(
        _ direction: FileTransfer, _ request: borrowing BlockRequest, _ memory: GuestMemory
    ) throws(FileTransferError) {
        if let overlay {
            try overlay.transfer(
                direction, at: request.offset, request.buffers, range: 0..<request.length, memory: memory)
        } else {
            try file.transfer(
                direction, at: request.offset, request.buffers, range: 0..<request.length, memory: memory)
        }
    }

    private func synchronize() throws(FileTransferError) {
        // A snapshot is gone at the end anyway.
        if overlay == nil { try file.synchronize() }
    }
}
