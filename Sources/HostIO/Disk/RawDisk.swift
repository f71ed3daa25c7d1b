internal import Uring
package import VMMCore

/// A disk on a raw image: a regular file or a block device of the host.
///
/// The image is locked as long as the disk lives: a second writer, here or in another program that locks images, is refused.
/// Its size is that at the opening: an image that shrinks later gives I/O errors, one that grows is used as before. A
/// completed flush has called fdatasync. With a snapshot the image is only read, and what is written lives as long as the disk.
///
/// Threading: any thread. Requests run in the kernel, by io_uring, or on threads of the disk where the host refuses that, and for
/// snapshots; or, with `inTurn`, on the submitting one, which makes a run repeat exactly. Errors: what the host refuses becomes `BlockResult.failed`, and is told to `onFailure` on any thread.
package final class RawDisk: BlockBackend {
    package enum Access: Hashable, Sendable {
        case readWrite
        case readOnly
        /// The guest writes; the image stays as it is.
        case snapshot
    }

    /// What carries the requests out.
    package enum Engine: Hashable, Sendable {
        /// io_uring if the host has it, else threads.
        case automatic
        case ring
        case threads
        /// Who submits.
        case inTurn
    }

    private enum Running {
        /// Of a block device that is written: a thread besides, for discards, which io_uring has not.
        case ring(DiskRing, HostThread, discards: DiskWorkers?)
        case threads(DiskWorkers)
        case inTurn
    }

    package let properties: BlockProperties
    /// Why it is threads although io_uring would have been taken: the host's reason. Nil: it is as was asked for.
    package let ringRefusal: Int32?
    private let executor: DiskExecutor
    private let running: Running

    /// Requests of a disk that its threads work on at once.
    private static let threadCount = 4

    /// - Parameter direct: past the host's page cache, where alignment allows.
    package init(
        _ path: String, _ access: Access, engine: Engine, direct: Bool = false,
        onFailure: @escaping @Sendable (DiskFailure) -> Void
    ) throws(DiskError) {
        let file = try DiskFile(path, writable: access == .readWrite, direct: direct)
        let overlay = access == .snapshot ? try DiskOverlay(over: file, path: path) : nil
        properties = BlockProperties(
            capacity: file.size, logicalBlockSize: file.blocks.logical, physicalBlockSize: file.blocks.physical,
            isReadOnly: access == .readOnly)
        executor = DiskExecutor(file: file, overlay: overlay, onFailure: onFailure)
        do throws(StartRefusal) {
            (running, ringRefusal) = try Self.start(engine, file, access, executor, onFailure)
        } catch {
            switch error {
            case .ring(let reason): throw DiskError(path: path, problem: .noRing(errno: reason))
            case .thread(.hostRefused(let reason)): throw DiskError(path: path, problem: .noThread(errno: reason))
            }
        }
    }

    private enum StartRefusal: Error {
        case ring(errno: Int32)
        case thread(HostThreadError)
    }

    /// A snapshot's bytes lie in two files, with a map that changes: that is work for threads.
    private static func start(
        _ engine: Engine, _ file: DiskFile, _ access: Access, _ executor: DiskExecutor,
        _ onFailure: @escaping @Sendable (DiskFailure) -> Void
    ) throws(StartRefusal) -> (Running, ringRefusal: Int32?) {
        switch engine {
        case .inTurn: return (.inTurn, nil)
        case .threads: return (.threads(try threads(executor)), nil)
        case .automatic where access == .snapshot: return (.threads(try threads(executor)), nil)
        case .automatic, .ring: break
        }
        let ring: DiskRing
        do throws(IORing.Refusal) {
            ring = try DiskRing(file, onFailure: onFailure)
        } catch {
            guard engine == .automatic else { throw .ring(errno: error.errno) }
            return (.threads(try threads(executor)), error.errno)
        }
        let discards = file.isDevice && access == .readWrite ? try threads(executor, count: 1) : nil
        do throws(HostThreadError) {
            return (.ring(ring, try ring.start(), discards: discards), nil)
        } catch {
            discards?.close()
            throw .thread(error)
        }
    }

    private static func threads(
        _ executor: DiskExecutor, count: Int = threadCount
    ) throws(StartRefusal) -> DiskWorkers {
        do throws(HostThreadError) {
            return try DiskWorkers(threadCount: count, executor)
        } catch {
            throw .thread(error)
        }
    }

    deinit {
        switch running {
        case .ring(let ring, let thread, let discards):
            ring.close(thread)
            discards?.close()
        case .threads(let workers): workers.close()
        case .inTurn: break
        }
    }

    package func submit(_ request: consuming BlockRequest, for client: any BlockClient) {
        switch running {
        case .ring(_, _, let discards?) where request.operation == .discard: discards.submit(request, client)
        case .ring(let ring, _, _): ring.submit(request, client)
        case .threads(let workers): workers.submit(request, client)
        case .inTurn:
            let result = executor.execute(request, client.memory)
            client.completed(request, result)
        }
    }

    package func commit() {
        switch running {
        case .ring(let ring, _, let discards):
            ring.commit()
            discards?.commit()
        case .threads(let workers): workers.commit()
        case .inTurn: break
        }
    }

    package func drain(_ client: any BlockClient) {
        switch running {
        case .ring(let ring, _, let discards):
            ring.drain(client)
            discards?.drain(client)
        case .threads(let workers): workers.drain(client)
        case .inTurn: break
        }
    }
}

extension RawDisk: StatisticsSource {
    package var kind: String {
        switch running {
        case .ring: "io_uring"
        case .threads: "threads"
        case .inTurn: "in turn"
        }
    }

    package var counters: [DeviceCounter] {
        var counters = executor.file.direct?.counters ?? []
        if case .ring(let ring, _, _) = running { counters += ring.counters }
        return counters
    }
}

/// Carries requests out, on whatever thread. It knows neither threads nor clients.
final class DiskExecutor: Sendable {
    let file: DiskFile
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
