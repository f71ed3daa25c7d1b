import Testing

/// An ELF64 little-endian file as the tests read it. Source: System V ABI, "Program Header", "Note Section".
struct ImageFile {
    struct Segment {
        var type: UInt64
        /// 1 execute, 2 write, 4 read.
        var flags: UInt64
        var offset: UInt64
        var address: UInt64
        var fileSize: UInt64
        var memorySize: UInt64
    }

    struct Note {
        var name: String
        var type: UInt64
        var descriptor: [UInt8]
    }

    let bytes: [UInt8]

    func integer(at offset: UInt64, bytes width: UInt64) -> UInt64? {
        guard offset + width <= UInt64(bytes.count) else { return nil }
        return (0..<width).reduce(0) { $0 | UInt64(bytes[Int(offset + $1)]) << (8 * $1) }
    }

    func segments() throws -> [Segment] {
        let start = try #require(integer(at: 32, bytes: 8))
        let size = try #require(integer(at: 54, bytes: 2))
        let count = try #require(integer(at: 56, bytes: 2))
        return try (0..<count).map { index in
            let header = start + index * size
            return Segment(
                type: try #require(integer(at: header, bytes: 4)),
                flags: try #require(integer(at: header + 4, bytes: 4)),
                offset: try #require(integer(at: header + 8, bytes: 8)),
                address: try #require(integer(at: header + 24, bytes: 8)),
                fileSize: try #require(integer(at: header + 32, bytes: 8)),
                memorySize: try #require(integer(at: header + 40, bytes: 8)))
        }
    }

    /// The notes of all PT_NOTE segments.
    func notes() throws -> [Note] {
        var notes: [Note] = []
        for segment in try segments() where segment.type == 4 {
            var position = segment.offset
            while position < segment.offset + segment.fileSize {
                let nameSize = try #require(integer(at: position, bytes: 4))
                let size = try #require(integer(at: position + 4, bytes: 4))
                let type = try #require(integer(at: position + 8, bytes: 4))
                let name = position + 12
                let descriptor = name + ((nameSize + 3) & ~3)
                try #require(descriptor + size <= UInt64(bytes.count))
                notes.append(
                    Note(
                        name: String(
                            decoding: bytes[Int(name)..<Int(name + nameSize)].prefix { $0 != 0 }, as: UTF8.self),
                        type: type, descriptor: Array(bytes[Int(descriptor)..<Int(descriptor + size)])))
                position = descriptor + ((size + 3) & ~3)
            }
        }
        return notes
    }
}
