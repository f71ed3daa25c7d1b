import Boot
import Synchronization
import Testing
import VMMCore
import VMMTestSupport

/// A file that exists in memory, whose host may refuse bytes.
private final class ScriptedFile: ImageFile {
    private let bytes: [UInt8]
    /// From here on the host gives nothing.
    private let refused: Int
    /// How many bytes were copied out for the host to look at.
    let looked = Mutex(0)

    init(_ bytes: [UInt8], refused: Int = .max) {
        self.bytes = bytes
        self.refused = refused
    }

    var size: Int { bytes.count }

    func read(_ range: Range<Int>) -> [UInt8]? {
        guard range.upperBound <= refused else { return nil }
        looked.withLock { $0 += range.count }
        return Array(bytes[range])
    }

    func read(_ range: Range<Int>, into memory: GuestMemory, at address: GuestAddress) throws(GuestMemoryError) -> Bool
    {
        guard range.upperBound <= refused else { return false }
        try memory.copyIn(Array(bytes[range]), to: address)
        return true
    }
}

@Suite("The bytes of an image in a file") struct ImageBytesTests {
    /// Larger than what is kept of a file.
    private static let large = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) }

    private func memory() throws -> GuestMemory {
        try GuestMemory([#require(GuestRange(start: GuestAddress(0), size: 1 << 20))])
    }

    @Test("reads are those of the same bytes in memory: at the start, across what is kept, at the end, and behind it")
    func reads() throws {
        let (file, array) = (ImageBytes(ScriptedFile(Self.large)), ImageBytes(Self.large))
        #expect(file.count == 200_000 && file.indices == array.indices && !file.isEmpty)
        for offset: UInt64 in [0, 1, 65_528, 65_530, 65_536, 131_071, 199_992, 199_993, 200_000, .max] {
            #expect(file.load(UInt64.self, at: offset) == array.load(UInt64.self, at: offset), "\(offset)")
            #expect(file.loadBigEndian(UInt32.self, at: offset) == array.loadBigEndian(UInt32.self, at: offset))
            #expect(
                file.slice(at: offset, count: 70_000).map(Array.init)
                    == array.slice(at: offset, count: 70_000).map(Array.init))
        }
        #expect(file.load(UInt64.self, at: 199_992) != nil && file.load(UInt64.self, at: 199_993) == nil)
        #expect(try file.whole() == Self.large)
        #expect(ImageBytes(ScriptedFile([])).isEmpty)
    }

    @Test(
        "what goes into guest memory is not copied out on its way", arguments: [0..<200_000, 65_535..<65_537, 3..<50])
    func copies(range: Range<Int>) throws {
        let scripted = ScriptedFile(Self.large)
        let file = ImageBytes(scripted)
        let memory = try memory()
        try file.copy(range, into: memory, at: GuestAddress(0x1001))
        #expect(try memory.copyOut(GuestAddress(0x1001), count: range.count) == Array(Self.large[range]))
        #expect(scripted.looked.withLock { $0 } == 65_536)
    }

    @Test("bytes that the host refuses are none, and an error where they are wanted")
    func refused() throws {
        let file = ImageBytes(ScriptedFile(Self.large, refused: 100_000))
        #expect(file.load(UInt8.self, at: 0) == Self.large[0])
        #expect(file.load(UInt8.self, at: 100_000) == nil)
        #expect(throws: BootImageError.unreadable(offset: 0, size: 200_000)) { try file.whole() }
        #expect(throws: BootImageError.unreadable(offset: 99_999, size: 2)) {
            try file.copy(99_999..<100_001, into: memory(), at: GuestAddress(0))
        }
        let nothing = ImageBytes(ScriptedFile(Self.large, refused: 0))
        #expect(nothing.load(UInt8.self, at: 0) == nil)
        #expect(throws: BootImageError.self) { try nothing.copy(0..<1, into: memory(), at: GuestAddress(0)) }
    }

    @Test("an image in a file is told, and unpacked, as in memory", arguments: [false, true])
    func images(isPadded: Bool) throws {
        // Behind what is kept of a file.
        let padding = [UInt8](repeating: 0, count: isPadded ? 100_000 : 0)
        let image = ARM64Guests.image()
        for bytes in [
            image + padding, ARM64Guests.gzip(image) + padding, ARM64Guests.zboot(ARM64Guests.gzip(image)) + padding,
            padding + [1],
            ELFImageBuilder(entry: 0x20_0000, segments: [.init(at: 0x20_0000, [0xFA, 0xF4])]).build() + padding,
        ] {
            let (file, array) = (BootImage(ImageBytes(ScriptedFile(bytes))), BootImage(bytes))
            #expect(file.format == array.format && file.wrappings == array.wrappings)
            #expect(file.fileSize == array.fileSize)
            #expect(try file.contents.whole() == array.contents.whole())
            for machine in [ImageArchitecture.aarch64, .x86_64] {
                #expect(file.support(on: machine) == array.support(on: machine))
            }
        }
    }
}
