/// What a fuzzer gives, taken piece by piece; behind its end all is 0.
struct FuzzInput {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position >= bytes.count }

    mutating func byte() -> UInt8 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return bytes[position]
    }

    /// Below `limit`, which is at least 1.
    mutating func number(below limit: Int) -> Int { Int(limit > 256 ? halfword() : UInt16(byte())) % limit }

    mutating func halfword() -> UInt16 { UInt16(byte()) | UInt16(byte()) << 8 }
    mutating func word() -> UInt32 { UInt32(halfword()) | UInt32(halfword()) << 16 }
    mutating func doubleword() -> UInt64 { UInt64(word()) | UInt64(word()) << 32 }

    /// At most `limit` bytes, as many as the next byte says.
    mutating func run(atMost limit: Int) -> [UInt8] {
        let count = min(number(below: limit + 1), bytes.count - position)
        guard count > 0 else { return [] }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }
}
