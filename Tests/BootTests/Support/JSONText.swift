/// A strict reader of JSON, so that what swvmm prints is checked by something that did not write it. Source: RFC 8259.
indirect enum JSONText: Hashable {
    case object([String: JSONText])
    case array([JSONText])
    case string(String)
    /// A number, true, false or null, as it stands there.
    case word(String)

    struct Malformed: Error, CustomStringConvertible {
        let offset: Int
        var description: String { "malformed JSON at offset \(offset)" }
    }

    static func parse(_ text: String) throws -> JSONText {
        var parser = Parser(scalars: Array(text.unicodeScalars))
        let value = try parser.value()
        parser.skipSpace()
        guard parser.next == nil else { throw parser.malformed }
        return value
    }

    private struct Parser {
        let scalars: [Unicode.Scalar]
        var position = 0

        var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }
        var malformed: Malformed { Malformed(offset: position) }

        mutating func skipSpace() { while let next, " \n\r\t".unicodeScalars.contains(next) { position += 1 } }

        mutating func take(_ scalar: Unicode.Scalar) -> Bool {
            skipSpace()
            guard next == scalar else { return false }
            position += 1
            return true
        }

        mutating func value() throws -> JSONText {
            skipSpace()
            switch next {
            case "{": return try object()
            case "[": return try array()
            case "\"": return .string(try string())
            default: return .word(try word())
            }
        }

        mutating func object() throws -> JSONText {
            _ = take("{")
            var members: [String: JSONText] = [:]
            if take("}") { return .object(members) }
            repeat {
                skipSpace()
                let name = try string()
                guard take(":"), members[name] == nil else { throw malformed }
                members[name] = try value()
            } while take(",")
            guard take("}") else { throw malformed }
            return .object(members)
        }

        mutating func array() throws -> JSONText {
            _ = take("[")
            var values: [JSONText] = []
            if take("]") { return .array(values) }
            repeat { values.append(try value()) } while take(",")
            guard take("]") else { throw malformed }
            return .array(values)
        }

        mutating func string() throws -> String {
            guard take("\"") else { throw malformed }
            var result = String.UnicodeScalarView()
            while let scalar = next, scalar != "\"" {
                guard scalar.value >= 0x20 else { throw malformed }
                position += 1
                result.append(scalar == "\\" ? try escaped() : scalar)
            }
            guard next != nil else { throw malformed }
            position += 1
            return String(result)
        }

        private mutating func escaped() throws -> Unicode.Scalar {
            guard let scalar = next else { throw malformed }
            position += 1
            switch scalar {
            case "\"", "\\", "/": return scalar
            case "n": return "\n"
            case "r": return "\r"
            case "t": return "\t"
            case "u":
                let digits = scalars.dropFirst(position).prefix(4).map(String.init).joined()
                guard digits.count == 4, let number = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(number)
                else { throw malformed }
                position += 4
                return scalar
            default: throw malformed
            }
        }

        private mutating func word() throws -> String {
            let start = position
            while let next,
                next.properties.isAlphabetic || next.properties.numericType != nil
                    || "+-.".unicodeScalars.contains(next)
            {
                position += 1
            }
            let text = scalars[start..<position].map(String.init).joined()
            guard ["true", "false", "null"].contains(text) || Double(text) != nil else { throw malformed }
            return text
        }
    }
}
