internal import HostIO
internal import VMM
internal import VMMCore
internal import YAML

/// A suite of boots, read from a file and checked as a whole.
package struct Suite: Sendable {
    /// More cases than anybody lists: a matrix of matrices ends here.
    package static let maximumCases = 10_000
    private static let maximumFileSize: UInt64 = 4 << 20

    package let path: String
    /// In the order of the file.
    package let cases: [TestCase]

    /// - Parameters:
    ///   - definitions: values of `--define`; they go before those of the file.
    ///   - environment: a variable of the process's environment, or nil.
    package init(
        path: String, definitions: [String: String],
        environment: @escaping (String) -> String?
    ) throws(SuiteError) {
        let bytes: [UInt8]
        do throws(HostFileError) {
            bytes = try HostFile.read(path, limit: Self.maximumFileSize)
        } catch {
            throw SuiteError(path: path, mark: nil, problem: .file(error))
        }
        try self.init(text: bytes, path: path, definitions: definitions, environment: environment)
    }

    /// - Parameter path: for messages, and as the base of relative paths.
    package init(
        text: [UInt8], path: String, definitions: [String: String],
        environment: @escaping (String) -> String?
    ) throws(SuiteError) {
        let root: YAMLNode
        do throws(YAMLError) {
            root = try YAMLDocument.parse(text)
        } catch {
            throw SuiteError(path: path, mark: error.mark, problem: .yaml(error.problem))
        }
        self.path = path
        let reader = SuiteReader(path: path, environment: environment)
        let top = try reader.fields(of: root, key: "the suite", known: ["variables", "defaults", "cases"])
        guard let list = top["cases"] else { throw reader.error(root.mark, .missingKey("cases", within: "the suite")) }
        let variables = try reader.variables(top["variables"], definitions)
        let defaults = try top["defaults"].map { value throws(SuiteError) in
            try reader.fields(
                of: value.value, key: "defaults", known: SuiteKey.allCases.filter { $0 != .name }.map(\.rawValue))
        }
        var cases: [TestCase] = []
        var lines: [String: Int] = [:]
        for node in try reader.items(list.value, key: "cases") {
            let expansion = CaseExpansion(reader: reader, variables: variables, defaults: defaults ?? [:])
            for testCase in try expansion.cases(of: node) {
                if let first = lines.updateValue(testCase.mark.line, forKey: testCase.name) {
                    throw reader.error(testCase.mark, .duplicateName(testCase.name, firstLine: first))
                }
                cases.append(testCase)
                guard cases.count <= Self.maximumCases else {
                    throw reader.error(node.mark, .tooManyCases(limit: Self.maximumCases))
                }
            }
        }
        guard !cases.isEmpty else { throw reader.error(list.value.mark, .noCases) }
        self.cases = cases
    }
}

/// The keys of a case.
enum SuiteKey: String, CaseIterable {
    case name, arch, accel, image, initrd, disk, cmdline, cpus, memory, console, environment, timeout, args, steps, exit
    case reject, matrix, exclude, skip, needs
}

/// Takes values out of the tree, and makes errors that name their place.
struct SuiteReader {
    typealias Fields = [String: YAMLNode.Entry]

    let path: String
    private let lookUp: (String) -> String?

    init(path: String, environment: @escaping (String) -> String?) {
        self.path = path
        lookUp = environment
    }

    func error(_ mark: YAMLMark?, _ problem: SuiteError.Problem) -> SuiteError {
        SuiteError(path: path, mark: mark, problem: problem)
    }

    func environment(_ name: String) -> String? { lookUp(name) }

    /// The entries of a mapping, all of whose keys are known.
    func fields(of node: YAMLNode, key: String, known: [String]) throws(SuiteError) -> Fields {
        var result: Fields = [:]
        for entry in try entries(node, key: key) {
            guard known.contains(entry.key) else {
                let suggestion = Suggestion.nearest(to: entry.key, among: known)
                throw error(entry.keyMark, .unknownKey(entry.key, within: key, suggestion: suggestion))
            }
            result[entry.key] = entry
        }
        return result
    }

    func entries(_ node: YAMLNode, key: String) throws(SuiteError) -> [YAMLNode.Entry] {
        guard case .mapping(let entries) = node.content else {
            throw error(node.mark, .wrongKind(key: key, wanted: .mapping))
        }
        return entries
    }

    func items(_ node: YAMLNode, key: String) throws(SuiteError) -> [YAMLNode] {
        guard case .sequence(let items) = node.content else {
            throw error(node.mark, .wrongKind(key: key, wanted: .sequence))
        }
        return items
    }

    func scalar(_ node: YAMLNode, key: String) throws(SuiteError) -> String {
        guard case .scalar(let text, _) = node.content else {
            throw error(node.mark, .wrongKind(key: key, wanted: .scalar))
        }
        return text
    }

    /// One text, or a list of them.
    func scalars(_ node: YAMLNode, key: String) throws(SuiteError) -> [(text: String, mark: YAMLMark)] {
        switch node.content {
        case .scalar(let text, _): return [(text, node.mark)]
        case .sequence(let items):
            var result: [(String, YAMLMark)] = []
            for item in items { result.append((try scalar(item, key: key), item.mark)) }
            return result
        case .mapping: throw error(node.mark, .wrongKind(key: key, wanted: .textOrList))
        }
    }

    /// A text whose `${env:…}` are filled in, and `${…}` where `values` knows them; `names` may stay.
    func template(
        _ text: String, at mark: YAMLMark, values: [String: String], names: Set<String> = [],
        quote: (String) -> String = { $0 }
    ) throws(SuiteError) -> Template {
        let template: Template
        do throws(TemplateError) { template = try Template(text) } catch {
            throw self.error(mark, .unterminatedVariable)
        }
        var parts: [Template.Part] = []
        for part in template.resolved(values, quote: quote).parts {
            switch part {
            case .text: parts.append(part)
            case .environment(let name, let other):
                guard let value = lookUp(name) ?? other else { throw error(mark, .missingEnvironment(name)) }
                parts.append(.text(quote(value)))
            case .variable(let name):
                guard names.contains(name) else {
                    let suggestion = Suggestion.nearest(to: name, among: Array(values.keys).sorted() + names.sorted())
                    throw error(mark, .unknownVariable(name, suggestion: suggestion))
                }
                parts.append(part)
            }
        }
        return Template(parts: parts)
    }

    /// The suite's variables, each of which may use those before it; a definition replaces a value unread.
    func variables(_ entry: YAMLNode.Entry?, _ definitions: [String: String]) throws(SuiteError) -> [String: String] {
        var values = definitions
        guard let entry else { return values }
        for variable in try entries(entry.value, key: "variables") where values[variable.key] == nil {
            let text = try scalar(variable.value, key: variable.key)
            values[variable.key] = try template(text, at: variable.value.mark, values: values).text
        }
        return values
    }
}
