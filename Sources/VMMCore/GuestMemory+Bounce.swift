internal import Glibc

/// Guest memory and memory of the host's that stands in for it: where that must be aligned, or shared with a program.
extension GuestMemory {
    /// Whether these bytes of `buffers` are RAM in pieces that begin at multiples of `address` of the host's memory, and are
    /// multiples of `length` long. Both are powers of two.
    package func isAligned(_ buffers: [GuestBuffer], range: Range<UInt64>, address: UInt64, length: UInt64) -> Bool {
        var cursor = BufferCursor()
        cursor.skip(range.lowerBound, of: buffers)
        var left = range.upperBound - range.lowerBound
        while left > 0, let (start, count) = cursor.next(of: buffers, upTo: left) {
            // SAFETY: only the number of the address is used.
            guard UInt64(count) & (length - 1) == 0, let host = unsafe try? hostAddress(start, count: count),
                UInt64(UInt(bitPattern: host)) & (address - 1) == 0
            else { return false }
            left -= UInt64(count)
        }
        return left == 0
    }

    /// Copies these bytes of `buffers` to `target`, which has room for them.
    @unsafe
    package func copyOut(
        _ buffers: [GuestBuffer], range: Range<UInt64>, to target: UnsafeMutableRawBufferPointer
    ) throws(GuestMemoryError) {
        var place = 0
        try forEachPiece(buffers, range, limit: target.count) { (start, count) throws(GuestMemoryError) in
            // SAFETY: `count` checked bytes of the guest's; `forEachPiece` stays inside the limit.
            let source = unsafe try hostAddress(start, count: count)
            if let base = target.baseAddress { unsafe memcpy(base + place, source, count) }
            place += count
        }
    }

    /// Copies `source` to these bytes of `buffers`, which are no more than it has.
    @unsafe
    package func copyIn(
        _ source: UnsafeRawBufferPointer, to buffers: [GuestBuffer], range: Range<UInt64>
    ) throws(GuestMemoryError) {
        var place = 0
        try forEachPiece(buffers, range, limit: source.count) { (start, count) throws(GuestMemoryError) in
            // SAFETY: as above.
            let target = unsafe try hostAddress(start, count: count)
            if let base = source.baseAddress { unsafe memcpy(target, base + place, count) }
            writeObserver.noteWrite(start, count: UInt64(count))
            place += count
        }
    }

    private func forEachPiece(
        _ buffers: [GuestBuffer], _ range: Range<UInt64>, limit: Int,
        _ body: (GuestAddress, Int) throws(GuestMemoryError) -> Void
    ) throws(GuestMemoryError) {
        precondition(range.upperBound - range.lowerBound <= UInt64(limit))
        var cursor = BufferCursor()
        cursor.skip(range.lowerBound, of: buffers)
        var left = range.upperBound - range.lowerBound
        while left > 0, let (start, count) = cursor.next(of: buffers, upTo: left) {
            try body(start, count)
            left -= UInt64(count)
        }
    }
}
