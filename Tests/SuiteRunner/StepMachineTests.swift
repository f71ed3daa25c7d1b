internal import Testing
internal import YAML

@testable internal import SuiteRunner

@Suite struct StepMachineTests {
    private func machine(_ lines: String...) throws -> StepMachine {
        let text = "cases:\n- name: a\n" + lines.map { "  \($0)\n" }.joined()
        return StepMachine(try Suites.read(text).cases[0])
    }

    private func typed(_ wishes: [StepMachine.Wish]) -> String {
        String(
            decoding: wishes.flatMap { wish -> [UInt8] in if case .type(let bytes) = wish { bytes } else { [] } },
            as: UTF8.self)
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("a dialogue: steps before the first expect at once, then one after the other")
    func dialogue() throws {
        var machine = try machine("steps: [{send: go}, {expect: '> '}, {send: uname}, {expect: Linux}]")
        #expect(machine.begin() == [.type(bytes("go\n")), .waiting(step: 1, timeout: nil)])
        #expect(machine.consume(bytes("go\n> x")) == [.type(bytes("uname\n")), .waiting(step: 3, timeout: nil)])
        #expect(machine.consume(bytes("\nLinux 6\n")) == [.finished])
        #expect(machine.position == 4)
    }

    @Test("a match counts from behind the last one, also in the same line")
    func sinceLastMatch() throws {
        var machine = try machine("steps: [{expect: b}, {expect: a}]")
        _ = machine.begin()
        #expect(machine.consume(bytes("a b .\n")) == [.waiting(step: 1, timeout: nil)])
        #expect(machine.consume(bytes("b a.\n")) == [.finished])
    }

    @Test("several steps in one piece of output")
    func onePiece() throws {
        var machine = try machine("steps: [{expect: one}, {expect: two}, {expect: three}]")
        _ = machine.begin()
        #expect(machine.consume(bytes("one two\nthree\n")).last == .finished)
    }

    @Test("a match across the borders of pieces, byte by byte, with an escape sequence and UTF-8 in it")
    func split() throws {
        var machine = try machine("steps: [{expect: 'größe: (\\d+)!', capture: n}, {send: '${n}'}]")
        _ = machine.begin()
        var wishes: [StepMachine.Wish] = []
        for byte in bytes("gr\u{1B}[1mö\u{1B}[0mße: 42!x") { wishes += machine.consume([byte]) }
        #expect(typed(wishes) == "42\n")
    }

    @Test("a match at the very end waits for more, so that a capture is not cut")
    func growingMatch() throws {
        var machine = try machine("steps: [{expect: 'ready in (\\d+)', capture: n}, {send: '${n}'}]")
        _ = machine.begin()
        #expect(machine.consume(bytes("ready in 5")) == [.watchForQuiet])
        #expect(machine.consume(bytes("41")) == [.watchForQuiet])
        #expect(typed(machine.consume(bytes("96 us\n"))) == "54196\n")
    }

    @Test("a match at the very end counts when the console is quiet, or when the line ends")
    func quietMatch() throws {
        var machine = try machine("steps: [{expect: 'login:'}, {send: root}]")
        _ = machine.begin()
        #expect(machine.consume(bytes("login:")) == [.watchForQuiet])
        #expect(machine.quiet() == [.type(bytes("root\n")), .finished])
        var other = try self.machine("steps: [{expect: 'x$'}]")
        _ = other.begin()
        #expect(other.consume(bytes("ax")) == [.watchForQuiet])
        #expect(other.consume(bytes("y\n")) == [])
        #expect(other.consume(bytes("ax\n")) == [.finished])
    }

    @Test("captures: the groups in order, the whole match without groups, a quoted value in later patterns")
    func captures() throws {
        var machine = try machine(
            "steps: [{expect: '(\\w+)=(\\S+) ', capture: [k, v]}, {send: '${k}:${v}'}, {expect: '<${v}>'}]")
        _ = machine.begin()
        #expect(typed(machine.consume(bytes("a=1.*5 \n"))) == "a:1.*5\n")
        #expect(machine.consume(bytes("<1x*5>\n<1..5>\n")) == [])
        #expect(machine.consume(bytes("<1.*5>\n")) == [.finished])
        var whole = try self.machine("steps: [{expect: '\\d+', capture: n}, {send: '${n}'}]")
        _ = whole.begin()
        #expect(typed(whole.consume(bytes("n 7.\n"))) == "7\n")
    }

    @Test("a rejected pattern is told once, with its place, also when the steps are done")
    func rejected() throws {
        var machine = try machine("reject: [Oops, 'Kernel panic']", "steps: [{send: x}]")
        #expect(machine.begin().last == .finished)
        #expect(
            machine.consume(bytes("[1] Kernel panic - not syncing\nOops\n")) == [
                .rejected(line: "[1] Kernel panic - not syncing", YAMLMark(line: 3, column: 18))
            ])
    }

    @Test("an expect's own limit comes with the wish to wait")
    func stepTimeout() throws {
        var machine = try machine("steps: [{expect: a, timeout: 1.5}]")
        #expect(machine.begin() == [.waiting(step: 0, timeout: 1.5)])
    }

    @Test("a case without steps is finished at once")
    func noSteps() throws {
        var machine = try machine("cpus: 1")
        #expect(machine.begin() == [.finished])
        #expect(machine.begin() == [])
    }

    @Test("a flood without a line end stays bounded, and the last lines are kept")
    func flood() throws {
        var machine = try machine("steps: [{expect: never}]")
        _ = machine.begin()
        for _ in 0..<16 { _ = machine.consume([UInt8](repeating: 0x61, count: 64 << 10)) }
        #expect(machine.recentLines.count <= 21)
        #expect(machine.recentLines.allSatisfy { $0.utf8.count <= ConsoleText.maximumLineLength })
    }
}
