package import VMMCore

/// A disk that a server has (NBD), by way of a program beside this one (docs/adr/0011-nbd-disks-in-a-program.md).
///
/// Threading: any thread. A thread of the disk takes the replies. Errors: what the server refuses becomes `BlockResult.failed`, and is told to
/// `onFailure` on any thread; when the connection is lost, all that comes later fails, too.
package final class NBDDisk: BlockBackend {
    /// What a path that is a URI of such a disk begins with. Source: the NBD project's uri.md.
    private static let schemes = ["nbd:", "nbds:", "nbd+unix:", "nbds+unix:", "nbd+vsock:", "nbds+vsock:"]

    package static func isURI(_ path: String) -> Bool { schemes.contains { path.hasPrefix($0 + "//") } }

    package let properties: BlockProperties
    private let link: NBDLink
    private let thread: HostThread

    /// Connects, and waits for that. The connection ends with the calling thread.
    package init(
        _ uri: String, isReadOnly: Bool, onFailure: @escaping @Sendable (DiskFailure) -> Void,
        onLoss: @escaping @Sendable (NBDLoss) -> Void
    ) throws(DiskError) {
        do throws(NBDProblem) {
            let slots: NBDSlots
            do throws(NBDSlotsRefused) { slots = try NBDSlots() } catch { throw .hostRefused(errno: error.errno) }
            let (process, export) = try NBDProcess.start(uri, slots)
            guard isReadOnly || !export.isReadOnly else { throw .notWritable }
            properties = try Self.properties(export, isReadOnly: isReadOnly)
            link = NBDLink(process, slots, NBDDiskState(export), onFailure: onFailure, onLoss: onLoss)
        } catch {
            throw DiskError(path: uri, problem: .export(error))
        }
        do throws(HostThreadError) {
            thread = try link.start()
        } catch {
            switch error {
            case .hostRefused(let reason): throw DiskError(path: uri, problem: .noThread(errno: reason))
            }
        }
    }

    deinit { link.close(thread) }

    static func properties(_ export: NBDExport, isReadOnly: Bool) throws(NBDProblem) -> BlockProperties {
        guard export.size > 0 else { throw .empty }
        guard export.size % BlockProperties.sectorSize == 0 else { throw .notSectorSized(export.size) }
        // Linux takes no larger blocks than a page; what a driver aligns by itself must be enough.
        let logical = max(export.minimumBlock, BlockProperties.sectorSize)
        guard logical <= 4096, logical.nonzeroBitCount == 1 else { throw .blocksTooLarge(export.minimumBlock) }
        let preferred = export.preferredBlock
        let isSensible = preferred.nonzeroBitCount == 1 && (logical...65536).contains(preferred)
        return BlockProperties(
            capacity: export.size, logicalBlockSize: UInt32(logical),
            physicalBlockSize: UInt32(isSensible ? preferred : max(logical, 4096)), isReadOnly: isReadOnly)
    }

    package func submit(_ request: consuming BlockRequest, for client: any BlockClient) { link.submit(request, client) }

    package func commit() { link.commit() }

    package func drain(_ client: any BlockClient) { link.drain(client) }
}

extension NBDDisk: StatisticsSource {
    package var kind: String { "nbd" }
    package var counters: [DeviceCounter] { link.counters }
}
