import Glibc
import HostIO
import Testing
import VMMCore

/// An image that goes away with the test.
final class DiskImage: Sendable {
    let path: String

    init(size: Int, byte: UInt8 = 0) throws {
        path = "/tmp/swvmm-disk.\(getpid()).\(UInt64.random(in: 0 ... .max))"
        try HostFile.write([UInt8](repeating: byte, count: size), to: path)
    }

    /// The file system of images does direct I/O.
    static let canBeDirect: Bool = {
        let image = try? DiskImage(size: 4096)
        return image.flatMap { try? RawDisk($0.path, .readOnly, engine: .inTurn, direct: true) { _ in } } != nil
    }()

    deinit { unsafe _ = unlink(path) }

    var bytes: [UInt8] { get throws { try HostFile.read(path, limit: 1 << 30) } }
}

/// Waits for its requests' ends.
final class DiskClient: BlockClient {
    let memory: GuestMemory
    let ends = Monitor<[UInt64: BlockResult]>([:])

    init() throws {
        let range = try #require(GuestRange(start: GuestAddress(0x1000), size: 1 << 20))
        memory = try GuestMemory([range])
    }

    func completed(_ request: consuming BlockRequest, _ result: BlockResult) {
        let tag = request.tag
        ends.withLock { $0[tag] = result }
        ends.wakeAll()
    }

    func wait(_ tag: UInt64) -> BlockResult { ends.waiting { $0[tag] } }
}

extension DiskClient {
    func perform(
        _ disk: some BlockBackend, _ operation: BlockOperation, at offset: UInt64 = 0, _ length: UInt64 = 0,
        _ buffers: [GuestBuffer] = [], tag: UInt64 = .random(in: 0 ... .max)
    ) -> BlockResult {
        var request = BlockRequest(tag: tag, operation: operation, offset: offset, length: length, buffers: buffers)
        // Nothing that a test could see but that it works.
        request.isDurable = tag % 2 == 0
        disk.submit(request, for: self)
        disk.commit()
        return wait(tag)
    }
}

func buffer(_ address: UInt64, _ length: UInt32) -> GuestBuffer {
    GuestBuffer(address: GuestAddress(address), length: length)
}
