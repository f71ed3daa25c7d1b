internal import Glibc
internal import NetworkFrames
internal import VMMCore

/// The sending end of a stream of frames, each behind its length: 4 bytes, the highest first. Frames are gathered, and leave with
/// one system call. Threading: one thread at a time. Allocates nothing once it is made.
package struct FrameOutput {
    private static let lengthSize = 4
    private static let capacity = 4 * (lengthSize + NetworkFrame.maximumSize)
    /// So much is worth a system call, so that the other end begins.
    private static let pieceSize = 64 << 10

    private var bytes = [UInt8](repeating: 0, count: capacity)
    private var start = 0
    private var end = 0
    private let headers: FrameHeaders

    package init(_ headers: FrameHeaders) { self.headers = headers }

    package var isEmpty: Bool { start == end }
    /// It should be flushed before more comes.
    package var isWorthFlushing: Bool { end - start >= Self.pieceSize }
    package var isHalfFull: Bool { end - start > Self.capacity / 2 }

    /// Adds the frame `frame[range]`, header first. False: there is no room.
    ///
    /// To an end that wants no headers it goes finished: with its checksum, in segments. One whose header is wrong is dropped.
    package mutating func append(_ frame: [UInt8], _ range: Range<Int>) -> Bool {
        guard headers == .absent else { return add(frame, range) != nil }
        let ethernet = range.dropFirst(NetworkFrame.headerSize)
        guard let header = try? OffloadHeader(frame, at: range.lowerBound, frameLength: ethernet.count) else {
            return true
        }
        if header.segmentation != nil {
            guard let segments = FrameSegments(frame, ethernet, header) else { return true }
            return add(segments, of: frame)
        }
        guard let place = add(frame, ethernet) else { return false }
        _ = header.completingChecksum(of: &bytes, place)
        return true
    }

    /// Gives the place of the frame's copy; nil: there is no room.
    private mutating func add(_ frame: [UInt8], _ range: Range<Int>) -> Range<Int>? {
        guard makeRoom(Self.lengthSize + range.count) else { return nil }
        let place = end + Self.lengthSize
        // SAFETY: `makeRoom` has seen to the destination; the slice is checked by `frame`.
        unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe frame[range].withUnsafeBytes { source in
                guard let to = buffer.baseAddress, let from = source.baseAddress else { return }
                unsafe (to + place).copyMemory(from: from, byteCount: range.count)
            }
        }
        bytes.setBigWord(UInt32(range.count), at: end)
        end = place + range.count
        return place..<end
    }

    private mutating func add(_ segments: FrameSegments, of frame: [UInt8]) -> Bool {
        let size = segments.count * (Self.lengthSize + segments.maximumLength)
        // Headers that are longer than what they carry: no sender means that.
        guard size <= Self.capacity else { return true }
        guard makeRoom(size) else { return false }
        var segments = segments
        while let length = segments.next(of: frame, into: &bytes, at: end + Self.lengthSize) {
            bytes.setBigWord(UInt32(length), at: end)
            end += Self.lengthSize + length
        }
        return true
    }

    /// Writes what the socket takes. `moved`: nothing is left.
    package mutating func flush(to socket: Int32) -> FrameTransfer {
        while start < end {
            let (start, end) = (start, end)
            // SAFETY: start..<end is a part of the array.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe send(
                    socket, buffer.baseAddress.map { unsafe $0 + start }, end - start,
                    Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                self.start += count
            } else if errno == EAGAIN {
                return .wouldBlock
            } else if errno != EINTR {
                return errno == EPIPE ? .ended : .failed(errno: errno)
            }
        }
        removeAll()
        return .moved
    }

    package mutating func removeAll() { (start, end) = (0, 0) }

    private mutating func makeRoom(_ size: Int) -> Bool {
        if bytes.count - end >= size { return true }
        let count = end - start
        guard bytes.count - count >= size else { return false }
        let start = start
        // SAFETY: both ranges are in the array; memmove takes overlapping ones.
        unsafe bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            unsafe _ = memmove(base, base + start, count)
        }
        (self.start, end) = (0, count)
        return true
    }
}
