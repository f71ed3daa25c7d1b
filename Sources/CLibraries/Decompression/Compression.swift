/// The formats that are unpacked.
package enum Compression: Hashable, Sendable, CaseIterable {
    /// Source: RFC 1952.
    case gzip
    /// Source: RFC 8878.
    case zstd
    /// Source: The .xz File Format 1.1.0.
    case xz
    /// The legacy frame. Source: LZ4 Frame Format Description 1.6.3, "Legacy frame".
    case lz4

    /// What each stream begins with.
    package var magic: [UInt8] {
        switch self {
        case .gzip: [0x1F, 0x8B]
        case .zstd: [0x28, 0xB5, 0x2F, 0xFD]
        case .xz: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]
        case .lz4: [0x02, 0x21, 0x4C, 0x18]
        }
    }

    /// The format that the bytes begin with.
    package init?(startOf bytes: ArraySlice<UInt8>) {
        guard let found = Self.allCases.first(where: { bytes.starts(with: $0.magic) }) else { return nil }
        self = found
    }
}

extension Compression {
    /// Unpacks the streams at the start of `range`, one behind the other; what follows the last of them is left alone.
    ///
    /// - Parameter limit: more output than so many bytes is an error, before it takes memory.
    package func decompress(
        _ bytes: [UInt8], in range: Range<Int>, limit: Int
    ) throws(DecompressionError) -> [UInt8] {
        var output = DecompressedBytes(limit: limit, expecting: range.count)
        var next = range.lowerBound
        repeat {
            switch self {
            case .gzip: next = try GzipDecoder.decode(bytes, in: next..<range.upperBound, to: &output)
            case .zstd: next = try ZstdDecoder.decode(bytes, in: next..<range.upperBound, to: &output)
            case .xz: next = try XZDecoder.decode(bytes, in: next..<range.upperBound, to: &output)
            case .lz4: next = try LZ4Decoder.decode(bytes, in: next..<range.upperBound, to: &output)
            }
        } while bytes[next..<range.upperBound].starts(with: magic)
        return output.bytes
    }
}

/// Why bytes cannot be unpacked. Offsets count from the start of the array: about where the decoder noticed.
package enum DecompressionError: Error, Hashable, Sendable {
    case truncated(offset: Int)
    case corrupt(offset: Int)
    case tooLarge(limit: Int)
    /// Valid perhaps, but it needs more memory than a decoder may have, or a feature that the library has not.
    case unsupported(offset: Int)
    /// The library got no memory.
    case outOfMemory
}

/// What decoders write to: grows up to its limit.
struct DecompressedBytes {
    static let pieceSize = 256 << 10
    let limit: Int
    private(set) var bytes: [UInt8] = []
    private var piece = [UInt8](repeating: 0, count: pieceSize)

    /// A kernel is packed to a fifth to a third: with room for that it is not copied as it grows.
    private static let usualRatio = 5

    /// - Parameter packedSize: of what is unpacked.
    init(limit: Int, expecting packedSize: Int) {
        self.limit = limit
        let (usual, overflow) = packedSize.multipliedReportingOverflow(by: Self.usualRatio)
        bytes.reserveCapacity(overflow ? limit : min(usual, limit))
    }

    mutating func append(_ more: ArraySlice<UInt8>) throws(DecompressionError) {
        guard more.count <= limit - bytes.count else { throw .tooLarge(limit: limit) }
        bytes.append(contentsOf: more)
    }

    /// Lets `body` fill a piece of `pieceSize` bytes; its result says how many it wrote, and what came of it.
    mutating func fill<Result>(
        _ body: (UnsafeMutableBufferPointer<UInt8>) -> (count: Int, Result)
    ) throws(DecompressionError) -> Result {
        // SAFETY: the pointer is good while `body` runs.
        let (count, result) = unsafe piece.withUnsafeMutableBufferPointer { unsafe body($0) }
        guard count <= limit - bytes.count else { throw .tooLarge(limit: limit) }
        bytes.append(contentsOf: piece.prefix(count))
        return result
    }
}
