internal import Testing

@testable internal import SuiteRunner

@Suite struct ConsoleTextTests {
    private func lines(_ bytes: [UInt8]) -> [String] {
        var text = ConsoleText()
        var lines = bytes.compactMap { text.consume($0) }
        lines.append(text.partialLine)
        return lines
    }

    @Test(
        "escape sequences and control characters are left out",
        arguments: [
            ("\u{1B}[1;31mred\u{1B}[0m", "red"),
            ("\u{1B}]0;a title\u{07}text", "text"),
            ("\u{1B}]0;a title\u{1B}\\text", "text"),
            ("\u{1B}Pq#0;2\u{1B}\\text", "text"),
            ("\u{1B}(Btext\u{1B}=", "text"),
            ("\u{1B}[?25la\u{08}\u{07}b\u{00}c\td", "abc\td"),
            ("a\u{1B}[6n\u{1B}[2Kb", "ab"),
        ])
    func escapes(raw: String, text: String) { #expect(lines(Array(raw.utf8)) == [text]) }

    @Test("LF, CR and CR LF end a line")
    func lineEnds() { #expect(lines(Array("a\nb\r\nc\rd\n\ne".utf8)) == ["a", "b", "c", "d", "", "e"]) }

    @Test("a character in two pieces is one character, and is missing until it is complete")
    func splitCharacter() {
        var text = ConsoleText()
        let bytes = Array("ü€😀".utf8)
        var seen: [String] = []
        for byte in bytes {
            _ = text.consume(byte)
            seen.append(text.partialLine)
        }
        #expect(seen == ["", "ü", "ü", "ü", "ü€", "ü€", "ü€", "ü€", "ü€😀"])
    }

    @Test("what is no UTF-8 becomes U+FFFD, and hides nothing behind it")
    func malformed() {
        #expect(lines([0x61, 0xFF, 0x62, 0x80, 0x63]) == ["a\u{FFFD}b\u{FFFD}c"])
        #expect(lines([0x61, 0xE2, 0x82, 0x0A, 0x62]) == ["a\u{FFFD}", "b"])
    }

    @Test("a line and a control string without an end are cut")
    func bounded() {
        let long = lines([UInt8](repeating: 0x61, count: ConsoleText.maximumLineLength * 2 + 5))
        #expect(long.map(\.count) == [ConsoleText.maximumLineLength, ConsoleText.maximumLineLength, 5])
        let string = lines(Array("\u{1B}]".utf8) + [UInt8](repeating: 0x61, count: 10_000) + Array("\nend".utf8))
        #expect(string.last == "end")
    }
}
