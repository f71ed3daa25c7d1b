internal import HostIO
internal import VMM
internal import YAML

/// One case's fields as values: types, ranges and files checked.
struct CaseValues {
    let reader: SuiteReader
    let fields: SuiteReader.Fields
    /// What `${NAME}` stands for, captures apart.
    let variables: [String: String]

    private static let defaultTimeout = 60.0

    func testCase() throws(SuiteError) -> TestCase {
        let defaults = MachineConfiguration()
        guard let name = fields[SuiteKey.name.rawValue] else {
            throw reader.error(nil, .missingKey("name", within: "a case"))
        }
        let architecture: MachineConfiguration.Architecture? = try choice(.arch)
        let accelerator: MachineConfiguration.Accelerator? = try choice(.accel)
        let console: MachineConfiguration.Console? = try choice(.console)
        let cpus = try value(.cpus, wanted: "a number from 1 to 64") { text in
            // How they are grouped stands behind it; `swvmm boot` checks that.
            let number = Int(text.prefix { $0 != "," })
            return number.flatMap { (1...64).contains($0) ? (count: $0, text: text) : nil }
        }
        let memory = try value(.memory, wanted: "a size such as 512M") { text in
            MemorySize(argument: text).flatMap { $0.bytes > 0 && $0.bytes % 4096 == 0 ? $0 : nil }
        }
        let skip = try skip()
        let image = try file(.image, isNeeded: skip == nil)
        let initrd = try file(.initrd, isNeeded: skip == nil)
        let disk = try file(.disk, isNeeded: skip == nil)

        var arguments: [String] = []
        func add(_ option: String, _ value: String?) { if let value { arguments.append("--\(option)=\(value)") } }
        add("arch", architecture?.rawValue)
        add("accel", accelerator?.rawValue)
        add("cpus", cpus?.text)
        add("memory", memory?.description)
        add("cmdline", try text(.cmdline))
        add("initrd", initrd)
        add("disk", disk)
        add("console", console?.rawValue)
        for setting in try environment() { add("env", setting) }
        arguments += try extraArguments()
        if let image { arguments.append(image) }

        let steps = StepReader(reader: reader, variables: variables)
        return TestCase(
            name: try singleLine(name), mark: name.value.mark, arguments: arguments, architecture: architecture,
            accelerator: accelerator ?? defaults.accelerator, image: image,
            cpuCount: cpus?.count ?? defaults.cpuCount, memorySize: memory?.bytes ?? defaults.memorySize,
            timeout: try seconds(.timeout) ?? Self.defaultTimeout,
            steps: try steps.steps(fields[SuiteKey.steps.rawValue]), ending: try ending(),
            rejected: try steps.patterns(fields[SuiteKey.reject.rawValue]), variables: variables, skip: skip)
    }

    /// Whether the case's name tells its variables itself.
    var nameUsesVariables: Bool {
        get throws(SuiteError) {
            guard let name = fields[SuiteKey.name.rawValue],
                let template = try? Template(try reader.scalar(name.value, key: name.key))
            else { return false }
            return !template.variables.isEmpty
        }
    }

    // MARK: - Values

    private func text(_ entry: YAMLNode.Entry) throws(SuiteError) -> String {
        let text = try reader.scalar(entry.value, key: entry.key)
        return try reader.template(text, at: entry.value.mark, values: variables).text
    }

    private func text(_ key: SuiteKey) throws(SuiteError) -> String? {
        guard let entry = fields[key.rawValue] else { return nil }
        return try text(entry)
    }

    /// Control characters would spoil the lines in which a name appears.
    private func singleLine(_ entry: YAMLNode.Entry) throws(SuiteError) -> String {
        let name = try text(entry)
        guard !name.isEmpty, !name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
            throw reader.error(entry.value.mark, .badValue(key: entry.key, value: name, wanted: "one line of text"))
        }
        return name
    }

    private func value<Value>(
        _ key: SuiteKey, wanted: String, _ parse: (String) -> Value?
    ) throws(SuiteError) -> Value? {
        guard let entry = fields[key.rawValue] else { return nil }
        let text = try text(entry)
        guard let value = parse(text) else {
            throw reader.error(entry.value.mark, .badValue(key: entry.key, value: text, wanted: wanted))
        }
        return value
    }

    private func seconds(_ key: SuiteKey) throws(SuiteError) -> Double? {
        try value(key, wanted: Seconds.wanted, Seconds.parse)
    }

    private func choice<Value: RawRepresentable & CaseIterable>(
        _ key: SuiteKey
    ) throws(SuiteError) -> Value? where Value.RawValue == String {
        let words = Value.allCases.map(\.rawValue)
        return try value(key, wanted: words.joined(separator: " or "), Value.init(rawValue:))
    }

    private func ending() throws(SuiteError) -> ExpectedEnding {
        let ending: ExpectedEnding? = try value(.exit, wanted: "an exit code from 0 to 255, or stop") { text in
            if text == "stop" { return .stop }
            return Int32(text).flatMap { (0...255).contains($0) ? .exit($0) : nil }
        }
        return ending ?? .exit(0)
    }

    /// `name: value` pairs, or a list of `name=value`.
    private func environment() throws(SuiteError) -> [String] {
        guard let entry = fields[SuiteKey.environment.rawValue] else { return [] }
        var settings: [String] = []
        if case .mapping(let entries) = entry.value.content {
            for setting in entries { settings.append("\(setting.key)=\(try text(setting))") }
            return settings
        }
        for item in try reader.scalars(entry.value, key: entry.key) {
            let setting = try reader.template(item.text, at: item.mark, values: variables).text
            guard setting.contains("=") else {
                throw reader.error(item.mark, .badValue(key: entry.key, value: setting, wanted: "name=value"))
            }
            settings.append(setting)
        }
        return settings
    }

    private func extraArguments() throws(SuiteError) -> [String] {
        guard let entry = fields[SuiteKey.args.rawValue] else { return [] }
        let reserved = [
            "--timeout": "the key 'timeout'", "--timeline": "swvmm test --output", "--help": "swvmm boot --help",
        ]
        var result: [String] = []
        for item in try reader.scalars(entry.value, key: entry.key) {
            let argument = try reader.template(item.text, at: item.mark, values: variables).text
            let option = String(argument.prefix { $0 != "=" })
            if let use = reserved[option] { throw reader.error(item.mark, .reservedArgument(option, use: use)) }
            result.append(argument)
        }
        return result
    }

    // MARK: - Files and conditions

    /// A path of the suite, from its own directory on.
    private func resolve(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        guard let slash = reader.path.lastIndex(of: "/") else { return "./" + path }
        return String(reader.path[...slash]) + path
    }

    private func file(_ key: SuiteKey, isNeeded: Bool) throws(SuiteError) -> String? {
        guard let entry = fields[key.rawValue] else { return nil }
        let path = resolve(try text(entry))
        guard !isNeeded || HostFile.exists(path) else {
            throw reader.error(entry.value.mark, .missingFile(key: key.rawValue, path: path))
        }
        return path
    }

    /// What speaks against running it here, the deliberate first.
    private func skip() throws(SuiteError) -> SkipReason? {
        if let reason = try text(.skip) { return .told(reason) }
        guard let entry = fields[SuiteKey.needs.rawValue] else { return nil }
        let needs = try reader.fields(of: entry.value, key: "needs", known: ["files", "environment", "host", "hint"])
        var hint: String?
        if let entry = needs["hint"] { hint = try text(entry) }
        if let entry = needs["files"] {
            for item in try reader.scalars(entry.value, key: entry.key) {
                let path = resolve(try reader.template(item.text, at: item.mark, values: variables).text)
                if !HostFile.exists(path) { return .missingFile(path, hint: hint) }
            }
        }
        if let entry = needs["environment"] {
            for item in try reader.scalars(entry.value, key: entry.key) where reader.environment(item.text) == nil {
                return .missingEnvironment(item.text, hint: hint)
            }
        }
        if let entry = needs["host"] {
            let name = try text(entry)
            guard let host = MachineConfiguration.Architecture(rawValue: name) else {
                let words = MachineConfiguration.Architecture.allCases.map(\.rawValue).joined(separator: " or ")
                throw reader.error(entry.value.mark, .badValue(key: entry.key, value: name, wanted: words))
            }
            if host != .host { return .otherHost(wanted: name) }
        }
        return nil
    }
}

/// Times in a suite: seconds, with decimals.
enum Seconds {
    static let wanted = "seconds above 0"

    static func parse(_ text: String) -> Double? {
        guard let value = Double(text), value > 0, value <= 1_000_000 else { return nil }
        return value
    }
}
