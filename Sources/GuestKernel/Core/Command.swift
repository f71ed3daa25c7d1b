/// How a command ended.
package enum CommandStatus: Equatable, Sendable {
    case done
    /// The arguments were wrong: the table prints the usage.
    case usage
    /// The command said why itself.
    case failed
    /// No such command.
    case unknown
    /// The line could not be split.
    case malformed(CommandLineWords.Failure)
    /// The line was empty.
    case empty
}

/// A shell command.
package struct Command {
    package typealias Handler = (_ arguments: [Word], _ output: TextOutput) -> CommandStatus

    package let name: StaticString
    /// What it does, in a few words.
    package let summary: StaticString
    /// Its arguments, as in `[on|off] [NAME...]`; empty when it has none.
    package let usage: StaticString
    /// Called with the words after the name.
    package let handler: Handler

    package init(
        _ name: StaticString, summary: StaticString, usage: StaticString = "", handler: @escaping Handler
    ) {
        self.name = name
        self.summary = summary
        self.usage = usage
        self.handler = handler
    }
}
