import Glibc
import HostIO
import Testing
import VMMCore
import VMMTestSupport

/// Images past the page cache, on each engine that the host has.
@Suite(.enabled(if: DiskImage.canBeDirect, "the file system of /tmp refuses direct I/O"))
struct DirectDiskTests {
    private let client: DiskClient
    private let failures = Recorder<DiskFailure>()

    init() throws { client = try DiskClient() }

    private func open(
        _ path: String, _ engine: RawDisk.Engine, _ access: RawDisk.Access = .readWrite
    ) throws -> RawDisk {
        try RawDisk(path, access, engine: engine, direct: true) { [failures] in failures.record($0) }
    }

    private func count(_ name: String, of disk: RawDisk) -> UInt64? {
        disk.counters.first { $0.name == name }?.value
    }

    @Test(
        "aligned requests need no buffer in between; those that are not aligned in memory have one",
        arguments: RawDiskTests.engines)
    func ways(engine: RawDisk.Engine) throws {
        let image = try DiskImage(size: 1 << 18, byte: 3)
        let disk = try open(image.path, engine)
        try client.memory.fill(GuestAddress(0x1000), count: 1 << 18, with: 9)
        #expect(client.perform(disk, .write, at: 8192, 65_536, [buffer(0x1000, 65_536)]) == .done)
        #expect(count("bounced", of: disk) == 0 && count("cached", of: disk) == 0)
        // An odd address, and more than a buffer holds.
        #expect(client.perform(disk, .read, at: 0, 200_704, [buffer(0x1003, 200_704)]) == .done)
        #expect(try #require(count("bounced", of: disk)) > 0 && count("cached", of: disk) == 0)
        let expected = [UInt8](repeating: 3, count: 8192) + [UInt8](repeating: 9, count: 65_536)
        #expect(try client.memory.copyOut(GuestAddress(0x1003), count: 73_728) == expected)
        #expect(try client.memory.copyOut(GuestAddress(0x1003 + 73_728), count: 126_976).allSatisfy { $0 == 3 })
        #expect(client.perform(disk, .flush) == .done)
        #expect(failures.count == 0)
    }

    @Test("requests of any alignment do what they do by the page cache", arguments: RawDiskTests.engines)
    func anyAlignment(engine: RawDisk.Engine) throws {
        let size = 256 << 10
        let image = try DiskImage(size: size, byte: 7)
        let disk = try open(image.path, engine)
        var expected = [UInt8](repeating: 7, count: size)
        var random = SeededGenerator(seed: 11)
        for round in 0..<60 {
            let sectors = 1 + Int(random.next() % 300)
            let first = Int(random.next() % UInt64(size / 512 - sectors))
            let length = sectors * 512
            // Pieces that end anywhere, from any address.
            let start = 0x1000 + random.next() % 64 * (round % 3 == 0 ? 4096 : 1)
            let cut = round % 2 == 0 ? 1 + Int(random.next() % UInt64(length - 1)) : length
            let pieces = [
                buffer(start, UInt32(cut)), buffer(start + UInt64(cut), UInt32(length - cut)),
            ]
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ round) }
            try client.memory.copyIn(bytes, to: GuestAddress(start))
            #expect(client.perform(disk, .write, at: UInt64(first * 512), UInt64(length), pieces) == .done)
            expected.replaceSubrange(first * 512..<first * 512 + length, with: bytes)
            try client.memory.fill(GuestAddress(0x1000), count: size, with: 0xEE)
            #expect(client.perform(disk, .read, UInt64(size), [buffer(0x1001, UInt32(size))]) == .done)
            #expect(try client.memory.copyOut(GuestAddress(0x1001), count: size) == expected)
        }
        #expect(try image.bytes == expected)
        #expect(failures.count == 0)
    }

    @Test("more requests at once than there are buffers in between", arguments: RawDiskTests.engines)
    func manyBounced(engine: RawDisk.Engine) throws {
        let image = try DiskImage(size: 1 << 20, byte: 5)
        let disk = try open(image.path, engine)
        for number in 0..<100 as Range<UInt64> {
            disk.submit(
                BlockRequest(
                    tag: number, operation: .read, offset: number * 8192, length: 8192,
                    buffers: [buffer(0x1001 + number * 8192, 8192)]), for: client)
        }
        disk.commit()
        for number in 0..<100 as Range<UInt64> { #expect(client.wait(number) == .done) }
        #expect(try client.memory.copyOut(GuestAddress(0x1001), count: 819_200).allSatisfy { $0 == 5 })
        // And a drain, with some of them waiting.
        for number in 100..<200 as Range<UInt64> {
            disk.submit(
                BlockRequest(
                    tag: number, operation: .read, offset: 0, length: 300 << 10, buffers: [buffer(0x1001, 300 << 10)]),
                for: client)
        }
        disk.commit()
        disk.drain(client)
        #expect(client.ends.withLock { $0.count } == 200)
    }

    @Test("an image that shrank to a part of a block", arguments: RawDiskTests.engines)
    func truncated(engine: RawDisk.Engine) throws {
        let image = try DiskImage(size: 8192, byte: 1)
        let disk = try open(image.path, engine)
        #expect(unsafe truncate(image.path, 1000) == 0)
        #expect(client.perform(disk, .read, at: 512, 1024, [buffer(0x1000, 1024)]) == .failed)
        #expect(client.perform(disk, .read, at: 4096, 512, [buffer(0x1001, 512)]) == .failed)
        #expect(failures.values.map(\.reason) == [.endOfFile, .endOfFile])
        #expect(client.perform(disk, .read, 512, [buffer(0x1000, 512)]) == .done)
    }

    @Test("a buffer that is no RAM fails, and leaves the rest usable", arguments: RawDiskTests.engines)
    func noRAM(engine: RawDisk.Engine) throws {
        let image = try DiskImage(size: 8192, byte: 1)
        let disk = try open(image.path, engine)
        for _ in 0..<40 {
            #expect(client.perform(disk, .write, 4096, [buffer(0x1001, 100), buffer(1 << 40, 3996)]) == .failed)
        }
        #expect(client.perform(disk, .read, 4096, [buffer(0x1001, 4096)]) == .done)
    }

    @Test("a snapshot reads its image past the page cache, and leaves it alone")
    func snapshot() throws {
        let image = try DiskImage(size: 300 << 10, byte: 7)
        let disk = try open(image.path, .automatic, .snapshot)
        try client.memory.fill(GuestAddress(0x1000), count: 4096, with: 1)
        #expect(client.perform(disk, .write, at: 512, 1024, [buffer(0x1000, 1024)]) == .done)
        #expect(client.perform(disk, .read, at: 0, 204_800, [buffer(0x1001, 204_800)]) == .done)
        let bytes = try client.memory.copyOut(GuestAddress(0x1001), count: 204_800)
        #expect(bytes.enumerated().allSatisfy { $1 == ((512..<1536).contains($0) ? 1 : 7) })
        #expect(try image.bytes.allSatisfy { $0 == 7 })
    }

    @Test(
        "a file system that refuses is told apart",
        .enabled(if: unsafe access(refusing, R_OK) == 0, "no file of sysfs here"))
    func refused() throws {
        do {
            _ = try open(refusing, .automatic, .readOnly)
            Issue.record("sysfs does direct I/O")
        } catch let error as DiskError {
            #expect(error.problem == .noDirect(errno: EINVAL))
        }
    }
}

/// A file of 4096 bytes, says its file system.
private let refusing = "/sys/kernel/mm/transparent_hugepage/enabled"
