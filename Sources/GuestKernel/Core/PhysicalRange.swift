/// Half-open range of physical addresses; never wraps.
package struct PhysicalRange: Equatable, Sendable {
    package let start: UInt64
    package let end: UInt64

    /// - Returns: the range, cut at the top of the address space when it would wrap.
    package init(start: UInt64, size: UInt64) {
        self.start = start
        let (end, overflow) = start.addingReportingOverflow(size)
        self.end = overflow ? .max : end
    }

    /// An `end` below `start` gives an empty range.
    package init(from start: UInt64, to end: UInt64) {
        self.start = start
        self.end = max(start, end)
    }

    package var size: UInt64 { end - start }
    package var isEmpty: Bool { end == start }

    /// The part that is whole 4 KiB pages.
    package var wholePages: PhysicalRange {
        guard start <= UInt64.max - 4095 else { return PhysicalRange(from: start, to: start) }
        return PhysicalRange(from: (start + 4095) & ~4095, to: end & ~4095)
    }
}
