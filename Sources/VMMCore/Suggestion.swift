/// What a user probably meant by a word that is none of the known ones.
package enum Suggestion {
    /// The one of `candidates` that `word` was probably meant to be: at most a third of its letters differ.
    package static func nearest(to word: String, among candidates: [String]) -> String? {
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
