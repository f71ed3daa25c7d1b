internal import CLZ4

/// Blocks of LZ4's legacy frame, as Linux kernels are packed, by liblz4. They have no checksum and no end mark.
///
/// Source: LZ4 Frame Format Description 1.6.3, "Legacy frame"; Linux lib/decompress_unlz4.c.
enum LZ4Decoder {
    /// What each block but the last unpacks to.
    private static let blockSize = 8 << 20
    /// A block that cannot be made smaller is longer than what it holds. Source: lz4.h, LZ4_COMPRESSBOUND.
    private static let largestPackedBlock = blockSize + blockSize / 255 + 16

    /// Gives the offset behind the last block. It ends where the range does, where another frame begins, and before the four bytes with
    /// the kernel's size that Linux's build puts behind.
    static func decode(
        _ bytes: [UInt8], in range: Range<Int>, to output: inout DecompressedBytes
    ) throws(DecompressionError) -> Int {
        let magic = Compression.lz4.magic
        guard range.count >= magic.count else { throw .truncated(offset: range.upperBound) }
        guard bytes[range].starts(with: magic) else { throw .corrupt(offset: range.lowerBound) }
        var next = range.lowerBound + magic.count
        var block = [UInt8](repeating: 0, count: blockSize)
        var isFirst = true
        while isFirst || range.upperBound - next > 4 {
            if !isFirst, bytes[next..<range.upperBound].starts(with: magic) { break }
            guard range.upperBound - next >= 4 else { throw .truncated(offset: range.upperBound) }
            let size = bytes[next..<next + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
            guard (1...largestPackedBlock).contains(size) else { throw .corrupt(offset: next) }
            next += 4
            guard size <= range.upperBound - next else { throw .truncated(offset: range.upperBound) }
            let start = next
            let count = unsafe bytes.withUnsafeBytes { source in
                // SAFETY: the library reads and writes within the sizes it is given; both arrays outlive the call.
                unsafe block.withUnsafeMutableBytes { target in
                    unsafe LZ4_decompress_safe(
                        source.baseAddress.map { unsafe $0 + start }, target.baseAddress, Int32(size),
                        Int32(target.count))
                }
            }
            guard count >= 0 else { throw .corrupt(offset: start) }
            try output.append(block[..<Int(count)])
            next += size
            isFirst = false
        }
        return next
    }
}
