internal import Glibc
internal import NetworkFrames
internal import VMMCore

/// Whether a stream of frames has a `NetworkFrame` header before each.
package enum FrameHeaders: Sendable {
    case present
    /// The stream has Ethernet frames only: headers of zeros are added and taken away here.
    case absent
}

/// What came of reading or writing a stream.
package enum FrameTransfer: Hashable, Sendable {
    case moved
    case wouldBlock
    /// The other end has closed.
    case ended
    case failed(errno: Int32)
}

/// The receiving end of a stream of frames, each behind its length: 4 bytes, the highest first. (QEMU's `-netdev stream`, and passt.)
///
/// A frame is handed on where it lies. Its header is written over the frame before it, which has been used by then.
/// Threading: one thread at a time. Allocates nothing once it is made.
package struct FrameInput {
    /// What is no frame: the stream cannot be followed any more.
    package struct BadLength: Error, Hashable, Sendable {
        package let length: Int
    }

    private static let lengthSize = 4
    /// Several of the largest frames, or a hundred usual ones, with one system call.
    private static let capacity = 4 * (lengthSize + NetworkFrame.maximumSize)
    /// Where the first frame's length goes, so that there is room for its header.
    private static let origin = NetworkFrame.headerSize

    package private(set) var bytes = [UInt8](repeating: 0, count: origin + capacity)
    private var start = origin
    private var end = origin
    /// The frame that `next` has given, which lies over its own length by then.
    private var current: Range<Int>?
    private let headers: FrameHeaders

    package init(_ headers: FrameHeaders) { self.headers = headers }

    /// Reads what there is and room for. Not while there is a frame that `next` would give.
    package mutating func fill(from socket: Int32) -> FrameTransfer {
        makeRoom()
        let end = end
        while true {
            // SAFETY: the rest of the array.
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe recv(
                    socket, buffer.baseAddress.map { unsafe $0 + end }, buffer.count - end, Int32(MSG_DONTWAIT))
            }
            if count > 0 {
                self.end += count
                return .moved
            }
            if count == 0 { return .ended }
            guard errno != EINTR else { continue }
            return errno == EAGAIN ? .wouldBlock : .failed(errno: errno)
        }
    }

    /// A frame that is there as a whole, header first: a part of `bytes`. The same one until `consume()`. Nil: more must be read.
    package mutating func next() throws(BadLength) -> Range<Int>? {
        if let current { return current }
        while end - start >= Self.lengthSize {
            let length = Int(bytes.bigWord(at: start))
            let header = headers == .absent ? NetworkFrame.headerSize : 0
            guard length > 0, length + header <= NetworkFrame.maximumSize else { throw BadLength(length: length) }
            let first = start + Self.lengthSize
            guard end - first >= length else { return nil }
            let frame = first - header..<first + length
            guard frame.count >= NetworkFrame.headerSize + NetworkFrame.ethernetHeaderSize else {
                // Nobody can do anything with so little.
                start = first + length
                continue
            }
            current = frame
            return frame
        }
        return nil
    }

    /// Writes zeros over a frame's header: what the stream's length stood in, or a header that is not wanted.
    package mutating func clearHeader(of frame: Range<Int>) {
        for index in frame.prefix(NetworkFrame.headerSize) { bytes[index] = 0 }
    }

    /// Changes a frame where it lies.
    package mutating func withBytes<Result>(_ body: (inout [UInt8]) -> Result) -> Result { body(&bytes) }

    /// The frame that `next` gave is done with.
    package mutating func consume() {
        guard let current else { return }
        start = current.upperBound
        self.current = nil
    }

    private mutating func makeRoom() {
        guard start > Self.origin else { return }
        if start == end {
            (start, end) = (Self.origin, Self.origin)
        } else if bytes.count - end < Self.capacity / 2 {
            let count = end - start
            // SAFETY: both ranges are in the array; memmove takes overlapping ones.
            unsafe bytes.withUnsafeMutableBytes { buffer in
                guard let base = buffer.baseAddress else { return }
                unsafe _ = memmove(base + Self.origin, base + start, count)
            }
            (start, end) = (Self.origin, Self.origin + count)
        }
    }
}
