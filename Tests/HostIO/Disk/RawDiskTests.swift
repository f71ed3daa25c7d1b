import Glibc
import HostIO
import Synchronization
import Testing
import VMMCore
import VMMTestSupport

/// Raw images under requests, without a device: on each engine that the host has.
@Suite struct RawDiskTests {
    /// The ring is left out where the host refuses it; `ringRefusal` of the automatic choice says why.
    static let engines: [RawDisk.Engine] = {
        let image = try? DiskImage(size: 512)
        let probe = image.flatMap { try? RawDisk($0.path, .readWrite, engine: .ring) { _ in } }
        return [.threads, .inTurn] + (probe == nil ? [] : [.ring])
    }()

    private let client: DiskClient
    private let failures = Recorder<DiskFailure>()

    init() throws { client = try DiskClient() }

    private func open(
        _ path: String, _ access: RawDisk.Access = .readWrite, _ engine: RawDisk.Engine = .automatic
    ) throws -> RawDisk {
        try RawDisk(path, access, engine: engine) { [failures] in failures.record($0) }
    }

    private func problem(_ path: String, _ access: RawDisk.Access = .readWrite) -> DiskError.Problem? {
        do {
            _ = try open(path, access)
            return nil
        } catch {
            return (error as? DiskError)?.problem
        }
    }

    @Test("what is written in pieces is read in other pieces, and is in the image", arguments: engines)
    func roundTrip(engine: RawDisk.Engine) throws {
        let image = try DiskImage(size: 1 << 16)
        let disk = try open(image.path, .readWrite, engine)
        #expect(disk.properties.capacity == 1 << 16 && !disk.properties.isReadOnly)
        let pattern = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        try client.memory.copyIn(pattern, to: GuestAddress(0x2000))
        let pieces = [buffer(0x2000, 1), buffer(0x5000, 0), buffer(0x2001, 3000), buffer(0x2000 + 3001, 1095)]
        #expect(client.perform(disk, .write, at: 512, 4096, pieces) == .done)
        #expect(try image.bytes[512..<4608].elementsEqual(pattern))
        #expect(client.perform(disk, .read, at: 512, 4096, [buffer(0x9000, 4000), buffer(0xB000, 96)]) == .done)
        #expect(try client.memory.copyOut(GuestAddress(0x9000), count: 4000) == Array(pattern[..<4000]))
        #expect(try client.memory.copyOut(GuestAddress(0xB000), count: 96) == Array(pattern[4000...]))
        #expect(client.perform(disk, .flush) == .done)
        #expect(failures.count == 0)
    }

    @Test("more buffers than the host takes at once", arguments: engines)
    func manyBuffers(engine: RawDisk.Engine) throws {
        let image = try DiskImage(size: 1 << 18)
        let disk = try open(image.path, .readWrite, engine)
        try client.memory.copyIn((0..<(1 << 18)).map { UInt8(truncatingIfNeeded: $0 / 64) }, to: GuestAddress(0x1000))
        let pieces = (0..<4096).map { buffer(0x1000 + UInt64($0) * 64, 64) }
        #expect(client.perform(disk, .write, 1 << 18, pieces) == .done)
        #expect(try image.bytes.enumerated().allSatisfy { $1 == UInt8(truncatingIfNeeded: $0 / 64) })
        #expect(client.perform(disk, .read, 1 << 18, pieces.reversed()) == .done)
        #expect(try client.memory.load(UInt8.self, at: GuestAddress(0x1000)) == UInt8(truncatingIfNeeded: 4095))
    }

    @Test("zeros and discards: the range, and nothing else", arguments: engines)
    func zeros(engine: RawDisk.Engine) throws {
        let image = try DiskImage(size: 1 << 18, byte: 7)
        let disk = try open(image.path, .readWrite, engine)
        #expect(client.perform(disk, .writeZeroes(mayUnmap: false), at: 512, 1024) == .done)
        #expect(client.perform(disk, .writeZeroes(mayUnmap: true), at: 8192, 70_144) == .done)
        #expect(client.perform(disk, .discard, at: 131_072, 4096) == .done)
        let bytes = try image.bytes
        #expect(bytes.count == 1 << 18)
        for (index, byte) in bytes.enumerated() where !(131_072..<135_168).contains(index) {
            let isZero = (512..<1536).contains(index) || (8192..<78_336).contains(index)
            guard byte != (isZero ? 0 : 7) else { continue }
            Issue.record("byte \(index) is \(byte)")
            return
        }
    }

    @Test("a snapshot reads what was written to it, in and across clusters, and leaves the image alone")
    func snapshot() throws {
        let image = try DiskImage(size: 300 << 10, byte: 7)
        let disk = try open(image.path, .snapshot)
        var expected = [UInt8](repeating: 7, count: 300 << 10)
        var random = SeededGenerator(seed: 3)
        for round in 0..<24 {
            let sectors = 1 + Int(random.next() % 300)
            let first = Int(random.next() % UInt64(600 - sectors))
            let range = first * 512..<(first + sectors) * 512
            let byte = UInt8(truncatingIfNeeded: round)
            if round % 5 == 4 {
                #expect(
                    client.perform(
                        disk, .writeZeroes(mayUnmap: true), at: UInt64(range.lowerBound), UInt64(range.count))
                        == .done)
                for index in range { expected[index] = 0 }
            } else {
                try client.memory.fill(GuestAddress(0x1000), count: range.count, with: byte)
                let half = UInt32(range.count / 2 + 1)
                #expect(
                    client.perform(
                        disk, .write, at: UInt64(range.lowerBound), UInt64(range.count),
                        [buffer(0x1000, half), buffer(0x1000 + UInt64(half), UInt32(range.count) - half)]) == .done)
                for index in range { expected[index] = byte }
            }
            try client.memory.fill(GuestAddress(0x1000), count: 300 << 10, with: 0xEE)
            #expect(client.perform(disk, .read, 300 << 10, [buffer(0x1000, 300 << 10)]) == .done)
            #expect(try client.memory.copyOut(GuestAddress(0x1000), count: 300 << 10) == expected)
        }
        #expect(client.perform(disk, .flush) == .done)
        #expect(try image.bytes.allSatisfy { $0 == 7 })
    }

    @Test("an image that shrank: reads behind its end fail and say so, reads before it go on", arguments: engines)
    func truncated(engine: RawDisk.Engine) throws {
        let image = try DiskImage(size: 8192, byte: 1)
        let disk = try open(image.path, .readWrite, engine)
        #expect(unsafe truncate(image.path, 1000) == 0)
        #expect(client.perform(disk, .read, at: 512, 1024, [buffer(0x1000, 1024)]) == .failed)
        #expect(client.perform(disk, .read, at: 4096, 512, [buffer(0x1000, 512)]) == .failed)
        #expect(failures.values.map(\.reason) == [.endOfFile, .endOfFile])
        #expect(client.perform(disk, .read, 512, [buffer(0x1000, 512)]) == .done)
    }

    @Test("an image that grew keeps the size that it was opened with")
    func grown() throws {
        let image = try DiskImage(size: 4096, byte: 1)
        let disk = try open(image.path)
        #expect(unsafe truncate(image.path, 1 << 20) == 0)
        #expect(disk.properties.capacity == 4096)
        #expect(client.perform(disk, .read, 4096, [buffer(0x1000, 4096)]) == .done)
    }

    @Test("a second writer is refused, and so is a reader beside a writer; readers and snapshots share")
    func locks() throws {
        let image = try DiskImage(size: 4096)
        do {
            let writer = try open(image.path)
            for access in [.readWrite, .readOnly, .snapshot] as [RawDisk.Access] {
                #expect(problem(image.path, access) == .locked)
            }
            _ = writer.properties
        }
        let reader = try open(image.path, .readOnly)
        let snapshot = try open(image.path, .snapshot)
        #expect(problem(image.path) == .locked)
        #expect(reader.properties.isReadOnly && !snapshot.properties.isReadOnly)
    }

    @Test("what is no disk is told apart")
    func refused() throws {
        #expect(problem("/nonexistent/disk") == .cannotOpen(errno: ENOENT))
        #expect(problem("/tmp") == .isDirectory)
        #expect(problem("/dev/null") == .notADisk)
        for (size, expected) in [(0, .empty), (1000, .notSectorSized(1000)), (512, nil)] as [(Int, DiskError.Problem?)]
        {
            let image = try DiskImage(size: size)
            withExtendedLifetime(image) { #expect(problem(image.path, .readOnly) == expected) }
        }
        let pipe = "/tmp/swvmm-disk-pipe.\(getpid())"
        #expect(unsafe mkfifo(pipe, 0o600) == 0)
        #expect(problem(pipe) == .notADisk)
        unsafe _ = unlink(pipe)
    }

    @Test("a drain ends all requests of its client, begun or not, and then others may come", arguments: engines)
    func drain(engine: RawDisk.Engine) throws {
        let image = try DiskImage(size: 1 << 16)
        let disk = try open(image.path, .readWrite, engine)
        for round in 0..<50 as Range<UInt64> {
            for number in 0..<64 as Range<UInt64> {
                disk.submit(
                    BlockRequest(
                        tag: round << 32 | number, operation: .read, offset: 0, length: 1 << 16,
                        buffers: [buffer(0x1000, 1 << 16)]), for: client)
            }
            disk.commit()
            disk.drain(client)
            let ends = client.ends.withLock { $0.filter { $0.key >> 32 == round } }
            #expect(ends.count == 64)
            #expect(ends.values.allSatisfy { $0 == .done || $0 == .abandoned })
        }
    }
}
