/// Physical pages in blocks of 2^order pages, order 0 (4 KiB) to 18 (1 GiB), each aligned to its size.
///
/// Two free buddies are always joined, so a block freed leaves the state it was allocated from. Allocating and freeing take
/// O(orders); adding a range takes O(orders) too, whatever its size (see `PageBlockTable`). Free blocks are linked
/// through their own first 16 bytes {u64 next, u64 previous}. `free` needs no size and refuses what is not an allocated
/// block: a double free is a value, not a corrupted list. Threading: by the caller's lock.
package struct BuddyAllocator: ~Copyable {
    package enum FreeFailure: Error, Equatable, Sendable {
        /// In no range of this allocator.
        case notManaged(UInt64)
        /// Not the start of a block that is allocated now: freed before, or inside of a block.
        case notAllocated(UInt64)
    }

    package static var pageSize: UInt64 { 4096 }
    package static var maximumOrder: Int { 18 }
    /// The most ranges managed: a machine has two or three, a firmware's leftovers add some.
    package static var zoneLimit: Int { 16 }

    private struct Zone {
        /// Page numbers, half-open.
        var start: UInt64
        var end: UInt64
        var table: PageBlockTable
    }

    /// Pages managed, free or not; the tables' own pages are not in it.
    package private(set) var totalPages: UInt64 = 0
    package private(set) var freePages: UInt64 = 0
    /// The most pages in use at one time.
    package private(set) var peakUsedPages: UInt64 = 0
    package private(set) var allocations: UInt64 = 0
    package private(set) var frees: UInt64 = 0
    /// Allocations that found no block.
    package private(set) var failures: UInt64 = 0
    /// Frees that were refused.
    package private(set) var refusedFrees: UInt64 = 0
    /// Pages used by the block tables.
    package private(set) var tablePages: UInt64 = 0

    private let memory: PhysicalWindow
    private var zones: InlineArray<16, Zone>
    private var zoneCount = 0
    /// First free block of each order, 0 for none (page 0 is never managed), and how many there are.
    private var heads = InlineArray<19, UInt64>(repeating: 0)
    private var counts = InlineArray<19, UInt32>(repeating: 0)
    /// Bit n: there is a free block of order n.
    private var available: UInt32 = 0

    package init(memory: PhysicalWindow) {
        self.memory = memory
        let none = Zone(
            start: 0, end: 0, table: PageBlockTable(PageBlockTable.Shape(firstPage: 0, endPage: 0), address: 0))
        zones = InlineArray(repeating: none)
    }

    package var usedPages: UInt64 { totalPages - freePages }

    /// Number of free blocks of `order` (0 to 18).
    package func freeBlocks(order: Int) -> Int { Int(counts[order]) }

    /// Takes over a range of memory; it must not overlap one given before.
    ///
    /// The whole pages of it count, page 0 not. The start of the range is used for the block table: a byte
    /// for each page since the GiB boundary below the range, and 513 bytes for each GiB touched.
    /// - Returns: false when the range is too small to be of use, or the table of ranges is full.
    @discardableResult
    package mutating func add(_ range: PhysicalRange) -> Bool {
        let whole = range.wholePages
        let start = max(whole.start >> 12, 1)
        let end = whole.end >> 12
        guard zoneCount < Self.zoneLimit, start < end else { return false }
        let firstPage = start & ~0x3_FFFF
        let shape = PageBlockTable.Shape(firstPage: firstPage, endPage: end)
        let needed = (shape.size + 4095) >> 12
        guard end - start > needed else { return false }
        let table = PageBlockTable(shape, address: start << 12)
        table.clearTop(memory)
        zones[zoneCount] = Zone(start: start + needed, end: end, table: table)
        zoneCount += 1
        tablePages += needed
        totalPages += end - start - needed
        var page = start + needed
        while page < end {
            let order = min(page.trailingZeroBitCount, 63 - (end - page).leadingZeroBitCount, Self.maximumOrder)
            openParents(ofPage: page, order: order, table)
            insert(page, order: order, table)
            page += 1 << UInt64(order)
        }
        return true
    }

    /// Allocates 2^order pages, aligned to their size.
    ///
    /// - Parameter order: 0 to 18; a larger one fails.
    /// - Returns: the physical address, or nil when no block is large enough. The contents are whatever was there.
    package mutating func allocate(order: Int) -> UInt64? {
        guard order >= 0, order <= Self.maximumOrder else { return fail() }
        let candidates = available & (~0 << UInt32(order))
        guard candidates != 0 else { return fail() }
        var current = candidates.trailingZeroBitCount
        let page = heads[current] >> 12
        guard let table = table(of: page) else { return fail() }
        unlink(page, order: current)
        while current > order {
            if current == 9 || current == 18 { table.split(page, level: current / 9, memory) }
            current -= 1
            insert(page + (1 << UInt64(current)), order: current, table)
        }
        table.set(page, .allocated, order: order, memory)
        peakUsedPages = max(peakUsedPages, usedPages)
        allocations += 1
        return page << 12
    }

    /// Allocates at least `count` pages: the least order that holds them.
    package mutating func allocate(pages count: Int) -> UInt64? {
        guard count > 0, count <= 1 << Self.maximumOrder else { return fail() }
        return allocate(order: Self.order(forPages: count))
    }

    /// Frees the block at `address`, and joins it with its free buddies.
    ///
    /// - Returns: the block's order.
    @discardableResult
    package mutating func free(_ address: UInt64) throws(FreeFailure) -> Int {
        var page = address >> 12
        guard let table = table(of: page) else {
            refusedFrees += 1
            throw .notManaged(address)
        }
        guard address & 4095 == 0, let block = Self.allocatedBlock(page, table, memory) else {
            refusedFrees += 1
            throw .notAllocated(address)
        }
        let freed = block.order
        var order = freed
        while order < Self.maximumOrder {
            let buddy = page ^ (1 << UInt64(order))
            // The buddy is in the same GiB, so the table covers it; what is no memory of the zone is never free there.
            let entry = table.entry(buddy, level: PageBlockTable.level(ofOrder: order), memory)
            guard entry.kind == .free, entry.order == order else { break }
            unlink(buddy, order: order)
            table.forget(buddy, order: order, memory)
            table.forget(page, order: order, memory)
            page = min(page, buddy)
            order += 1
        }
        insert(page, order: order, table)
        frees += 1
        return freed
    }

    /// The order of the allocated block that begins at `address`, or nil when none does.
    package func allocatedOrder(_ address: UInt64) -> Int? {
        guard address & 4095 == 0, let table = table(of: address >> 12) else { return nil }
        return Self.allocatedBlock(address >> 12, table, memory)?.order
    }

    /// The least order whose blocks have `count` pages or more.
    package static func order(forPages count: Int) -> Int {
        count <= 1 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount
    }
}

// MARK: - Marks

extension BuddyAllocator {
    /// Marks the allocated block at `address`, of order 0 to 8; freeing it takes the mark off.
    mutating func mark(_ address: UInt64) {
        guard let order = allocatedOrder(address), order < 9, let table = table(of: address >> 12) else { return }
        table.mark(address >> 12, memory)
    }

    /// True when a marked block of `order` begins at `address`.
    func isMarked(_ address: UInt64, order: Int) -> Bool {
        guard let table = table(of: address >> 12), let block = Self.allocatedBlock(address >> 12, table, memory)
        else { return false }
        return order < 9 && block.order == order && block.flag
    }
}

// MARK: - Blocks

extension BuddyAllocator {
    private mutating func fail() -> UInt64? {
        failures += 1
        return nil
    }

    @inline(__always)
    private func table(of page: UInt64) -> PageBlockTable? {
        var index = 0
        while index < zoneCount {
            if page >= zones[index].start, page < zones[index].end { return zones[index].table }
            index += 1
        }
        return nil
    }

    private static func allocatedBlock(_ page: UInt64, _ table: PageBlockTable, _ memory: PhysicalWindow)
        -> PageBlockTable.Entry?
    {
        var level = 2
        while true {
            let entry = table.entry(page, level: level, memory)
            switch entry.kind {
            case .allocated:
                return page & ((1 << PageBlockTable.shift(level)) - 1) == 0 ? entry : nil
            case .split where level > 0:
                level -= 1
            case .none, .free, .split:
                return nil
            }
        }
    }

    /// Makes the entries above a block of `order` at `page` say that they are split: for the first blocks of a range.
    private func openParents(ofPage page: UInt64, order: Int, _ table: PageBlockTable) {
        let level = PageBlockTable.level(ofOrder: order)
        if level < 2, table.entry(page, level: 2, memory).kind != .split { table.split(page, level: 2, memory) }
        if level < 1, table.entry(page, level: 1, memory).kind != .split { table.split(page, level: 1, memory) }
    }

    /// Puts a block at the head of its free list and counts its pages.
    @inline(__always)
    private mutating func insert(_ page: UInt64, order: Int, _ table: PageBlockTable) {
        let address = page << 12
        let next = heads[order]
        memory.store(next, address)
        memory.store(0 as UInt64, address + 8)
        if next != 0 { memory.store(address, next + 8) }
        heads[order] = address
        counts[order] += 1
        available |= 1 << UInt32(order)
        freePages += 1 << UInt64(order)
        table.set(page, .free, order: order, memory)
    }

    /// Takes a block out of its free list and its pages out of the count.
    @inline(__always)
    private mutating func unlink(_ page: UInt64, order: Int) {
        let address = page << 12
        let next = memory.load(UInt64.self, address)
        let previous = memory.load(UInt64.self, address + 8)
        if next != 0 { memory.store(previous, next + 8) }
        if previous != 0 { memory.store(next, previous) } else { heads[order] = next }
        counts[order] -= 1
        if counts[order] == 0 { available &= ~(1 << UInt32(order)) }
        freePages -= 1 << UInt64(order)
    }
}
