/// A value of a YAML document, and where it stands.
package struct YAMLNode: Sendable {
    package enum Content: Sendable {
        /// `isPlain`: written without quotes, so that it may stand for a number, a truth value or nothing.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        /// In the order of the document. Keys are scalars, and no two are equal.
        case mapping([Entry])
    }

    package struct Entry: Sendable {
        package let key: String
        package let keyMark: YAMLMark
        package let value: YAMLNode

        package init(key: String, keyMark: YAMLMark, value: YAMLNode) {
            self.key = key
            self.keyMark = keyMark
            self.value = value
        }
    }

    package let content: Content
    package let mark: YAMLMark
    /// How many nodes it holds with itself, aliases counted as what they stand for.
    let weight: Int

    init(content: Content, mark: YAMLMark, weight: Int) {
        self.content = content
        self.mark = mark
        self.weight = weight
    }

    /// A text that a program put in the place of one of the document's.
    package init(scalar text: String, at mark: YAMLMark) {
        self.init(content: .scalar(text, isPlain: false), mark: mark, weight: 1)
    }
}

/// A place in a text, counted from 1 as editors do.
package struct YAMLMark: Hashable, Comparable, Sendable {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package static func < (left: YAMLMark, right: YAMLMark) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// Why a text is not a document that is accepted.
package struct YAMLError: Error, Hashable, Sendable {
    package enum Problem: Hashable, Sendable {
        /// The words are libyaml's.
        case syntax(String)
        case hostRefusedMemory
        case empty
        case secondDocument
        case keyIsNotAScalar
        case duplicateKey(String)
        case unknownAnchor(String)
        case tooDeep(limit: Int)
        /// Aliases that refer to aliases grow without bound.
        case tooManyNodes(limit: Int)
    }

    package let problem: Problem
    package let mark: YAMLMark

    package init(problem: Problem, mark: YAMLMark) {
        self.problem = problem
        self.mark = mark
    }
}
