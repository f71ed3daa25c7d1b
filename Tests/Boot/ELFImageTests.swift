import Boot
import Testing
import VMMTestSupport

@Suite("ELF images, sound and broken") struct ELFImageTests {
    private let sound = ELFImageBuilder(
        entry: 0x20_0010,
        segments: [
            .init(at: 0x20_0000, [UInt8](repeating: 0x90, count: 64)), .init(at: 0x40_0000, [1, 2], memorySize: 9),
        ])

    private func error(_ bytes: [UInt8]) -> BootImageError? {
        do throws(BootImageError) {
            _ = try ELFImage(ImageBytes(bytes))
            return nil
        } catch { return error }
    }

    private func error(_ change: (inout ELFImageBuilder) -> Void) -> BootImageError? {
        var builder = sound
        change(&builder)
        return error(builder.build())
    }

    private func patched(_ offset: Int, _ bytes: [UInt8]) -> [UInt8] {
        var image = sound.build()
        image.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        return image
    }

    @Test("segments, entry and file ranges are read off")
    func soundImage() throws {
        let elf = try ELFImage(ImageBytes(sound.build()))
        #expect(elf.architecture == .x86_64)
        #expect(elf.entry == 0x20_0010)
        #expect(elf.segments.map(\.physicalAddress) == [0x20_0000, 0x40_0000])
        #expect(elf.segments.map(\.memorySize) == [64, 9])
        #expect(elf.segments.map(\.fileRange) == [176..<240, 240..<242])
        #expect(elf.header == Array(sound.build().prefix(64)))
        #expect(elf.physicalAddress(ofVirtual: 0x40_0008) == 0x40_0008)
        #expect(elf.physicalAddress(ofVirtual: 0x40_0009) == nil)
    }

    @Test("fields of the file header that rule an image out")
    func fileHeader() {
        #expect(error(patched(4, [3])) == .badField(.ei_class, offset: 4, value: 3))
        #expect(error(patched(6, [2])) == .badField(.ei_version, offset: 6, value: 2))
        #expect(error { $0.type = 1 } == .badField(.e_type, offset: 16, value: 1))
        #expect(error(patched(54, [32, 0])) == .badField(.e_phentsize, offset: 54, value: 32))
        #expect(error { $0.segments = [] } == .noLoadableSegments)
    }

    @Test("program headers outside the file, also where their end wraps")
    func programHeaderTable() {
        let size = UInt64(sound.build().count)
        #expect(
            error(patched(56, [0xFF, 0xFF]))
                == .truncated(.programHeaders, offset: 64, needed: 65535 * 56, size: size))
        #expect(
            error(patched(32, UInt64.max.littleEndianBytes))
                == .truncated(.programHeaders, offset: .max, needed: 112, size: size))
    }

    @Test("a segment of more file than memory, beyond the file, or around the end of the address space")
    func segments() {
        let size = UInt64(sound.build().count)
        #expect(
            error { $0.segments[0].memorySize = 63 }
                == .segmentFileExceedsMemory(index: 0, fileSize: 64, memorySize: 63, offset: 64))
        #expect(
            error {
                $0.segments[1].fileSize = 3
            } == .truncated(.segment(index: 1), offset: 240, needed: 3, size: size))
        #expect(
            error { $0.segments[1].physicalAddress = .max - 7 }
                == .segmentWraps(index: 1, address: .max - 7, size: 9, offset: 120))
        #expect(error { $0.segments[1].physicalAddress = .max - 8 } == nil, "ends exactly at the last address")
        #expect(
            error { $0.segments[1].memorySize = .max }
                == .segmentWraps(index: 1, address: 0x40_0000, size: .max, offset: 120))
        let many = (0..<129).map { ELFImageBuilder.Segment(at: 0x20_0000 + $0 * 16, [0]) }
        #expect(error { $0.segments = many } == .tooManySegments(count: 129, limit: 128))
    }

    @Test("notes: names and descriptors are bounded by their segment")
    func notes() throws {
        var builder = sound
        builder.notes = [("GNU", 3, [1, 2, 3, 4, 5]), ELFImageBuilder.pvhNote(0x20_0020)]
        let elf = try ELFImage(ImageBytes(builder.build()))
        #expect(elf.notes.map(\.name) == ["GNU", "Xen"])
        #expect(elf.pvhEntry == 0x20_0020)
        var image = builder.build()
        let notesOffset = 64 + 3 * 56
        image.replaceSubrange(notesOffset..<notesOffset + 4, with: UInt32.max.littleEndianBytes)
        #expect(error(image) == .malformedNote(offset: UInt64(notesOffset)))
    }

    @Test("notes: at most 1024 in all, and no more than 64 bytes of each are kept")
    func manyNotes() throws {
        var builder = sound
        builder.notes = (0..<1024).map { _ in ("x", 0, [UInt8](repeating: 1, count: 100)) }
        let elf = try ELFImage(ImageBytes(builder.build()))
        #expect(elf.notes.allSatisfy { $0.descriptor.count == 64 && $0.number == nil })
        builder.notes.append(("x", 0, []))
        #expect(error(builder.build()) == .malformedNote(offset: UInt64(64 + 3 * 56 + 1024 * 116)))
    }

    @Test("symbols: size, table, padding, size, strings, padding, as FreeBSD's loader lays them out")
    func symbols() throws {
        var builder = sound
        builder.symbols = (table: [UInt8](repeating: 0xAA, count: 24), strings: Array("\0main\0".utf8))
        let image = ImageBytes(builder.build())
        let segments = try ELFImage(image).segments
        let expected =
            [24, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0xAA, count: 24) + [6, 0, 0, 0, 0, 0, 0, 0]
            + Array("\0main\0".utf8) + [0, 0]
        #expect(try ELFSymbols.extract(image, segments: segments) == expected)
        #expect(try ELFSymbols.extract(ImageBytes(sound.build()), segments: segments) == nil)
    }

    @Test("symbols: a link that leads nowhere, a table beyond the file")
    func brokenSymbols() throws {
        var builder = sound
        builder.symbols = (table: [UInt8](repeating: 0xAA, count: 24), strings: Array("\0main\0".utf8))
        let bytes = builder.build()
        let segments = try ELFImage(ImageBytes(bytes)).segments
        let header = bytes.count - 128
        var linked = bytes
        linked[header + 40] = 3
        #expect(throws: BootImageError.badField(.sh_link, offset: UInt64(header + 40), value: 3)) {
            try ELFSymbols.extract(ImageBytes(linked), segments: segments)
        }
        var long = bytes
        long[header + 38] = 0xFF
        #expect(throws: BootImageError.self) { try ELFSymbols.extract(ImageBytes(long), segments: segments) }
        #expect(throws: BootImageError.self) {
            try ELFSymbols.extract(ImageBytes(Array(bytes.dropLast())), segments: segments)
        }
    }
}
