internal import Testing
internal import YAML

@Suite struct YAMLTests {
    private func parse(_ text: String) throws -> YAMLNode { try YAMLDocument.parse(Array(text.utf8)) }

    private func problem(_ text: String) -> YAMLError? {
        do throws(YAMLError) {
            _ = try YAMLDocument.parse(Array(text.utf8))
            return nil
        } catch {
            return error
        }
    }

    @Test("mappings keep their order, and know where keys and values stand")
    func marks() throws {
        guard case .mapping(let entries) = try parse("b: 1\na:\n  - 'x'\n  - y: {}\n").content else {
            Issue.record("no mapping")
            return
        }
        #expect(entries.map(\.key) == ["b", "a"])
        #expect(entries[1].keyMark == YAMLMark(line: 2, column: 1))
        #expect(entries[0].value.mark == YAMLMark(line: 1, column: 4))
        guard case .sequence(let items) = entries[1].value.content else {
            Issue.record("no sequence")
            return
        }
        #expect(items[0].mark == YAMLMark(line: 3, column: 5))
        guard case .scalar("x", isPlain: false) = items[0].content else {
            Issue.record("not a quoted x: \(items[0])")
            return
        }
    }

    @Test("an alias stands for what its anchor named")
    func alias() throws {
        guard case .mapping(let entries) = try parse("a: &one [1, 2]\nb: *one\n").content,
            case .sequence(let items) = entries[1].value.content
        else {
            Issue.record("no sequence behind the alias")
            return
        }
        #expect(items.count == 2)
    }

    @Test("aliases of aliases cannot grow without bound")
    func bomb() throws {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...12 {
            let alias = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(alias)]\n"
        }
        #expect(problem(text)?.problem == .tooManyNodes(limit: YAMLDocument.maximumNodes))
    }

    @Test("depth is limited")
    func depth() {
        let text = String(repeating: "[", count: 500) + String(repeating: "]", count: 500)
        #expect(problem(text)?.problem == .tooDeep(limit: YAMLDocument.maximumDepth))
    }

    @Test(
        "what is refused, and where",
        arguments: [
            ("a: 1\na: 2\n", YAMLError.Problem.duplicateKey("a"), 2, 1),
            ("a: *b\n", .unknownAnchor("b"), 1, 4),
            ("? [x]\n: 1\n", .keyIsNotAScalar, 1, 3),
            ("a: 1\n---\nb: 2\n", .secondDocument, 2, 1),
            ("", .empty, 1, 1),
            ("# only a comment\n", .empty, 2, 1),
        ])
    func refused(text: String, wanted: YAMLError.Problem, line: Int, column: Int) {
        #expect(problem(text) == YAMLError(problem: wanted, mark: YAMLMark(line: line, column: column)))
    }

    @Test(
        "what is no YAML is told with its line",
        arguments: [("a: [1,\nb: 2\n", 3), ("a: b: c\n", 1), ("a: \"x\n", 2), ("x:\n\t- y\n", 2), ("a: @x\n", 1)])
    func syntax(text: String, line: Int) throws {
        let error = try #require(problem(text))
        guard case .syntax(let words) = error.problem else {
            Issue.record("\(error)")
            return
        }
        #expect(!words.isEmpty)
        #expect(error.mark.line == line, "\(error)")
    }

    @Test("bytes that are no UTF-8 are told with their place")
    func encoding() {
        do throws(YAMLError) {
            _ = try YAMLDocument.parse(Array("a: 1\nb: ".utf8) + [0xFF, 0x0A])
            Issue.record("accepted")
        } catch {
            #expect(error.mark == YAMLMark(line: 2, column: 4))
        }
    }

    @Test("whatever the bytes, there is an answer")
    func fuzz() {
        var state: UInt64 = 42
        let letters = Array("ab:-[]{}&*!|>'\"%@`#?, \n\t\\0~<é".utf8)
        for _ in 0..<3_000 {
            var text: [UInt8] = []
            for _ in 0..<40 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text.append(letters[Int(state >> 33) % letters.count])
            }
            _ = try? YAMLDocument.parse(text)
        }
    }
}
