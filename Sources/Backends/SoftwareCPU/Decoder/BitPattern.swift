/// An encoding diagram as the manual draws it, bit 31 first: `0` and `1` are fixed, a letter is a field, `x` is ignored.
struct BitPattern: Hashable, Sendable {
    /// The bits that are fixed, and their values.
    let mask: UInt32
    let value: UInt32
    /// False: the text has not 32 characters. A test looks.
    let isWellFormed: Bool

    init(_ text: StaticString) {
        var mask: UInt32 = 0
        var value: UInt32 = 0
        var count = 0
        // SAFETY: the buffer is the literal's own, read inside the closure.
        text.withUTF8Buffer { characters in
            for index in characters.indices {
                let character = unsafe characters[index]
                mask <<= 1
                value <<= 1
                if character == UInt8(ascii: "0") || character == UInt8(ascii: "1") { mask |= 1 }
                if character == UInt8(ascii: "1") { value |= 1 }
                count += 1
            }
        }
        self.mask = mask
        self.value = value
        isWellFormed = count == 32
    }

    @inline(__always)
    func matches(_ word: UInt32) -> Bool { word & mask == value }

    /// Some word matches both.
    func overlaps(_ other: BitPattern) -> Bool { (value ^ other.value) & mask & other.mask == 0 }

    /// Each word that matches self matches `other`, and not the other way round.
    func isStricter(than other: BitPattern) -> Bool {
        overlaps(other) && mask & other.mask == other.mask && mask != other.mask
    }
}

/// One line of the decode table.
struct DecodeEntry: Sendable {
    let pattern: BitPattern
    let encoding: Encoding

    init(_ text: StaticString, _ encoding: Encoding) {
        pattern = BitPattern(text)
        self.encoding = encoding
    }
}
