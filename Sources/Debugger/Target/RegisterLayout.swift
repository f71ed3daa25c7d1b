/// A target description: the registers that the debugger is told of, in the order of their numbers.
/// Source: GDB manual, G "Target Descriptions".
package struct RegisterLayout: Sendable {
    package struct Register: Sendable {
        package let name: String
        /// A multiple of 8, at most 128.
        package let bits: Int
        /// A type of GDB's, or one of the feature's own.
        let type: String
        let group: String?

        init(_ name: String, bits: Int, type: String, group: String? = nil) {
            self.name = name
            self.bits = bits
            self.type = type
            self.group = group
        }
    }

    struct Feature: Sendable {
        let name: String
        /// Definitions of types, as XML.
        let types: String
        let registers: [Register]
    }

    /// As GDB's `set architecture` names it.
    package let architecture: String
    let features: [Feature]
    package let registers: [Register]
    /// The number of the program counter.
    package let programCounter: Int
    /// The bytes of a breakpoint's instruction; Z packets of another kind are refused.
    let breakpointSize: ClosedRange<Int>

    init(_ architecture: String, programCounter: String, breakpointSize: ClosedRange<Int>, _ features: [Feature]) {
        self.architecture = architecture
        self.features = features
        self.breakpointSize = breakpointSize
        registers = features.flatMap(\.registers)
        self.programCounter = registers.firstIndex { $0.name == programCounter } ?? 0
    }

    /// What `qXfer:features:read:target.xml` gives.
    package var xml: String {
        var lines = [
            "<?xml version=\"1.0\"?>", "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">", "<target version=\"1.0\">",
            "<architecture>\(architecture)</architecture>",
        ]
        for feature in features {
            lines.append("<feature name=\"\(feature.name)\">")
            if !feature.types.isEmpty { lines.append(feature.types) }
            for register in feature.registers {
                let group = register.group.map { " group=\"\($0)\" save-restore=\"no\"" } ?? ""
                lines.append(
                    "<reg name=\"\(register.name)\" bitsize=\"\(register.bits)\" type=\"\(register.type)\"\(group)/>")
            }
            lines.append("</feature>")
        }
        lines.append("</target>")
        return lines.joined(separator: "\n") + "\n"
    }

    /// A type of single bits, least significant first.
    static func flags(_ id: String, bytes: Int, _ fields: [(name: String, bits: ClosedRange<Int>)]) -> String {
        let inner = fields.map { field in
            "<field name=\"\(field.name)\" start=\"\(field.bits.lowerBound)\" end=\"\(field.bits.upperBound)\"/>"
        }
        return "<flags id=\"\(id)\" size=\"\(bytes)\">\(inner.joined())</flags>"
    }
}
