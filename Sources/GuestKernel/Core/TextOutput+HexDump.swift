extension TextOutput {
    /// Writes bytes as lines of 16: offset, hexadecimal, characters; of equal lines in a row the first, and a `*`.
    ///
    /// - Parameter origin: what the first byte's offset is shown as.
    package final func write(dump storage: RawStorage, count: Int, origin: UInt64) {
        var isRepeating = false
        for start in stride(from: 0, to: count, by: 16) {
            let isLast = start + 16 >= count
            if start > 0, !isLast, equals(storage, start, start - 16) {
                if !isRepeating {
                    put(0x2A)
                    newLine()
                }
                isRepeating = true
                continue
            }
            isRepeating = false
            write(hex: origin + UInt64(start), digits: 8)
            put(0x20)
            for offset in start..<start + 16 {
                spaces(offset == start + 8 ? 2 : 1)
                if offset < count { write(hex: UInt64(storage[offset]), digits: 2) } else { spaces(2) }
            }
            write("  |")
            for offset in start..<min(start + 16, count) {
                let byte = storage[offset]
                put(byte >= 0x20 && byte < 0x7F ? byte : 0x2E)
            }
            put(0x7C)
            newLine()
        }
    }

    private final func equals(_ storage: RawStorage, _ one: Int, _ other: Int) -> Bool {
        for index in 0..<16 where storage[one + index] != storage[other + index] { return false }
        return true
    }
}
