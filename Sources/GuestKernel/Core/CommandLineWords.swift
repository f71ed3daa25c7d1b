/// A line split into words as a shell does it: at spaces and tabs, with quotes and backslash.
///
/// Between single quotes every byte stands for itself. Between double quotes a backslash makes `"` and `\` plain and is
/// itself kept before anything else. Outside of quotes a backslash makes any byte plain. `#` at the start of a word begins
/// a comment.
package struct CommandLineWords: Sendable {
    package enum Failure: Error, Equatable, Sendable {
        /// The quote that begins at this offset has no end.
        case unbalancedQuote(offset: Int)
        /// The line ends in a backslash.
        case trailingBackslash
    }

    package let words: [Word]

    /// Splits `line`, which has no end of line.
    package init(_ line: [UInt8]) throws(Failure) {
        var words: [Word] = []
        var word: [UInt8] = []
        /// A word has begun: it may still be empty, as `""` is.
        var inWord = false
        var index = 0
        while index < line.count {
            let byte = line[index]
            switch byte {
            case 0x20, 0x09:
                if inWord { words.append(Word(word)) }
                word = []
                inWord = false
            case 0x22, 0x27:
                inWord = true
                index = try Self.appendQuoted(line, from: index, to: &word)
            case 0x5C:
                guard index + 1 < line.count else { throw .trailingBackslash }
                inWord = true
                index += 1
                word.append(line[index])
            case 0x23 where !inWord:
                index = line.count
            default:
                inWord = true
                word.append(byte)
            }
            index += 1
        }
        if inWord { words.append(Word(word)) }
        self.words = words
    }

    /// Appends the text in the quotes that begin at `start`, and returns the closing quote's offset.
    private static func appendQuoted(_ line: [UInt8], from start: Int, to word: inout [UInt8]) throws(Failure) -> Int {
        let quote = line[start]
        var index = start + 1
        while index < line.count, line[index] != quote {
            if quote == 0x22, line[index] == 0x5C, index + 1 < line.count,
                line[index + 1] == 0x22 || line[index + 1] == 0x5C
            {
                index += 1
            }
            word.append(line[index])
            index += 1
        }
        guard index < line.count else { throw .unbalancedQuote(offset: start) }
        return index
    }
}
