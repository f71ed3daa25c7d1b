/// Finds the encoding of an instruction word: the table of all groups, indexed by bits 31:21.
///
/// Made once, at first use. A more specific pattern comes before a more general one that it overlaps.
struct DecodeTable: Sendable {
    static let shared = DecodeTable()

    /// All entries, most specific first.
    let entries: [DecodeEntry]
    /// Bucket `n` of the index holds `candidates[starts[n] ..< starts[n + 1]]`, as indices into `entries`.
    private let starts: [UInt16]
    private let candidates: [UInt16]

    private static let indexShift: UInt32 = 21
    private static let bucketCount = 1 << 11

    init() {
        let all =
            DecodeGroups.dataProcessingImmediate + DecodeGroups.branches + DecodeGroups.system
            + DecodeGroups.loadsAndStores + DecodeGroups.dataProcessingRegister + DecodeGroups.vectorMoves
        let sorted = all.sorted { $0.pattern.mask.nonzeroBitCount > $1.pattern.mask.nonzeroBitCount }
        entries = sorted

        // Two passes over the words of each entry's bucket bits: count, then fill.
        var counts = [UInt16](repeating: 0, count: Self.bucketCount + 1)
        for entry in sorted { Self.forEachBucket(of: entry.pattern) { counts[$0 + 1] += 1 } }
        for bucket in 1...Self.bucketCount { counts[bucket] += counts[bucket - 1] }
        var next = counts
        var filled = [UInt16](repeating: 0, count: Int(counts[Self.bucketCount]))
        for (position, entry) in sorted.enumerated() {
            Self.forEachBucket(of: entry.pattern) { bucket in
                filled[Int(next[bucket])] = UInt16(position)
                next[bucket] += 1
            }
        }
        starts = counts
        candidates = filled
    }

    /// Calls `body` with each bucket whose bits fit the pattern: the values of its free bits, counted through.
    private static func forEachBucket(of pattern: BitPattern, _ body: (Int) -> Void) {
        let fixed = pattern.mask >> indexShift
        let free = ~fixed & UInt32(bucketCount - 1)
        let base = pattern.value >> indexShift
        var subset: UInt32 = 0
        repeat {
            body(Int(base | subset))
            subset = (subset &- free) & free
        } while subset != 0
    }

    /// The encoding of `word`, or nil when the table has none.
    func encoding(of word: UInt32) -> Encoding? {
        let bucket = Int(word >> Self.indexShift)
        for position in Int(starts[bucket])..<Int(starts[bucket + 1]) {
            let entry = entries[Int(candidates[position])]
            if entry.pattern.matches(word) { return entry.encoding }
        }
        return nil
    }
}

/// The groups of the table, one file each.
enum DecodeGroups {}
