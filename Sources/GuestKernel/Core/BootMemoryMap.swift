/// The usable memory ranges at boot, sorted and merged, with reservations carved out. Allocates nothing.
///
/// First every usable range is added, then what is in use already (kernel image, metadata, page tables) is reserved; the
/// rest goes to the `BuddyAllocator`. A loader's map has about ten entries; what does not fit in `capacity` ranges is
/// left out, smallest loss of all ways to fail, and counted in `droppedBytes`.
package struct BootMemoryMap: Sequence {
    package static var capacity: Int { 32 }

    private var ranges = InlineArray<32, PhysicalRange>(repeating: PhysicalRange(start: 0, size: 0))
    package private(set) var count = 0
    /// Bytes that are usable but found no room in the table.
    package private(set) var droppedBytes: UInt64 = 0

    package init() {}

    /// - Precondition: `index` is below `count`.
    package subscript(index: Int) -> PhysicalRange { ranges[index] }

    /// Sum of the ranges, in bytes.
    package var totalBytes: UInt64 {
        var total: UInt64 = 0
        for index in 0..<count { total &+= ranges[index].size }
        return total
    }

    /// End of the highest range, 0 when there is none.
    package var highestAddress: UInt64 { count == 0 ? 0 : ranges[count - 1].end }

    /// Adds usable memory; it may touch or overlap what is there.
    package mutating func add(_ range: PhysicalRange) {
        guard !range.isEmpty else { return }
        var start = range.start
        var end = range.end
        var first = 0
        while first < count, ranges[first].end < start { first += 1 }
        var last = first
        while last < count, ranges[last].start <= end {
            start = Swift.min(start, ranges[last].start)
            end = Swift.max(end, ranges[last].end)
            last += 1
        }
        replace(first..<last, with: PhysicalRange(from: start, to: end), nil)
    }

    /// Takes `range` out, page-rounded outwards.
    package mutating func reserve(_ range: PhysicalRange) {
        guard !range.isEmpty else { return }
        let start = range.start & ~4095
        let end = range.end > UInt64.max - 4095 ? UInt64.max : (range.end + 4095) & ~4095
        var first = 0
        while first < count, ranges[first].end <= start { first += 1 }
        var last = first
        while last < count, ranges[last].start < end { last += 1 }
        guard first < last else { return }
        let below = PhysicalRange(from: ranges[first].start, to: start)
        let above = PhysicalRange(from: end, to: ranges[last - 1].end)
        if below.isEmpty {
            replace(first..<last, with: above, nil)
        } else {
            replace(first..<last, with: below, above)
        }
    }

    /// Finds, takes out and returns `size` bytes: for memory that is needed before the allocator or under a limit.
    ///
    /// - Parameters:
    ///   - size: in bytes, rounded up to pages.
    ///   - alignment: a power of two; 4096 at least is used.
    ///   - limit: the memory must end at or below it.
    /// - Returns: the start of the lowest fit, or nil. Page 0 is never given.
    package mutating func take(size: UInt64, alignment: UInt64 = 4096, below limit: UInt64 = .max) -> UInt64? {
        guard size > 0, size <= UInt64.max - 4095 else { return nil }
        let needed = (size + 4095) & ~4095
        let mask = Swift.max(alignment, 4096) - 1
        for index in 0..<count {
            let lowest = Swift.max(ranges[index].start, 4096)
            guard lowest <= UInt64.max - mask else { continue }
            let start = (lowest + mask) & ~mask
            let end = Swift.min(ranges[index].end, limit)
            guard start < end, end - start >= needed else { continue }
            reserve(PhysicalRange(start: start, size: needed))
            return start
        }
        return nil
    }

    /// Replaces the entries of `replaced` by one or two ranges, those of them that are not empty.
    private mutating func replace(_ replaced: Range<Int>, with one: PhysicalRange, _ other: PhysicalRange?) {
        var second = other
        if let range = second, range.isEmpty { second = nil }
        let inserted = (one.isEmpty ? 0 : 1) + (second == nil ? 0 : 1)
        let change = inserted - replaced.count
        if count + change > Self.capacity {
            // Full: of two halves keep the larger; a lone new range is left out.
            guard let upper = second else { return droppedBytes &+= one.size }
            let larger = one.size >= upper.size ? one : upper
            droppedBytes &+= Swift.min(one.size, upper.size)
            return replace(replaced, with: larger, nil)
        }
        if change > 0 {
            var index = count
            while index > replaced.upperBound {
                index -= 1
                ranges[index + change] = ranges[index]
            }
        } else if change < 0 {
            var index = replaced.upperBound
            while index < count {
                ranges[index + change] = ranges[index]
                index += 1
            }
        }
        count += change
        var position = replaced.lowerBound
        if !one.isEmpty {
            ranges[position] = one
            position += 1
        }
        if let second { ranges[position] = second }
    }

    package func makeIterator() -> Iterator { Iterator(map: self) }

    package struct Iterator: IteratorProtocol {
        fileprivate let map: BootMemoryMap
        fileprivate var index = 0

        package mutating func next() -> PhysicalRange? {
            guard index < map.count else { return nil }
            index += 1
            return map[index - 1]
        }
    }
}
