internal import VMMCore

/// Builds a reply in storage that is used again and again.
struct NinePWriter {
    /// The reply, from its first byte on; it never grows beyond what it was made for.
    private(set) var bytes: [UInt8]
    private(set) var count = NinePHeader.size
    /// Most bytes of the reply.
    let limit: Int
    /// A field had no room: the reply is worth nothing.
    private(set) var isOverfull = false

    /// - Parameters:
    ///   - bytes: storage, at least `limit` bytes.
    ///   - limit: at least `NineP.errorReplySize`.
    init(_ bytes: consuming [UInt8], limit: Int) {
        self.bytes = bytes
        self.limit = min(limit, self.bytes.count)
    }

    /// Room behind what was written.
    var room: Int { limit - count }

    private mutating func put(_ value: UInt64, size: Int) {
        guard size <= room else {
            isOverfull = true
            return
        }
        for index in 0..<size { bytes[count + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8)) }
        count += size
    }

    mutating func byte(_ value: UInt8) { put(UInt64(value), size: 1) }
    mutating func halfword(_ value: UInt16) { put(UInt64(value), size: 2) }
    mutating func word(_ value: UInt32) { put(UInt64(value), size: 4) }
    mutating func doubleword(_ value: UInt64) { put(value, size: 8) }

    mutating func qid(_ qid: NinePQid) {
        byte(qid.type)
        // The version: nobody looks without a cache that is told of changes.
        word(0)
        doubleword(qid.path)
    }

    mutating func string(_ text: [UInt8]) {
        guard let length = UInt16(exactly: text.count), text.count + 2 <= room else {
            isOverfull = true
            return
        }
        halfword(length)
        for (index, value) in text.enumerated() { bytes[count + index] = value }
        count += text.count
    }

    mutating func time(_ time: FileTime) {
        doubleword(UInt64(bitPattern: time.seconds))
        doubleword(UInt64(time.nanoseconds))
    }

    /// Puts count[4] and so many bytes, which `fill` writes into the storage's range that it gets.
    mutating func data<Failure: Error>(
        atMost wanted: UInt32, _ fill: (inout [UInt8], Range<Int>) throws(Failure) -> Int
    ) throws(Failure) {
        let start = count + 4
        guard start <= limit else {
            isOverfull = true
            return
        }
        let length = min(Int(wanted), limit - start)
        let filled = try fill(&bytes, start..<start + length)
        word(UInt32(truncatingIfNeeded: filled))
        count += filled
    }

    /// Writes the header. Gives the reply's size.
    mutating func finish(type: UInt8, tag: UInt16) -> Int {
        let size = count
        count = 0
        word(UInt32(truncatingIfNeeded: size))
        byte(type)
        halfword(tag)
        count = size
        return size
    }

    /// Replaces what was written by an error.
    mutating func fail(_ failure: FileFailure, tag: UInt16) -> Int {
        count = NinePHeader.size
        isOverfull = false
        word(UInt32(bitPattern: failure.number))
        return finish(type: NinePType.errorReply.rawValue, tag: tag)
    }

    /// The storage goes back.
    consuming func takeStorage() -> [UInt8] { bytes }
}
