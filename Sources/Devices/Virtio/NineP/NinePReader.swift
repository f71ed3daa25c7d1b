/// Reads a message's fields in order. A field that is not all there is a fault, never a trap.
struct NinePReader {
    private let bytes: [UInt8]
    private(set) var position: Int
    private let end: Int

    /// - Parameter range: of `bytes`.
    init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    static func integer(_ bytes: [UInt8], at offset: Int, size: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in (offset..<offset + size).reversed() { value = value << 8 | UInt64(bytes[index]) }
        return value
    }

    /// Goes behind the next `count` bytes, and gives where they are.
    mutating func skip(_ count: Int) throws(NinePFault) -> Range<Int> {
        guard count <= end - position else { throw .truncated }
        defer { position += count }
        return position..<position + count
    }

    mutating func byte() throws(NinePFault) -> UInt8 { bytes[try skip(1).lowerBound] }

    mutating func halfword() throws(NinePFault) -> UInt16 {
        UInt16(truncatingIfNeeded: Self.integer(bytes, at: try skip(2).lowerBound, size: 2))
    }

    mutating func word() throws(NinePFault) -> UInt32 {
        UInt32(truncatingIfNeeded: Self.integer(bytes, at: try skip(4).lowerBound, size: 4))
    }

    mutating func doubleword() throws(NinePFault) -> UInt64 {
        Self.integer(bytes, at: try skip(8).lowerBound, size: 8)
    }

    /// length[2] and so many bytes.
    mutating func string() throws(NinePFault) -> [UInt8] { Array(bytes[try skip(Int(try halfword()))]) }
}

/// What is wrong with a request's bytes.
enum NinePFault: Error, Hashable {
    case truncated
    /// A type that is no request of 9P2000.L, or one that is not supported.
    case unknownType(UInt8)
    /// A name that is no name of an entry.
    case badName
    case tooManyNames
}
