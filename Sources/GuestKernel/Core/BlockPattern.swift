/// What `blk write` writes and `blk compare` expects: 64-bit little-endian words, each the pattern's number plus the word's
/// place on the disk, so that a sector in the wrong place is seen.
package struct BlockPattern: Equatable, Sendable {
    package let number: UInt64

    package init(_ number: UInt64) { self.number = number }

    private static var wordsPerSector: UInt64 { 64 }

    /// Fills `count` bytes, whole words, that begin at a sector.
    package func fill(_ storage: RawStorage, count: Int, sector: UInt64) {
        var word = number &+ sector &* Self.wordsPerSector
        for offset in stride(from: 0, to: count, by: 8) {
            storage.storeWord(word, offset)
            word &+= 1
        }
    }

    /// A word that is not as it should be.
    package struct Difference: Equatable, Sendable {
        /// In bytes, from the start of the storage.
        package let offset: Int
        package let found: UInt64
        package let expected: UInt64
    }

    /// The first difference in `count` bytes, whole words, that begin at a sector; nil when there is none.
    package func difference(_ storage: RawStorage, count: Int, sector: UInt64) -> Difference? {
        var word = number &+ sector &* Self.wordsPerSector
        for offset in stride(from: 0, to: count, by: 8) {
            let found = storage.loadWord(offset)
            if found != word { return Difference(offset: offset, found: found, expected: word) }
            word &+= 1
        }
        return nil
    }
}
