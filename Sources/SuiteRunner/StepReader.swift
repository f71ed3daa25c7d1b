internal import YAML

/// Reads the steps of a case, and its patterns.
struct StepReader {
    let reader: SuiteReader
    let variables: [String: String]

    private static let keys = ["expect", "send", "type", "capture", "timeout"]

    func steps(_ entry: YAMLNode.Entry?) throws(SuiteError) -> [TestStep] {
        guard let entry else { return [] }
        var steps: [TestStep] = []
        var captured: Set<String> = []
        for item in try reader.items(entry.value, key: "steps") {
            let fields = try reader.fields(of: item, key: "a step", known: Self.keys)
            let actions = ["expect", "send", "type"].compactMap { fields[$0] }
            guard let action = actions.first else { throw reader.error(item.mark, .notAStep) }
            if actions.count > 1 {
                throw reader.error(actions[1].keyMark, .tooManyActions(action.key, actions[1].key))
            }
            for key in ["capture", "timeout"] where action.key != "expect" {
                if let field = fields[key] {
                    throw reader.error(field.keyMark, .unknownKey(key, within: "a \(action.key)", suggestion: nil))
                }
            }
            steps.append(try step(action, fields, &captured))
        }
        return steps
    }

    /// One pattern, or a list of them.
    func patterns(_ entry: YAMLNode.Entry?) throws(SuiteError) -> [Pattern] {
        guard let entry else { return [] }
        var patterns: [Pattern] = []
        for item in try reader.scalars(entry.value, key: entry.key) {
            patterns.append(try pattern(item.text, at: item.mark, captured: []).pattern)
        }
        return patterns
    }

    private func step(
        _ action: YAMLNode.Entry, _ fields: SuiteReader.Fields, _ captured: inout Set<String>
    ) throws(SuiteError) -> TestStep {
        let mark = action.value.mark
        let text = try reader.scalar(action.value, key: action.key)
        guard action.key == "expect" else {
            let template = try reader.template(text, at: mark, values: variables, names: captured)
            return TestStep(
                action: action.key == "send" ? .send(template) : .type(template), mark: mark, timeout: nil)
        }
        let (pattern, groups) = try pattern(text, at: mark, captured: captured)
        var names: [String] = []
        if let field = fields["capture"] {
            names = try reader.scalars(field.value, key: "capture").map(\.text)
            // One name without a group takes the whole match.
            guard names.count <= max(groups, 1) else {
                throw reader.error(field.value.mark, .captureWithoutGroups(groups: groups, names: names.count))
            }
            for name in names where name.isEmpty || variables[name] != nil {
                let wanted = "a name that is not a variable of the suite or the matrix"
                throw reader.error(field.value.mark, .badValue(key: "capture", value: name, wanted: wanted))
            }
            captured.formUnion(names)
        }
        var timeout: Double?
        if let field = fields["timeout"] {
            let text = try reader.template(
                try reader.scalar(field.value, key: "timeout"), at: field.value.mark, values: variables
            ).text
            timeout = Seconds.parse(text)
            if timeout == nil {
                throw reader.error(
                    field.value.mark, .badValue(key: "timeout", value: text, wanted: Seconds.wanted))
            }
        }
        return TestStep(action: .expect(pattern, captures: names), mark: mark, timeout: timeout)
    }

    /// Compiles it once, with something in the place of captures, so that a mistake is told before anything runs.
    private func pattern(
        _ text: String, at mark: YAMLMark, captured: Set<String>
    ) throws(SuiteError) -> (pattern: Pattern, groups: Int) {
        let template = try reader.template(
            text, at: mark, values: variables, names: captured, quote: { $0.quotedForPattern })
        let trial = template.resolved(Dictionary(uniqueKeysWithValues: captured.map { ($0, "x") })).text
        let regex: ConsolePattern
        do { regex = try ConsolePattern(trial) } catch { throw reader.error(mark, .badPattern(text)) }
        return (Pattern(text: template, mark: mark), regex.groupCount)
    }
}
