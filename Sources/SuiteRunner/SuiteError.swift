package import HostIO
package import YAML

/// Why a suite cannot be run: where, and what. The command line finds the words.
package struct SuiteError: Error, Hashable, Sendable {
    package enum Problem: Hashable, Sendable {
        case file(HostFileError)
        case yaml(YAMLError.Problem)
        /// `kinds`: what is wanted there, such as "a mapping".
        case wrongKind(key: String, wanted: Kind)
        case unknownKey(String, within: String, suggestion: String?)
        case missingKey(String, within: String)
        case duplicateName(String, firstLine: Int)
        case badValue(key: String, value: String, wanted: String)
        case badPattern(String)
        case notAStep
        case tooManyActions(String, String)
        case captureWithoutGroups(groups: Int, names: Int)
        case unknownVariable(String, suggestion: String?)
        case missingEnvironment(String)
        case unterminatedVariable
        case unusedMatrixKey(String, suggestion: String?)
        case tooManyCases(limit: Int)
        case reservedArgument(String, use: String)
        case missingFile(key: String, path: String)
        case noCases
    }

    package enum Kind: Hashable, Sendable { case mapping, sequence, scalar, textOrList }

    package let path: String
    /// Nil for a problem of the whole file.
    package let mark: YAMLMark?
    package let problem: Problem

    package init(path: String, mark: YAMLMark?, problem: Problem) {
        self.path = path
        self.mark = mark
        self.problem = problem
    }
}
