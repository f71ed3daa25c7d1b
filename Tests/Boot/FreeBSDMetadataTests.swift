import Boot
import Testing
import VMMCore
import VMMTestSupport

@Suite("FreeBSD metadata records") struct FreeBSDMetadataTests {
    private func words(_ values: UInt32...) -> [UInt8] { values.flatMap(\.littleEndianBytes) }

    private func entry(_ start: UInt64, _ size: UInt64, _ type: UInt32) throws -> MemoryMapEntry {
        MemoryMapEntry(range: try #require(GuestRange(start: GuestAddress(start), size: size)), type: type)
    }

    @Test("bootinfo64.c: two modules, byte by byte")
    func dump() throws {
        let metadata = FreeBSDMetadata(modules: [
            .init(
                name: "kernel", type: "elf kernel", arguments: "-v", address: 0x20_0000, size: 0x1234,
                items: [
                    .init(type: 7, value: UInt32(0x1000)), .init(type: 8, value: UInt64(0x30_0000)),
                    .systemMemoryMap([try entry(0, 0xA_0000, 1)]),
                ]),
            .init(name: "initrd", type: "md_image", address: 0x21_0000, size: 5),
        ])
        // swift-format-ignore
        let expected: [UInt8] =
            words(1, 7) + Array("kernel\0\0".utf8)
            + words(2, 11) + Array("elf kernel\0\0\0\0\0\0".utf8)
            + words(6, 3) + Array("-v\0\0\0\0\0\0".utf8)
            + words(3, 8, 0x20_0000, 0)
            + words(4, 8, 0x1234, 0)
            + words(0x8007, 4, 0x1000, 0)
            + words(0x8008, 8, 0x30_0000, 0)
            + words(0x9001, 20, 0, 0, 0xA_0000, 0, 1, 0)
            + words(1, 7) + Array("initrd\0\0".utf8)
            + words(2, 9) + Array("md_image\0\0\0\0\0\0\0\0".utf8)
            + words(3, 8, 0x21_0000, 0)
            + words(4, 8, 5, 0)
            + words(0, 0)
        #expect(metadata.encoded == expected)
        #expect(try FreeBSDMetadata.decode(expected + [1, 2, 3]) == metadata)
    }

    @Test("arm64 metadata.h: the EFI map's descriptors start at the next multiple of 16")
    func efiMap() throws {
        let entries = [try entry(0x4000_0000, 0x100_0000, 1), try entry(0x4100_0000, 0x1000, 2)]
        let item = FreeBSDMetadata.Item.efiMemoryMap(entries)
        // swift-format-ignore
        let expected: [UInt8] =
            words(80, 0, 40, 0, 1, 0, 0, 0)
            + words(7, 0, 0x4000_0000, 0, 0, 0, 0x1000, 0, 8, 0)
            + words(0, 0, 0x4100_0000, 0, 0, 0, 1, 0, 8, 0)
        #expect(item.type == 0x1001)
        #expect(item.payload == expected)
        #expect(FreeBSDMetadata.Item.decodeEFIMemoryMap(item.payload) == entries)
        #expect(FreeBSDMetadata.Item.decodeEFIMemoryMap(Array(item.payload.dropLast())) == nil)
    }

    @Test("decoding refuses what no loader writes, each with its offset")
    func malformed() {
        func error(_ bytes: [UInt8]) -> FreeBSDMetadataError? {
            do throws(FreeBSDMetadataError) {
                _ = try FreeBSDMetadata.decode(bytes)
                return nil
            } catch { return error }
        }
        let name = words(1, 2) + Array("k\0\0\0\0\0\0\0".utf8)
        let body = words(2, 2) + Array("t\0\0\0\0\0\0\0".utf8) + words(3, 8, 0, 0) + words(4, 8, 0, 0)
        #expect(error(name + body + words(0, 0)) == nil)
        #expect(error([]) == .truncated(offset: 0, needed: 8, size: 0))
        #expect(error(words(1, 0xFFFF_FFFF)) == .truncated(offset: 0, needed: 8 + (1 << 32), size: 8))
        #expect(error(body) == .nameMissing(offset: 0, type: 2))
        #expect(error(words(0, 8, 0, 0)) == .badLength(offset: 0, type: 0, length: 8))
        #expect(error(name + words(3, 4, 0, 0)) == .badLength(offset: 16, type: 3, length: 4))
        #expect(error(words(1, 2) + Array("kk\0\0\0\0\0\0".utf8)) == .badString(offset: 0, type: 1))
        #expect(error(name + words(5, 0)) == .unknownType(offset: 16, type: 5))
        #expect(error(name + body + words(3, 8, 0, 0)) == .duplicate(offset: 64, type: 3))
        #expect(error(name + words(0, 0)) == .incompleteModule(name: "k"))
        var endless = name + body
        for _ in 0..<5000 { endless += words(0x8002, 0) }
        #expect(error(endless) == .tooManyRecords(limit: 4096))
    }

    @Test("random bytes and random changes are decoded or refused, and what is decoded survives a round trip")
    func fuzz() throws {
        var generator = SeededGenerator(seed: 0x5EED)
        let sound = FreeBSDMetadata(modules: [
            .init(
                name: "kernel", type: "elf kernel", arguments: "x", address: 1, size: 2,
                items: [.init(type: 7, value: UInt32(0)), .systemMemoryMap([try entry(0, 4096, 1)])])
        ]).encoded
        var decoded = 0
        for _ in 0..<20_000 {
            var bytes = sound
            for _ in 0...Int.random(in: 0..<3, using: &generator) {
                let index = Int.random(in: bytes.indices, using: &generator)
                bytes[index] = UInt8.random(in: 0...255, using: &generator)
            }
            guard let metadata = try? FreeBSDMetadata.decode(bytes) else { continue }
            decoded += 1
            #expect(try FreeBSDMetadata.decode(metadata.encoded) == metadata)
            for item in metadata.modules.flatMap(\.items) {
                _ = FreeBSDMetadata.Item.decodeSystemMemoryMap(item.payload)
                _ = FreeBSDMetadata.Item.decodeEFIMemoryMap(item.payload)
            }
        }
        #expect(decoded > 0 && decoded < 20_000)
        for length in sound.indices {
            #expect(throws: FreeBSDMetadataError.self) { try FreeBSDMetadata.decode(Array(sound.prefix(length))) }
        }
    }
}
