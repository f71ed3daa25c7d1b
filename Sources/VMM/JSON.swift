/// A JSON value, for the output that scripts read. Objects keep their order.
package enum JSON: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case string(String)
    case array([JSON])
    case object([(String, JSON)])

    /// An unsigned number; above 2^63 - 1, which many readers lose, as a hexadecimal string.
    package static func unsigned(_ value: UInt64) -> JSON {
        Int64(exactly: value).map { .integer($0) } ?? .string("0x" + String(value, radix: 16))
    }

    /// The text, indented by two spaces a level. Source: RFC 8259.
    package func text(indent: Int = 0) -> String {
        let inner = String(repeating: "  ", count: indent + 1)
        let outer = String(repeating: "  ", count: indent)
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return String(value)
        case .string(let value): return Self.quoted(value)
        case .array(let values):
            if values.isEmpty { return "[]" }
            let items = values.map { inner + $0.text(indent: indent + 1) }
            return "[\n\(items.joined(separator: ",\n"))\n\(outer)]"
        case .object(let members):
            if members.isEmpty { return "{}" }
            let items = members.map { "\(inner)\(Self.quoted($0.0)): \($0.1.text(indent: indent + 1))" }
            return "{\n\(items.joined(separator: ",\n"))\n\(outer)}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
