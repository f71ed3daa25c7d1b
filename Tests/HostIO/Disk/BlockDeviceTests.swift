import Glibc
import HostIO
import HostSupport
import Testing
import VMMCore
import VMMTestSupport

/// Block devices as images: loop devices on files, which takes root and a kernel that has them.
@Suite(.enabled(if: LoopDevice.isPossible, "no loop devices for this user here"))
struct BlockDeviceTests {
    private let client: DiskClient
    private let failures = Recorder<DiskFailure>()

    init() throws { client = try DiskClient() }

    private func open(
        _ device: LoopDevice, _ access: RawDisk.Access = .readWrite, _ engine: RawDisk.Engine = .automatic,
        direct: Bool = false
    ) throws -> RawDisk {
        try RawDisk(device.path, access, engine: engine, direct: direct) { [failures] in failures.record($0) }
    }

    private func problem(_ device: LoopDevice, _ access: RawDisk.Access = .readWrite) -> DiskError.Problem? {
        do {
            _ = try open(device, access)
            return nil
        } catch {
            return (error as? DiskError)?.problem
        }
    }

    @Test("its size and its blocks are the disk's; what is written is on the device", arguments: RawDiskTests.engines)
    func roundTrip(engine: RawDisk.Engine) throws {
        let device = try LoopDevice(size: 1 << 20)
        let disk = try open(device, .readWrite, engine)
        #expect(disk.properties.capacity == 1 << 20 && disk.properties.logicalBlockSize == 512)
        try client.memory.fill(GuestAddress(0x1000), count: 8192, with: 0x5A)
        #expect(client.perform(disk, .write, at: 512, 8192, [buffer(0x1000, 8192)]) == .done)
        #expect(client.perform(disk, .flush) == .done)
        #expect(client.perform(disk, .read, at: 512, 8192, [buffer(0x5000, 8192)]) == .done)
        #expect(try client.memory.copyOut(GuestAddress(0x5000), count: 8192).allSatisfy { $0 == 0x5A })
        #expect(try device.file.bytes[512..<8704].allSatisfy { $0 == 0x5A })
        #expect(failures.count == 0)
    }

    @Test("discards and zeros of any sectors: the range, and nothing else", arguments: RawDiskTests.engines)
    func zeros(engine: RawDisk.Engine) throws {
        for sectorSize in [512, 4096] as [UInt32] {
            let device = try LoopDevice(size: 1 << 20, byte: 7, sectorSize: sectorSize)
            let disk = try open(device, .readWrite, engine)
            #expect(client.perform(disk, .writeZeroes(mayUnmap: false), at: 512, 1024) == .done)
            #expect(client.perform(disk, .writeZeroes(mayUnmap: true), at: 8192, 73_728) == .done)
            #expect(client.perform(disk, .discard, at: 131_072 + 512, 65_536) == .done)
            #expect(client.perform(disk, .discard, at: 512, 512) == .done)
            #expect(client.perform(disk, .read, 1 << 18, [buffer(0x1000, 1 << 18)]) == .done)
            let bytes = try client.memory.copyOut(GuestAddress(0x1000), count: 1 << 18)
            for (index, byte) in bytes.enumerated() where !(131_072 + 512..<197_120).contains(index) {
                let isZero = (512..<1536).contains(index) || (8192..<81_920).contains(index)
                // The small discard is in the zeros.
                guard byte != (isZero ? 0 : 7) else { continue }
                Issue.record("sectors of \(sectorSize): byte \(index) is \(byte)")
                return
            }
            // A loop device's file has a hole then, which reads as zeros.
            #expect(bytes[135_168..<196_608].allSatisfy { $0 == 0 })
        }
        #expect(failures.count == 0)
    }

    @Test("sectors of 4096 bytes are told, and parts of them served nevertheless", arguments: RawDiskTests.engines)
    func largeSectors(engine: RawDisk.Engine) throws {
        for direct in [false, true] {
            let device = try LoopDevice(size: 1 << 18, byte: 1, sectorSize: 4096)
            let disk = try open(device, .readWrite, engine, direct: direct)
            #expect(disk.properties.logicalBlockSize == 4096 && disk.properties.physicalBlockSize >= 4096)
            try client.memory.fill(GuestAddress(0x1000), count: 1 << 16, with: 2)
            #expect(client.perform(disk, .write, at: 4096 + 512, 1024, [buffer(0x1000, 1024)]) == .done)
            #expect(client.perform(disk, .write, at: 16_384, 8192, [buffer(0x1200, 8192)]) == .done)
            #expect(client.perform(disk, .read, 1 << 16, [buffer(0x2000, 1 << 16)]) == .done)
            let bytes = try client.memory.copyOut(GuestAddress(0x2000), count: 1 << 16)
            let written = [4608..<5632, 16_384..<24_576]
            #expect(
                bytes.enumerated().allSatisfy { index, byte in
                    byte == (written.contains { $0.contains(index) } ? 2 : 1)
                })
        }
        #expect(failures.count == 0)
    }

    @Test("a second writer is refused, and so is a reader beside a writer; readers share")
    func locks() throws {
        let device = try LoopDevice(size: 1 << 16)
        do {
            let writer = try open(device)
            #expect(problem(device) == .deviceInUse)
            #expect(problem(device, .readOnly) == .locked)
            _ = writer.properties
        }
        let reader = try open(device, .readOnly)
        #expect(problem(device, .readOnly) == nil)
        #expect(problem(device) == .locked)
        #expect(reader.properties.isReadOnly)
    }

    @Test("a device that another program has locked for itself is left alone")
    func foreignLock() throws {
        let device = try LoopDevice(size: 1 << 16)
        let other = unsafe Glibc.open(device.path, O_RDONLY | O_CLOEXEC)
        defer { close(other) }
        #expect(flock(other, LOCK_EX | LOCK_NB) == 0)
        #expect(problem(device) == .locked)
    }

    @Test("a device that cannot be written is read only when that was asked for")
    func readOnly() throws {
        let device = try LoopDevice(size: 1 << 16, byte: 4, isReadOnly: true)
        if case .notWritable = problem(device) {} else { Issue.record("\(problem(device) as Any)") }
        let disk = try open(device, .readOnly)
        #expect(client.perform(disk, .read, 4096, [buffer(0x1000, 4096)]) == .done)
        #expect(try client.memory.copyOut(GuestAddress(0x1000), count: 4096).allSatisfy { $0 == 4 })
    }
}

/// A file as a block device of the host, which goes away with the test.
final class LoopDevice: Sendable {
    let path: String
    let file: DiskImage
    private let descriptor: Int32

    static let isPossible = (try? LoopDevice(size: 4096)) != nil

    private struct Refused: Error {
        let errno: Int32
    }

    init(size: Int, byte: UInt8 = 0, sectorSize: UInt32 = 512, isReadOnly: Bool = false) throws {
        file = try DiskImage(size: size, byte: byte)
        let image = unsafe open(file.path, (isReadOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC)
        defer { close(image) }
        var name = [CChar](repeating: 0, count: 64)
        descriptor = unsafe host_loop_device(image, sectorSize, isReadOnly, &name, UInt(name.count))
        guard descriptor >= 0 else { throw Refused(errno: errno) }
        path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { close(descriptor) }
}
