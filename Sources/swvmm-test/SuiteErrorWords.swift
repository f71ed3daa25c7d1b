internal import HostIO
internal import SuiteRunner
internal import YAML

extension SuiteError {
    /// One line: the place, and what is wrong there.
    var words: String {
        if case .file(let error) = problem { return error.words }
        guard let mark else { return "\(path): \(problem.words)" }
        return "\(path):\(mark.line):\(mark.column): \(problem.words)"
    }
}

extension SuiteError.Problem {
    fileprivate var words: String {
        switch self {
        case .file(let error): error.words
        case .yaml(let problem): problem.words
        case .wrongKind(let key, let wanted): "\(key): \(wanted.words) is wanted here"
        case .unknownKey(let key, let within, let suggestion):
            "unknown key '\(key)' in \(within)" + Self.hint(suggestion)
        case .missingKey(let key, let within): "\(within) has no '\(key)'"
        case .duplicateName(let name, let line): "there is a case '\(name)' already, on line \(line)"
        case .badValue(let key, let value, let wanted): "\(key): '\(value)': \(wanted) is wanted"
        case .badPattern(let pattern): "'\(pattern)' is not a regular expression"
        case .notAStep: "a step has one of expect, send and type"
        case .tooManyActions(let one, let other): "a step has one action, not both \(one) and \(other)"
        case .captureWithoutGroups(let groups, let names):
            "capture: \(names) names, but the pattern has \(groups == 0 ? "no groups" : "\(groups)")"
        case .unknownVariable(let name, let suggestion):
            "no variable '\(name)'" + Self.hint(suggestion) + "; --define \(name)=VALUE gives it one, $${ is a plain ${"
        case .missingEnvironment(let name): "the environment variable \(name) is not set"
        case .unterminatedVariable: "'${' without '}'; $${ is a plain ${"
        case .unusedMatrixKey(let key, let suggestion):
            "matrix: '\(key)' is no option of a case, and ${\(key)} is not used in it" + Self.hint(suggestion)
        case .tooManyCases(let limit): "more than \(limit) cases"
        case .reservedArgument(let option, let use): "args: \(option) is the runner's; use \(use)"
        case .missingFile(let key, let path):
            "\(key): there is no \(path) (cases with 'needs: {files: …}' are skipped instead)"
        case .noCases: "cases: one case or more is wanted here"
        }
    }

    private static func hint(_ suggestion: String?) -> String { suggestion.map { ", did you mean '\($0)'?" } ?? "" }
}

extension SuiteError.Kind {
    fileprivate var words: String {
        switch self {
        case .mapping: "a mapping (key: value)"
        case .sequence: "a list (- item)"
        case .scalar: "a single value"
        case .textOrList: "a single value or a list of them"
        }
    }
}

extension YAMLError.Problem {
    fileprivate var words: String {
        switch self {
        case .syntax(let words): words
        case .hostRefusedMemory: "the host gave no memory"
        case .empty: "the file holds no document"
        case .secondDocument: "a second document; one suite a file"
        case .keyIsNotAScalar: "a key must be a single value"
        case .duplicateKey(let key): "the key '\(key)' stands here twice"
        case .unknownAnchor(let name): "no anchor '&\(name)' before this"
        case .tooDeep(let limit): "nested deeper than \(limit) levels"
        case .tooManyNodes(let limit): "more than \(limit) values"
        }
    }
}

extension HostFileError {
    var words: String {
        switch problem {
        case .cannotOpen(let code): "\(path): cannot be opened: \(HostFacts.describe(errno: code))"
        case .cannotRead(let code): "\(path): cannot be read: \(HostFacts.describe(errno: code))"
        case .cannotWrite(let code): "\(path): cannot be written: \(HostFacts.describe(errno: code))"
        case .changed: "\(path): was written to after it was opened"
        case .isDirectory: "\(path): is a directory, a file is wanted"
        case .notARegularFile: "\(path): is not a regular file"
        case .tooLarge(let size, let limit): "\(path): \(size) bytes, more than the limit of \(limit)"
        case .truncated(let size, let read): "\(path): shrank from \(size) to \(read) bytes while it was read"
        }
    }
}
