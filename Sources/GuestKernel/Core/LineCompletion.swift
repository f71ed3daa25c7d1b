/// What could stand in a line between `start` and the cursor.
package struct LineCompletion: Sendable {
    /// Offset in the line of the first byte that a candidate replaces.
    package let start: Int
    /// Whole replacements, each beginning with what the line has there; in the order to be listed.
    package let candidates: [[UInt8]]

    package init(start: Int, candidates: [[UInt8]]) {
        self.start = start
        self.candidates = candidates
    }

    /// A literal as a candidate.
    package static func bytes(of text: StaticString) -> [UInt8] {
        // SAFETY: a StaticString's bytes live for ever.
        unsafe Array(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// The longest beginning that all candidates share.
    var commonPrefix: [UInt8] {
        guard var prefix = candidates.first else { return [] }
        for candidate in candidates {
            var shared = 0
            while shared < prefix.count, shared < candidate.count, prefix[shared] == candidate[shared] { shared += 1 }
            prefix.removeLast(prefix.count - shared)
        }
        return prefix
    }
}
