/// The size classes of the slab allocator: 16, 32, 48, 64, and from there powers of two and one and a half times them.
package enum SlabClass {
    package static var count: Int { 14 }
    /// The largest object; what is larger gets whole pages.
    package static var maximumSize: Int { 2048 }

    /// Object size of a class (0 to 13) in bytes.
    package static func size(_ index: Int) -> Int {
        if index < 4 { return (index + 1) * 16 }
        let base = 64 << ((index - 4) / 2)
        return index & 1 == 0 ? base * 3 / 2 : base * 2
    }

    /// The least class whose objects have `size` bytes (1 to 2048) and are aligned to `alignment` (a power of two).
    package static func index(size: Int, alignment: Int) -> Int? {
        guard size >= 1, size <= maximumSize, alignment <= maximumSize else { return nil }
        let needed = max(size, alignment)
        var index = (needed - 1) >> 4
        if needed > 64 {
            let power = Int.bitWidth - 1 - (needed - 1).leadingZeroBitCount
            index = 3 + 2 * (power - 6) + (needed > 3 << (power - 1) ? 2 : 1)
        }
        // A class that is no multiple of the alignment is followed by a power of two, which is.
        while self.size(index) & (alignment - 1) != 0 { index += 1 }
        return index
    }
}
