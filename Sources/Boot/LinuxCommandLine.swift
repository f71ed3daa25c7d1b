/// Linux's view of a command line: its parameters, up to the `--` behind which it is init's.
///
/// Source: Linux lib/cmdline.c, next_arg, and kernel/params.c, parse_args.
package struct LinuxCommandLine: Hashable, Sendable {
    package struct Parameter: Hashable, Sendable {
        package let name: String
        /// What is behind the first `=`; nil: there is none.
        package let value: String?
    }

    package let parameters: [Parameter]

    /// White space within double quotes parts nothing; the quotes are no part of a parameter.
    package init(_ text: String) {
        var parameters: [Parameter] = []
        var isQuoted = false
        let words = text.split { character in
            if character == "\"" { isQuoted.toggle() }
            return character.isWhitespace && !isQuoted
        }
        for word in words {
            let plain = String(word.filter { $0 != "\"" })
            if plain == "--" { break }
            let parts = plain.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let name = parts.first, !name.isEmpty else { continue }
            parameters.append(Parameter(name: name, value: parts.count > 1 ? parts[1] : nil))
        }
        self.parameters = parameters
    }

    package func contains(_ name: String) -> Bool { parameters.contains { $0.name == name } }

    /// The values of all parameters of this name, in their order.
    package func values(of name: String) -> [String] {
        parameters.compactMap { $0.name == name ? $0.value : nil }
    }

    /// Whether the kernel is told to print before its console is there.
    package var hasEarlyConsole: Bool { contains("earlycon") || contains("earlyprintk") }

    /// `text` with a parameter before all others.
    package static func adding(_ parameter: String, to text: String) -> String {
        text.isEmpty ? parameter : "\(parameter) \(text)"
    }
}
