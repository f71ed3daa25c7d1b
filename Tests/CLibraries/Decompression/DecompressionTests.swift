import Decompression
import Testing
import VMMTestSupport

@Suite("Decompression") struct DecompressionTests {
    /// The same text, packed by Python's gzip and lzma modules and by the zstd and lz4 commands.
    static let packed: [Compression: [UInt8]] = [
        .gzip: [
            0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x2B, 0x2E, 0x2F, 0xCB, 0xCD, 0x55, 0x28, 0xCD,
            0x2B, 0x48, 0x4C, 0xCE, 0x2E, 0x56, 0x28, 0xC9, 0xC8, 0x2C, 0xD6, 0x53, 0x28, 0x1E, 0x15, 0x1B, 0x30, 0x31,
            0x00, 0x5F, 0xFC, 0x9E, 0x90, 0x90, 0x01, 0x00, 0x00,
        ],
        .xz: [
            0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00, 0x00, 0x01, 0x69, 0x22, 0xDE, 0x36, 0x02, 0x00, 0x21, 0x01, 0x16, 0x00,
            0x00, 0x00, 0x74, 0x2F, 0xE5, 0xA3, 0xE0, 0x01, 0x8F, 0x00, 0x1D, 0x5D, 0x00, 0x39, 0x9D, 0xCB, 0x20, 0x9E,
            0x7E, 0x8F, 0x0B, 0xFB, 0x02, 0xDF, 0x50, 0x32, 0xEE, 0x1A, 0x0C, 0xD9, 0xD1, 0xC8, 0x93, 0x07, 0x04, 0xD3,
            0x90, 0x02, 0x4D, 0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x5F, 0xFC, 0x9E, 0x90, 0x00, 0x01, 0x35, 0x90,
            0x03, 0x00, 0x00, 0x00, 0x3D, 0xCA, 0x51, 0x54, 0x3E, 0x30, 0x0D, 0x8B, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01,
            0x59, 0x5A,
        ],
        .zstd: [
            0x28, 0xB5, 0x2F, 0xFD, 0x64, 0x90, 0x00, 0xDD, 0x00, 0x00, 0xA0, 0x73, 0x77, 0x76, 0x6D, 0x6D, 0x20, 0x75,
            0x6E, 0x70, 0x61, 0x63, 0x6B, 0x73, 0x20, 0x74, 0x68, 0x69, 0x73, 0x2E, 0x20, 0x01, 0x00, 0xF2, 0x4E, 0x9D,
            0x4C, 0x6D, 0x8F, 0x97, 0x96,
        ],
        .lz4: [
            0x02, 0x21, 0x4C, 0x18, 0x20, 0x00, 0x00, 0x00, 0xFF, 0x05, 0x73, 0x77, 0x76, 0x6D, 0x6D, 0x20, 0x75, 0x6E,
            0x70, 0x61, 0x63, 0x6B, 0x73, 0x20, 0x74, 0x68, 0x69, 0x73, 0x2E, 0x20, 0x14, 0x00, 0xFF, 0x65, 0x50, 0x68,
            0x69, 0x73, 0x2E, 0x20,
        ],
    ]
    static let text = Array(String(repeating: "swvmm unpacks this. ", count: 20).utf8)

    private func packed(_ compression: Compression) throws -> [UInt8] { try #require(Self.packed[compression]) }

    private func unpack(_ compression: Compression, _ bytes: [UInt8], limit: Int = 1 << 20) throws(DecompressionError)
        -> [UInt8]
    {
        try compression.decompress(bytes, in: bytes.indices, limit: limit)
    }

    @Test("each format, also one stream behind the other, and with bytes behind them", arguments: Compression.allCases)
    func formats(_ compression: Compression) throws {
        let bytes = try packed(compression)
        #expect(Compression(startOf: bytes[...]) == compression)
        #expect(try unpack(compression, bytes) == Self.text)
        #expect(try unpack(compression, bytes + bytes) == Self.text + Self.text)
        #expect(try unpack(compression, bytes + [0, 0, 0, 0]) == Self.text)
    }

    @Test("a range in the middle: what is around it is not read", arguments: Compression.allCases)
    func range(_ compression: Compression) throws {
        let bytes = try packed(compression)
        let file = [UInt8](repeating: 0xA5, count: 100) + bytes + bytes
        #expect(try compression.decompress(file, in: 100..<100 + bytes.count, limit: 1 << 20) == Self.text)
    }

    @Test("every truncation says so, with the offset of its end", arguments: Compression.allCases)
    func truncations(_ compression: Compression) throws {
        let bytes = try packed(compression)
        for count in 0..<bytes.count {
            #expect(throws: DecompressionError.truncated(offset: count)) {
                try unpack(compression, Array(bytes.prefix(count)))
            }
        }
    }

    @Test("one byte more than the limit is too much; exactly the limit is not", arguments: Compression.allCases)
    func limit(_ compression: Compression) throws {
        let bytes = try packed(compression)
        #expect(try unpack(compression, bytes, limit: Self.text.count) == Self.text)
        #expect(throws: DecompressionError.tooLarge(limit: Self.text.count - 1)) {
            try unpack(compression, bytes, limit: Self.text.count - 1)
        }
    }

    @Test("random corruption: an error, or other bytes within the limit", arguments: Compression.allCases)
    func corruption(_ compression: Compression) throws {
        let bytes = try packed(compression)
        var generator = SeededGenerator(seed: 5)
        var refused = 0
        for _ in 0..<2_000 {
            var corrupt = bytes
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                corrupt[Int.random(in: 0..<bytes.count, using: &generator)] ^=
                    1 << UInt8.random(in: 0...7, using: &generator)
            }
            do throws(DecompressionError) {
                let result = try unpack(compression, corrupt, limit: 4096)
                #expect(result.count <= 4096)
            } catch { refused += 1 }
        }
        // Each format but lz4 has a checksum.
        #expect(refused > (compression == .lz4 ? 200 : 1_500))
    }

    @Test("lz4: blocks of 8 MiB, one behind the other, and the kernel's size behind the last")
    func blocks() throws {
        // Literals only: a token, the length's rest in bytes up to 254, the bytes.
        func block(_ count: Int, _ byte: UInt8) -> [UInt8] {
            let rest = count - 15
            let packed = [0xF0] + [UInt8](repeating: 255, count: rest / 255) + [UInt8(rest % 255)]
            let content = packed + [UInt8](repeating: byte, count: count)
            return UInt32(content.count).littleEndianBytes + content
        }
        let frame = Compression.lz4.magic + block(8 << 20, 1) + block(1000, 2)
        let result = try unpack(.lz4, frame + UInt32(8 << 20 + 1000).littleEndianBytes, limit: 16 << 20)
        #expect(result.count == (8 << 20) + 1000 && result.first == 1 && result.last == 2)
        #expect(throws: DecompressionError.corrupt(offset: 8)) {
            try unpack(.lz4, Compression.lz4.magic + block((8 << 20) + 1, 1))
        }
    }
}
