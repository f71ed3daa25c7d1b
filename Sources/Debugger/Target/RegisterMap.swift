package import VMMCore

/// The register maps of the architectures.
package enum RegisterMaps {
    package static let arm64: RegisterMap<ARM64Registers> = .architectural
    package static let x86_64: RegisterMap<X86Registers> = .architectural
}

/// How a debugger's registers lie in an architecture's register value.
package struct RegisterMap<Registers: Sendable>: Sendable {
    struct Entry: Sendable {
        let register: RegisterLayout.Register
        let get: @Sendable (Registers) -> UInt128?
        let set: @Sendable (inout Registers, UInt128) -> Void

        init(
            _ register: RegisterLayout.Register, get: @escaping @Sendable (Registers) -> UInt128?,
            set: @escaping @Sendable (inout Registers, UInt128) -> Void
        ) {
            self.register = register
            self.get = get
            self.set = set
        }

        /// A register that is a property.
        init<Word: FixedWidthInteger & Sendable>(
            _ name: String, bits: Int = Word.bitWidth, type: String, group: String? = nil,
            _ path: any (WritableKeyPath<Registers, Word> & Sendable)
        ) {
            self.init(RegisterLayout.Register(name, bits: bits, type: type, group: group)) {
                UInt128(truncatingIfNeeded: $0[keyPath: path])
            } set: { registers, value in
                registers[keyPath: path] = Word(truncatingIfNeeded: value)
            }
        }

        /// A register that the debugger's idea of the architecture has, and the backend does not tell.
        init(unavailable name: String, bits: Int, type: String, group: String? = nil) {
            self.init(RegisterLayout.Register(name, bits: bits, type: type, group: group)) { _ in
                nil
            } set: { _, _ in
            }
        }
    }

    package let layout: RegisterLayout
    private let entries: [Entry]

    init(
        _ architecture: String, programCounter: String, breakpointSize: ClosedRange<Int>,
        _ features: [(name: String, types: String, entries: [Entry])]
    ) {
        layout = RegisterLayout(
            architecture, programCounter: programCounter, breakpointSize: breakpointSize,
            features.map { feature in
                .init(name: feature.name, types: feature.types, registers: feature.entries.map(\.register))
            })
        entries = features.flatMap(\.entries)
    }

    /// The values in the layout's order.
    package func values(of registers: Registers) -> [UInt128?] { entries.map { $0.get(registers) } }

    /// Sets register `number`. A number that does not exist is ignored.
    package func set(_ number: Int, to value: UInt128, in registers: inout Registers) {
        guard entries.indices.contains(number) else { return }
        entries[number].set(&registers, value)
    }
}
