internal import CZstd

/// One zstd frame, by libzstd. Windows of more than 128 MiB, which no kernel has, are refused by the library.
enum ZstdDecoder {
    /// Gives the offset behind the frame.
    static func decode(
        _ bytes: [UInt8], in range: Range<Int>, to output: inout DecompressedBytes
    ) throws(DecompressionError) -> Int {
        // SAFETY: the context is freed below.
        guard let context = unsafe ZSTD_createDCtx() else { throw .outOfMemory }
        defer { unsafe _ = ZSTD_freeDCtx(context) }
        var next = range.lowerBound
        while true {
            let start = next
            let (status, taken, isFull) = try unsafe output.fill { piece in
                // SAFETY: the library reads and writes within the sizes it is given; both buffers outlive the call.
                unsafe bytes.withUnsafeBufferPointer { buffer in
                    var input = unsafe ZSTD_inBuffer(
                        src: buffer.baseAddress.map { unsafe $0 + start }, size: range.upperBound - start, pos: 0)
                    var target = unsafe ZSTD_outBuffer(dst: piece.baseAddress, size: piece.count, pos: 0)
                    let status = unsafe ZSTD_decompressStream(context, &target, &input)
                    return unsafe (target.pos, (status, input.pos, target.pos == target.size))
                }
            }
            next += taken
            if ZSTD_isError(status) != 0 {
                switch ZSTD_getErrorCode(status) {
                case ZSTD_error_memory_allocation: throw .outOfMemory
                case ZSTD_error_frameParameter_windowTooLarge, ZSTD_error_frameParameter_unsupported,
                    ZSTD_error_version_unsupported, ZSTD_error_dictionary_wrong:
                    throw .unsupported(offset: next)
                default: throw .corrupt(offset: next)
                }
            }
            if status == 0 { return next }
            if next == range.upperBound, !isFull { throw .truncated(offset: next) }
        }
    }
}
