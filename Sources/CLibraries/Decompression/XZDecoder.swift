internal import CLZMA

/// One xz stream, by liblzma.
enum XZDecoder {
    /// `xz -9` needs 65 MiB; the cap bounds what a hostile header asks for.
    private static let memoryLimit: UInt64 = 256 << 20

    /// Gives the offset behind the stream.
    static func decode(
        _ bytes: [UInt8], in range: Range<Int>, to output: inout DecompressedBytes
    ) throws(DecompressionError) -> Int {
        var stream = unsafe lzma_stream()
        // SAFETY: a zeroed lzma_stream is LZMA_STREAM_INIT; it is ended below.
        guard unsafe lzma_stream_decoder(&stream, memoryLimit, 0) == LZMA_OK else { throw .outOfMemory }
        defer { unsafe lzma_end(&stream) }
        var next = range.lowerBound
        while true {
            let start = next
            let (status, taken) = try unsafe output.fill { piece in
                // SAFETY: the library reads and writes within the counts it is given; both buffers outlive the call.
                unsafe bytes.withUnsafeBufferPointer { input in
                    let count = range.upperBound - start
                    unsafe stream.next_in = input.baseAddress.map { unsafe $0 + start }
                    unsafe stream.avail_in = count
                    unsafe stream.next_out = piece.baseAddress
                    unsafe stream.avail_out = piece.count
                    let status = unsafe lzma_code(&stream, LZMA_RUN)
                    return unsafe (piece.count - stream.avail_out, (status, count - stream.avail_in))
                }
            }
            next += taken
            switch status {
            case LZMA_STREAM_END: return next
            case LZMA_OK: continue
            case LZMA_BUF_ERROR: throw .truncated(offset: next)
            case LZMA_MEM_ERROR: throw .outOfMemory
            case LZMA_MEMLIMIT_ERROR, LZMA_OPTIONS_ERROR: throw .unsupported(offset: next)
            default: throw .corrupt(offset: next)
            }
        }
    }
}
