internal import ArgumentParser
internal import VMM

/// What of the guest's work goes to a file.
struct TraceOptions: ParsableArguments {
    @Option(
        name: .customLong("trace"),
        help: ArgumentHelp(
            "Write what the guest does to --trace-file, as lines: exec, exceptions, mmio, irq, psci, timers; with KVM only mmio.",
            valueName: "kind[,kind...]"))
    var kinds: TraceKinds?

    @Option(name: .customLong("trace-file"), help: ArgumentHelp("The file of --trace.", valueName: "file"))
    var path: String?

    @Option(
        name: .customLong("trace-range"),
        help: ArgumentHelp(
            "Trace only what happens at these addresses, the end not included: the program counter's, or the device's.",
            valueName: "start-end"))
    var range: AddressRange?

    func validate() throws {
        if kinds != nil && path == nil { throw ValidationError("--trace: needs --trace-file") }
        if kinds == nil && path != nil { throw ValidationError("--trace-file: needs --trace") }
        if kinds == nil && range != nil { throw ValidationError("--trace-range: needs --trace") }
    }

    var configuration: TraceConfiguration? {
        guard let kinds, let path else { return nil }
        return TraceConfiguration(kinds: kinds.kinds, path: path, range: range?.range)
    }
}

struct TraceKinds: ExpressibleByArgument {
    let kinds: Set<TraceConfiguration.Kind>

    init?(argument: String) {
        let names = argument.split(separator: ",", omittingEmptySubsequences: false)
        let kinds = names.compactMap { TraceConfiguration.Kind(rawValue: String($0)) }
        guard kinds.count == names.count else { return nil }
        self.kinds = Set(kinds)
    }

    /// Named in the error for one that does not exist.
    static var allValueStrings: [String] { TraceConfiguration.Kind.allCases.map { $0.rawValue } }
}

/// Two addresses, `0x` or decimal, with a hyphen between.
struct AddressRange: ExpressibleByArgument {
    let range: Range<UInt64>

    init?(argument: String) {
        let parts = argument.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let start = Self.number(parts[0]), let end = Self.number(parts[1]), start < end else {
            return nil
        }
        range = start..<end
    }

    private static func number(_ text: Substring) -> UInt64? {
        text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
    }
}
