/// A regular expression for the console. Not shared between threads: `Regex` cannot be.
struct ConsolePattern {
    struct Match {
        /// Where it ends in the searched text.
        let end: String.Index
        /// The whole match, then the groups; nil for a group that took no part.
        let groups: [String?]
    }

    private let regex: Regex<AnyRegexOutput>
    /// The groups, without the whole.
    let groupCount: Int

    init(_ text: String) throws {
        // By scalars: a combining mark that arrives later must not change what has matched.
        regex = try Regex(text).matchingSemantics(.unicodeScalar)
        // Beside an alternative that always matches, the groups of the other one are counted without a match of theirs.
        groupCount = try Regex("|" + text).firstMatch(in: "").map { $0.output.count - 1 } ?? 0
    }

    func firstMatch(in text: Substring) -> Match? {
        // An error would come of a transformation, which a text cannot have.
        guard let match = try? regex.firstMatch(in: text) else { return nil }
        return Match(end: match.range.upperBound, groups: match.output.map { $0.substring.map(String.init) })
    }
}
