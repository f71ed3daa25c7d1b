import KernelCore
import Testing

@Suite struct CommandTests {
    static func words(_ line: String) throws(CommandLineWords.Failure) -> [String] {
        try CommandLineWords(Array(line.utf8)).words.map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    @Test(
        "a line is split at blanks, with quotes and backslash",
        arguments: [
            ("", []), ("  \t ", []), ("a b", ["a", "b"]), (" a\t b ", ["a", "b"]), ("'a b' c", ["a b", "c"]),
            ("\"a b\"c", ["a bc"]), ("a\\ b", ["a b"]), ("'a\\b'", ["a\\b"]), ("\"a\\\"b\\\\c\\d\"", ["a\"b\\c\\d"]),
            ("\"\" ''", ["", ""]), ("x'y'\"z\"", ["xyz"]), ("a # b", ["a"]), ("a#b", ["a#b"]), ("'#'", ["#"]),
        ] as [(String, [String])])
    func split(line: String, expected: [String]) throws { #expect(try Self.words(line) == expected) }

    @Test(
        "an open quote and a last backslash are errors with their place",
        arguments: [
            ("a 'b", .unbalancedQuote(offset: 2)), ("\"\\\"", .unbalancedQuote(offset: 0)),
            ("a'b\"", .unbalancedQuote(offset: 1)),
            ("a\\", .trailingBackslash),
        ] as [(String, CommandLineWords.Failure)])
    func errors(line: String, failure: CommandLineWords.Failure) {
        #expect(throws: failure) { try Self.words(line) }
    }

    static func table(_ seen: TextBuffer) -> CommandTable {
        CommandTable([
            Command("echo", summary: "print words", usage: "[WORD...]") { words, output in
                for word in words { output.write(word.bytes) }
                return words.first.map { $0 == "bad" } == true ? .usage : .done
            },
            Command("mem", summary: "show memory") { _, _ in .failed },
        ])
    }

    @Test(
        "run: the right command with its arguments, or one line that says what is wrong",
        arguments: [
            ("echo 'a b' c", CommandStatus.done, "a bc"), ("mem", .failed, ""), ("  ", .empty, ""),
            ("ech", .unknown, "ech: no such command; try help\r\n"),
            ("echo bad", .usage, "badusage: echo [WORD...]\r\n"),
            ("echo 'x", .malformed(.unbalancedQuote(offset: 5)), "the quote at column 6 has no end\r\n"),
            ("x\\", .malformed(.trailingBackslash), "nothing follows the backslash at the end\r\n"),
        ])
    func run(line: String, status: CommandStatus, output: String) {
        let buffer = TextBuffer(capacity: 200)
        #expect(Self.table(buffer).run(Array(line.utf8), output: buffer) == status)
        #expect(String(decoding: buffer.bytes, as: UTF8.self) == output)
    }

    @Test("help is in columns")
    func help() {
        let buffer = TextBuffer(capacity: 200)
        Self.table(buffer).writeHelp(to: buffer)
        #expect(
            String(decoding: buffer.bytes, as: UTF8.self)
                == "  echo [WORD...]  print words\r\n  mem             show memory\r\n")
    }
}
