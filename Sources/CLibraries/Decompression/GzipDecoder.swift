internal import CZlib

/// One gzip member, by zlib.
enum GzipDecoder {
    /// Gives the offset behind the member.
    static func decode(
        _ bytes: [UInt8], in range: Range<Int>, to output: inout DecompressedBytes
    ) throws(DecompressionError) -> Int {
        var stream = unsafe z_stream()
        // A window of 32 KiB; +16: gzip's header and trailer are wanted, and checked.
        // SAFETY: a zeroed z_stream uses zlib's allocator; it is ended below.
        guard unsafe inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .outOfMemory
        }
        defer { unsafe _ = inflateEnd(&stream) }
        var next = range.lowerBound
        while true {
            let start = next
            let (status, taken) = try unsafe output.fill { piece in
                // SAFETY: zlib reads and writes within the counts it is given; both buffers outlive the call.
                unsafe bytes.withUnsafeBufferPointer { input in
                    let count = min(range.upperBound - start, 1 << 30)
                    unsafe stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress.map { unsafe $0 + start })
                    unsafe stream.avail_in = UInt32(count)
                    unsafe stream.next_out = piece.baseAddress
                    unsafe stream.avail_out = UInt32(piece.count)
                    let status = unsafe inflate(&stream, Z_NO_FLUSH)
                    return unsafe (piece.count - Int(stream.avail_out), (status, count - Int(stream.avail_in)))
                }
            }
            next += taken
            switch status {
            case Z_STREAM_END: return next
            case Z_OK: continue
            case Z_BUF_ERROR: throw .truncated(offset: next)
            case Z_MEM_ERROR: throw .outOfMemory
            default: throw .corrupt(offset: next)
            }
        }
    }
}
