/// A text with `${NAME}`, `${env:NAME}` or `${env:NAME:-DEFAULT}` in it. `$${` stands for `${`.
package struct Template: Hashable, Sendable {
    package enum Part: Hashable, Sendable {
        case text(String)
        case variable(String)
        case environment(String, default: String?)
    }

    package let parts: [Part]

    package init(_ text: String) throws(TemplateError) {
        var parts: [Part] = []
        var plain = ""
        var rest = text[...]
        while let character = rest.first {
            if rest.hasPrefix("$${") {
                plain += "${"
                rest = rest.dropFirst(3)
            } else if rest.hasPrefix("${") {
                guard let end = rest.firstIndex(of: "}") else { throw .unterminated }
                let name = rest[rest.index(rest.startIndex, offsetBy: 2)..<end]
                if !plain.isEmpty { parts.append(.text(plain)) }
                plain = ""
                parts.append(Self.part(String(name)))
                rest = rest[rest.index(after: end)...]
            } else {
                plain.append(character)
                rest = rest.dropFirst()
            }
        }
        if !plain.isEmpty { parts.append(.text(plain)) }
        self.parts = parts
    }

    init(parts: [Part]) { self.parts = parts }

    private static func part(_ name: String) -> Part {
        guard name.hasPrefix("env:") else { return .variable(name) }
        let variable = name.dropFirst(4)
        guard let mark = variable.firstRange(of: ":-") else { return .environment(String(variable), default: nil) }
        return .environment(String(variable[..<mark.lowerBound]), default: String(variable[mark.upperBound...]))
    }

    /// The names that it needs a value for.
    var variables: [String] {
        parts.compactMap { if case .variable(let name) = $0 { name } else { nil } }
    }

    /// With values in the place of the names that have one; `quote` prepares them, as for a regular expression.
    func resolved(_ values: [String: String], quote: (String) -> String = { $0 }) -> Template {
        Template(
            parts: parts.map { part in
                if case .variable(let name) = part, let value = values[name] { .text(quote(value)) } else { part }
            })
    }

    /// The text; names without a value are left out.
    package var text: String {
        parts.map { if case .text(let text) = $0 { text } else { "" } }.joined()
    }

    /// As it stood in the suite, for messages.
    package var source: String {
        parts.map { part in
            switch part {
            case .text(let text): text
            case .variable(let name): "${\(name)}"
            case .environment(let name, let other): "${env:\(name)\(other.map { ":-\($0)" } ?? "")}"
            }
        }.joined()
    }
}

package enum TemplateError: Error, Hashable { case unterminated }

extension String {
    /// A regular expression that matches this text.
    var quotedForPattern: String {
        var result = ""
        for scalar in unicodeScalars {
            if scalar.isASCII, !scalar.properties.isAlphabetic, scalar.properties.numericType == nil, scalar != " ",
                scalar != "_", scalar.value >= 0x20
            {
                result += "\\"
            }
            result.unicodeScalars.append(scalar)
        }
        return result
    }
}
