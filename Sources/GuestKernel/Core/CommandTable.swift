/// The shell's commands: finds, completes, explains and runs them.
package struct CommandTable {
    package private(set) var commands: [Command] = []

    package init() {}

    package init(_ commands: [Command]) { self.commands = commands }

    /// Adds a command behind the others.
    package mutating func add(_ command: Command) { commands.append(command) }

    /// The command called exactly `name`.
    package func command(named name: Word) -> Command? {
        for command in commands where name == command.name { return command }
        return nil
    }

    /// Splits `line` and runs its command. Says on `output` what is wrong with a line that cannot be run.
    package func run(_ line: [UInt8], output: TextOutput) -> CommandStatus {
        let words: [Word]
        do throws(CommandLineWords.Failure) {
            words = try CommandLineWords(line).words
        } catch {
            switch error {
            case .unbalancedQuote(let offset):
                output.write("the quote at column ")
                output.write(decimal: offset + 1)
                output.write(" has no end")
            case .trailingBackslash: output.write("nothing follows the backslash at the end")
            }
            output.newLine()
            return .malformed(error)
        }
        guard let name = words.first else { return .empty }
        guard let command = command(named: name) else {
            output.write(name.bytes)
            output.write(": no such command; try help")
            output.newLine()
            return .unknown
        }
        let status = command.handler(Array(words[1...]), output)
        if status == .usage { writeUsage(command, to: output) }
        return status
    }

    /// Writes `usage: NAME ARGUMENTS`.
    package func writeUsage(_ command: Command, to output: TextOutput) {
        output.write("usage: ")
        output.write(command.name)
        if command.usage.utf8CodeUnitCount > 0 { output.spaces(1) }
        output.write(command.usage)
        output.newLine()
    }

    /// Writes a line a command: name and arguments in one column, summaries in the next.
    package func writeHelp(to output: TextOutput) {
        var width = 0
        for command in commands { width = max(width, Self.width(command)) }
        for command in commands {
            output.spaces(2)
            output.write(command.name)
            if command.usage.utf8CodeUnitCount > 0 { output.spaces(1) }
            output.write(command.usage)
            output.spaces(width - Self.width(command) + 2)
            output.write(command.summary)
            output.newLine()
        }
    }

    private static func width(_ command: Command) -> Int {
        let usage = command.usage.utf8CodeUnitCount
        return command.name.utf8CodeUnitCount + (usage > 0 ? usage + 1 : 0)
    }

    /// Completes the first word of a line; later words have no candidates.
    package func completion(of line: [UInt8], cursor: Int) -> LineCompletion {
        var start = 0
        while start < cursor, line[start] == 0x20 { start += 1 }
        for index in start..<cursor where line[index] == 0x20 { return LineCompletion(start: cursor, candidates: []) }
        let prefix = Word(Array(line[start..<cursor]))
        var candidates: [[UInt8]] = []
        for command in commands where prefix.isPrefix(of: command.name) {
            candidates.append(LineCompletion.bytes(of: command.name))
        }
        return LineCompletion(start: start, candidates: candidates)
    }
}
