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

enum Suggestion {
    /// The one of `candidates` that `word` was probably meant to be: at most a third of its letters differ.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        let limit = max(1, word.count / 3)
        let rated = candidates.map { (distance(Array(word), Array($0)), $0) }.filter { $0.0 <= limit }
        return rated.min { $0.0 < $1.0 }?.1
    }

    /// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
    private static func distance(_ one: [Character], _ other: [Character]) -> Int {
        guard one.count < 64, other.count < 64 else { return 64 }
        var rows = [Array(0...other.count)]
        for i in one.indices {
            var row = [i + 1]
            for j in other.indices {
                var best = min(row[j] + 1, rows[i][j + 1] + 1, rows[i][j] + (one[i] == other[j] ? 0 : 1))
                if i > 0, j > 0, one[i] == other[j - 1], one[i - 1] == other[j] {
                    best = min(best, rows[i - 1][j - 1] + 1)
                }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[one.count][other.count]
    }
}
