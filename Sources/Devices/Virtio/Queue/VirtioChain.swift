package import VMMCore

/// One buffer of a chain.
package typealias ChainSegment = GuestBuffer

/// The buffers of a chain, in order: first those to read, then those to write. Storage that is used again and again.
struct ChainBuffers: Sendable {
    /// Source: virtio 1.2 §2.7.5.2. Of packed rings the specification says nothing: the same.
    static let maximumBytes: UInt64 = 1 << 32

    private(set) var segments: [ChainSegment] = []
    private(set) var readableCount = 0
    private(set) var readableBytes: UInt64 = 0
    private(set) var writableBytes: UInt64 = 0

    /// Empties it, and keeps the storage.
    mutating func clear() {
        segments.removeAll(keepingCapacity: true)
        readableCount = 0
        readableBytes = 0
        writableBytes = 0
    }

    /// Checks a descriptor's buffer and takes it in.
    @inline(__always)
    mutating func append(
        _ address: GuestAddress, _ size: UInt32, isWritable: Bool, limit: Int, memory: GuestMemory
    ) throws(QueueFault) {
        guard segments.count < limit else { throw .chainTooLong }
        let length = UInt64(size)
        // Both sums are at most 2^32: no overflow.
        guard readableBytes &+ writableBytes &+ length <= Self.maximumBytes else { throw .tooManyBytes }
        // Nobody touches the address of an empty buffer.
        guard length == 0 || memory.contains(address, count: length) else {
            throw .bufferOutsideRAM(address, length: size)
        }
        if isWritable {
            writableBytes &+= length
        } else {
            guard readableCount == segments.count else { throw .readableBehindWritable }
            readableCount &+= 1
            readableBytes &+= length
        }
        segments.append(ChainSegment(address: address, length: size))
    }
}

/// A checked chain of buffers that the driver made available: what a device gets of a request.
///
/// It is read and written in order by `VirtioQueue.read(_:into:range:)` and `write(_:from:range:)`. Giving it to
/// `VirtioQueue.complete(_:)` consumes it, and is the only way to the used ring; `discard(_:)` consumes it without.
/// A chain that is neither leaves its queue's reset waiting.
package struct VirtioChain: ~Copyable, Sendable {
    /// What its ring needs to give it back.
    let taken: TakenChain
    /// The start of the queue that it belongs to: later ones do not know it.
    let generation: UInt32
    var buffers: ChainBuffers
    var readPosition = ChainPosition()
    var writePosition: ChainPosition
    /// Bytes that the device wrote.
    var written: UInt64 = 0

    init(_ taken: TakenChain, generation: UInt32, buffers: ChainBuffers) {
        self.taken = taken
        self.generation = generation
        self.buffers = buffers
        writePosition = ChainPosition(segment: buffers.readableCount)
    }

    /// How much there is to read, in bytes, at most 2^32.
    package var readableBytes: UInt64 { buffers.readableBytes }
    /// How much room there is to write, in bytes, at most 2^32.
    package var writableBytes: UInt64 { buffers.writableBytes }
    /// Readable buffers come first.
    package var readableSegmentCount: Int { buffers.readableCount }
    package var segmentCount: Int { buffers.segments.count }

    /// Buffer `index`, below `segmentCount`.
    package func segment(_ index: Int) -> ChainSegment { buffers.segments[index] }

    /// Says how many bytes were written from the first writable one on, when they did not go through `VirtioQueue.write`: by
    /// a back end with direct access, say.
    package mutating func setWritten(_ bytes: UInt64) { written = min(bytes, writableBytes) }

    /// Adds the memory of bytes `range` of the readable buffers to `list`; nothing beyond their end.
    package func appendReadable(_ range: Range<UInt64>, to list: inout [GuestBuffer]) {
        append(range, of: 0..<buffers.readableCount, to: &list)
    }

    /// Adds the memory of bytes `range` of the writable buffers to `list`; nothing beyond their end.
    package func appendWritable(_ range: Range<UInt64>, to list: inout [GuestBuffer]) {
        append(range, of: buffers.readableCount..<buffers.segments.count, to: &list)
    }

    private func append(_ range: Range<UInt64>, of segments: Range<Int>, to list: inout [GuestBuffer]) {
        // Where the segment begins; at most 2^32: no overflow below.
        var start: UInt64 = 0
        for index in segments {
            let segment = buffers.segments[index]
            let end = start &+ UInt64(segment.length)
            let from = max(start, range.lowerBound)
            let to = min(end, range.upperBound)
            if from < to, let address = segment.address.advanced(by: from &- start) {
                list.append(GuestBuffer(address: address, length: UInt32(truncatingIfNeeded: to &- from)))
            }
            start = end
        }
    }
}

/// How far a device has come in a chain's readable or writable buffers.
struct ChainPosition: Sendable {
    var segment = 0
    /// Bytes of that segment which are done.
    var offset: UInt32 = 0
}

/// What a queue has for its device.
package enum NextChain: ~Copyable, Sendable {
    /// Nothing is available, or the queue does not run.
    case empty
    case chain(VirtioChain)
    /// The driver broke the rules. The queue stands still until it is started anew.
    case malformed(QueueFault)
}
