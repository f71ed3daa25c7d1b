internal import VMM
internal import VMMCore
internal import YAML

/// Makes the cases of one entry of `cases:`: its matrix multiplied out, each with its own values.
struct CaseExpansion {
    let reader: SuiteReader
    let variables: [String: String]
    let defaults: SuiteReader.Fields

    private struct Axis {
        let key: String
        let keyMark: YAMLMark
        let values: [(text: String, mark: YAMLMark)]
    }

    func cases(of node: YAMLNode) throws(SuiteError) -> [TestCase] {
        let own = try reader.fields(of: node, key: "a case", known: SuiteKey.allCases.map(\.rawValue))
        guard own[SuiteKey.name.rawValue] != nil else {
            throw reader.error(node.mark, .missingKey("name", within: "a case"))
        }
        let fields = defaults.merging(own) { _, own in own }
        let axes = try axes(fields[SuiteKey.matrix.rawValue])
        try checkUse(of: axes, in: fields)
        let excluded = try exclusions(fields[SuiteKey.exclude.rawValue], axes)
        var result: [TestCase] = []
        var count = 1
        for axis in axes {
            let (product, overflow) = count.multipliedReportingOverflow(by: axis.values.count)
            guard !overflow, product <= Suite.maximumCases else {
                throw reader.error(axis.keyMark, .tooManyCases(limit: Suite.maximumCases))
            }
            count = product
        }
        for number in 0..<count {
            // The last axis turns fastest.
            var rest = number
            var choice: [(key: String, text: String, mark: YAMLMark)] = []
            for axis in axes.reversed() {
                let value = axis.values[rest % axis.values.count]
                choice.insert((axis.key, value.text, value.mark), at: 0)
                rest /= axis.values.count
            }
            let isExcluded = excluded.contains { pattern in
                pattern.allSatisfy { key, values in choice.contains { $0.key == key && values.contains($0.text) } }
            }
            if isExcluded { continue }
            result.append(try testCase(fields, choice, isInMatrix: !axes.isEmpty))
        }
        return result
    }

    private func testCase(
        _ fields: SuiteReader.Fields, _ choice: [(key: String, text: String, mark: YAMLMark)], isInMatrix: Bool
    ) throws(SuiteError) -> TestCase {
        var values = variables
        var fields = fields
        for item in choice {
            values[item.key] = item.text
            guard SuiteKey(rawValue: item.key) != nil else { continue }
            let node = YAMLNode(scalar: item.text, at: item.mark)
            fields[item.key] = YAMLNode.Entry(key: item.key, keyMark: item.mark, value: node)
        }
        let caseValues = CaseValues(reader: reader, fields: fields, variables: values)
        var result = try caseValues.testCase()
        // A name that tells the choice itself needs nothing added.
        let nameTells = try caseValues.nameUsesVariables
        if isInMatrix, !nameTells {
            result.name += "[" + choice.map { "\($0.key)=\($0.text)" }.joined(separator: ",") + "]"
        }
        return result
    }

    private func axes(_ entry: YAMLNode.Entry?) throws(SuiteError) -> [Axis] {
        guard let entry else { return [] }
        var axes: [Axis] = []
        for axis in try reader.entries(entry.value, key: "matrix") {
            let raw = try reader.scalars(axis.value, key: axis.key)
            var values: [(text: String, mark: YAMLMark)] = []
            for value in raw {
                values.append((try reader.template(value.text, at: value.mark, values: variables).text, value.mark))
            }
            guard !values.isEmpty else {
                throw reader.error(
                    axis.value.mark, .badValue(key: axis.key, value: "[]", wanted: "one value or more"))
            }
            axes.append(Axis(key: axis.key, keyMark: axis.keyMark, values: values))
        }
        return axes
    }

    /// A key of the matrix is one of a case's that hold a text, or a variable that the case uses.
    private func checkUse(of axes: [Axis], in fields: SuiteReader.Fields) throws(SuiteError) {
        let structured: Set<SuiteKey> = [.name, .environment, .args, .steps, .reject, .matrix, .exclude, .needs]
        for axis in axes {
            if let key = SuiteKey(rawValue: axis.key), !structured.contains(key) { continue }
            let isUsed = fields.values.contains { $0.value.uses(variable: axis.key) }
            guard !isUsed else { continue }
            let candidates = SuiteKey.allCases.filter { !structured.contains($0) }.map(\.rawValue)
            let suggestion = Suggestion.nearest(to: axis.key, among: candidates)
            throw reader.error(axis.keyMark, .unusedMatrixKey(axis.key, suggestion: suggestion))
        }
    }

    private func exclusions(_ entry: YAMLNode.Entry?, _ axes: [Axis]) throws(SuiteError) -> [[String: [String]]] {
        guard let entry else { return [] }
        var result: [[String: [String]]] = []
        for item in try reader.items(entry.value, key: "exclude") {
            let fields = try reader.fields(of: item, key: "exclude", known: axes.map(\.key))
            var pattern: [String: [String]] = [:]
            for (key, field) in fields {
                var values: [String] = []
                for value in try reader.scalars(field.value, key: key) {
                    values.append(try reader.template(value.text, at: value.mark, values: variables).text)
                }
                pattern[key] = values
            }
            if !pattern.isEmpty { result.append(pattern) }
        }
        return result
    }
}

extension YAMLNode {
    /// Whether a text in it has `${name}`.
    fileprivate func uses(variable name: String) -> Bool {
        switch content {
        case .scalar(let text, _): (try? Template(text))?.variables.contains(name) ?? false
        case .sequence(let items): items.contains { $0.uses(variable: name) }
        case .mapping(let entries): entries.contains { $0.value.uses(variable: name) }
        }
    }
}
