/// A piece of text that lies in memory: where it is, not a copy of it.
package struct MemoryText<Memory: ByteSource> {
    package let memory: Memory
    package let address: UInt64
    /// Length in bytes.
    package let count: Int

    /// Reads the byte at `index`; 0 when it is out of bounds or not readable.
    package subscript(index: Int) -> UInt8 {
        guard index >= 0, index < count else { return 0 }
        return memory.byte(at: address &+ UInt64(index)) ?? 0
    }

    /// True when the bytes are those of `text`.
    package func equals(_ text: String) -> Bool {
        guard text.utf8.count == count else { return false }
        var index = 0
        for byte in text.utf8 {
            guard self[index] == byte else { return false }
            index += 1
        }
        return true
    }

    /// The number that the text spells, see `IntegerParser`.
    package var integer: UInt64? {
        var parser = IntegerParser()
        for index in 0..<count { parser.add(self[index]) }
        return parser.value
    }

    /// A copy of the bytes.
    package var bytes: [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(count)
        for index in 0..<count { copy.append(self[index]) }
        return copy
    }

    /// A copy as a string; bytes that are not UTF-8 are replaced.
    package var string: String { String(decoding: bytes, as: UTF8.self) }
}
