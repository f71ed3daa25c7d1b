/// One word of a command line, as bytes.
package struct Word: Equatable, Sendable {
    package var bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package static func == (word: Word, text: StaticString) -> Bool {
        word.bytes.count == text.utf8CodeUnitCount && word.isPrefix(of: text)
    }

    /// True when `text` begins with this word.
    package func isPrefix(of text: StaticString) -> Bool {
        guard bytes.count <= text.utf8CodeUnitCount else { return false }
        for index in bytes.indices {
            // SAFETY: `index` is below the text's count.
            guard unsafe bytes[index] == text.utf8Start[index] else { return false }
        }
        return true
    }

    /// The number that the word spells, see `IntegerParser`.
    package var integer: UInt64? {
        var parser = IntegerParser()
        for byte in bytes { parser.add(byte) }
        return parser.value
    }
}
