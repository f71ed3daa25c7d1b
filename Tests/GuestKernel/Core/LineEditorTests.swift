import KernelCore
import Testing

@Suite struct LineEditorTests {
    /// Types into an editor, and keeps what a shell would get and the terminal shows.
    final class Session {
        var editor: LineEditor
        let terminal = TerminalModel()
        private let output = TextBuffer(capacity: 4096)
        var lines: [String] = []
        var events: [LineEditor.Event] = []
        var completer: LineEditor.Completer?

        init(lengthLimit: Int = 1024, historyLimit: Int = 32) {
            editor = LineEditor(prompt: "> ", lengthLimit: lengthLimit, historyLimit: historyLimit)
            editor.begin(output)
            show()
        }

        /// The terminal gets what was written since.
        private func show() {
            for byte in output.bytes { terminal.put(byte) }
            output.clear()
        }

        func type(_ bytes: [UInt8]) {
            for byte in bytes {
                let event = editor.feed(byte, output: output, complete: completer)
                show()
                if event == .none { continue }
                events.append(event)
                if event == .line { lines.append(String(decoding: editor.line, as: UTF8.self)) }
                if event != .endOfInput { editor.begin(output) }
                show()
            }
        }

        func type(_ text: String) { type(Array(text.utf8)) }
    }

    static let left = "\u{1B}[D"
    static let up = "\u{1B}[A"
    static let down = "\u{1B}[B"

    @Test(
        "keys give the line",
        arguments: [
            ("abc", "abc"), ("ab\u{7F}c", "ac"), ("ab\u{8}\u{8}\u{8}c", "c"), ("bc\u{1B}[D\u{1B}[DaX", "aXbc"),
            ("abc\u{1}X\u{5}Y", "XabcY"), ("abc\u{1B}[HX\u{1B}[FY", "XabcY"), ("abc\u{1B}[1~X\u{1B}[4~Y", "XabcY"),
            ("abc\u{1B}OHX\u{1B}OFY", "XabcY"), ("abc\u{2}\u{2}X\u{6}Y", "aXbYc"), ("abc\u{1}\u{1B}[3~\u{4}", "c"),
            ("one two\u{17}\u{17}x", "x"), ("one two  \u{17}x", "one x"), ("abcd\u{2}\u{2}\u{B}X\u{19}", "abXcd"),
            ("abcd\u{2}\u{15}X", "Xd"), ("abc\u{15}\u{19}\u{19}", "abcabc"), ("a b\u{1B}b\u{1B}b\u{1B}fX", "aX b"),
            ("a bc\u{1B}[1;5DX", "a Xbc"), ("one two\u{1}\u{1B}d\u{5}!", " two!"), ("one two\u{1B}\u{7F}x", "one x"),
            ("a\u{1B}[99zb\u{1B}[?25hc\u{1B}[[Ad\u{1B}OPe\u{1B}[5;2;3~f\u{1B}[99999999~g", "abcdefg"),
            ("a\u{1B}xb\u{0}\u{1C}c", "abc"), ("aé\u{7F}b", "ab"), ("aéb\u{1B}[D\u{1B}[Dx", "axéb"),
            ("é\u{1}\u{4}x", "x"), ("ab\u{1B}[\u{7F}c", "ac"),
        ])
    func keys(typed: String, line: String) {
        let session = Session()
        session.type(typed)
        let shown = session.terminal.text
        session.type("\r")
        #expect(session.lines == [line])
        #expect(shown.utf8.elementsEqual("> \(line)".utf8) || typed.contains("é"))
        #expect(session.terminal.bells >= 0)
    }

    @Test("CR, LF and CR LF end one line each, also when piped at once, and the echo reads like a session")
    func lineEnds() {
        let session = Session()
        session.type("one\ntwo\rthree\r\nfour\n\n\r\r\n")
        #expect(session.lines == ["one", "two", "three", "four", "", "", ""])
        #expect(session.terminal.rows == ["> one", "> two", "> three", "> four", "> ", "> ", "> "])
        session.type("x\u{1B}\ry\u{1B}[1\r")
        #expect(session.lines.suffix(2) == ["x", "y"])
    }

    @Test("Ctrl-C throws the line away, Ctrl-D ends input on an empty line only")
    func controls() {
        let session = Session()
        session.type("abc\u{3}x\u{4}\u{15}\u{4}")
        #expect(session.events == [.interrupted, .endOfInput] && session.terminal.rows == ["> abc^C"])
        #expect(session.editor.historyLines.isEmpty)
    }

    @Test("Ctrl-L shows prompt, line and cursor again")
    func clearScreen() {
        let session = Session()
        session.type("abc\u{2}\u{C}")
        #expect(session.terminal.text == "> abc" && session.terminal.column == 4 && session.terminal.clears == 1)
    }

    @Test("history: up and down, the typed line comes back, no repeats or blanks, the last ones only")
    func history() {
        let session = Session(historyLimit: 3)
        session.type("a\na\n   \nb\nc\nd\n")
        #expect(session.editor.historyLines.map { String(decoding: $0, as: UTF8.self) } == ["b", "c", "d"])
        session.type("new" + Self.up + Self.up + Self.up)
        #expect(session.terminal.text == "> b" && session.terminal.bells == 0)
        session.type(Self.up)
        #expect(session.terminal.text == "> b" && session.terminal.bells == 1)
        session.type(Self.down + "x" + "\u{10}" + "\u{E}\u{E}\u{E}")
        #expect(session.terminal.text == "> new")
        session.type(Self.down)
        #expect(session.terminal.bells == 2)
        session.type(Self.up + "!\n")
        #expect(session.lines.last == "d!")
        session.type(Self.up + Self.up + "\n")
        #expect(session.lines.last == "d")
    }

    @Test("a line over the limit is refused with a bell and stays whole")
    func limit() {
        let session = Session(lengthLimit: 4)
        session.type("abcdefgh\u{15}\u{19}\u{19}\n")
        #expect(session.lines == ["abcd"] && session.terminal.bells == 5)
    }

    @Test("Tab: the rest when one fits, the common part of several, the list on the second Tab, a bell for none")
    func completion() {
        let session = Session()
        let table = CommandTable(
            ["reboot", "reset", "run"].map { (name: StaticString) in
                Command(name, summary: "") { _, _ in .done }
            })
        session.completer = { table.completion(of: $0, cursor: $1) }
        session.type("x\t")
        #expect(session.terminal.bells == 1 && session.terminal.text == "> x")
        session.type("\u{15}r\t")
        #expect(session.terminal.bells == 2 && session.terminal.rows.isEmpty)
        session.type("\t")
        #expect(session.terminal.rows == ["> r", "reboot  reset  run"] && session.terminal.text == "> r")
        session.type("e\t")
        #expect(session.terminal.text == "> re" && session.terminal.rows.count == 2)
        session.type("s\t")
        #expect(session.terminal.text == "> reset ")
        session.type("\tx\n")
        #expect(session.lines == ["reset x"])
        // In the middle of a line, without a space.
        session.type(" arg\u{1}ru\tX\n")
        #expect(session.lines.last == "runX arg")
    }

    @Test("whatever is typed, the terminal shows prompt, line and cursor", arguments: 1...60 as ClosedRange<UInt64>)
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let session = Session(lengthLimit: 40, historyLimit: 4)
        let table = CommandTable(
            ["alpha", "alps", "beta"].map { (name: StaticString) in Command(name, summary: "") { _, _ in .done } })
        session.completer = { table.completion(of: $0, cursor: $1) }
        let keys: [[UInt8]] =
            [
                Self.left, Self.up, Self.down, "\u{1B}[C", "\u{1B}[3~", "\u{1B}[H", "\u{1B}b", "\u{1B}d", "\u{1B}f",
                "al", "a b",
            ].map {
                Array($0.utf8)
            } + (0..<0x80 as Range<UInt8>).filter { $0 != 0x1B && $0 != 0x04 }.map { [$0] }
        for _ in 0..<800 {
            session.type(keys.randomElement(using: &random) ?? [])
            #expect(session.terminal.row == Array("> ".utf8) + session.editor.line)
            #expect(session.terminal.column == 2 + session.editor.cursor)
            #expect(session.editor.line.count <= 40)
        }
    }

    @Test("random bytes trap nothing, and Enter still works", arguments: 1...20 as ClosedRange<UInt64>)
    func noise(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let session = Session(lengthLimit: 64)
        for _ in 0..<5000 {
            let bytes: [UInt8] = [0x1B, 0x5B, 0x4F, 0x80, 0xC3, UInt8.random(in: 0...255, using: &random)]
            session.type([bytes.randomElement(using: &random) ?? 0])
            #expect(session.editor.cursor <= session.editor.line.count)
        }
        session.type("\r\rok\r")
        #expect(session.lines.last == "ok")
    }
}
