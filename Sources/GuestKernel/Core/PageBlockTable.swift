/// The state of a zone's blocks: one byte for each page, for each 2 MiB and for each GiB, in memory of the zone.
///
/// A block of order 0 to 8 has its state at its first page's byte, one of order 9 to 17 at its first 2 MiB's, order 18 at
/// its GiB's; all other bytes it covers say `none`. The tables of a smaller unit are cleared only when a block is first split
/// down to that unit (`ready` in the larger unit's byte), so that a zone costs a few hundred stores at the start, whatever its size.
struct PageBlockTable {
    /// One byte of a table.
    struct Entry: RawRepresentable, Equatable {
        /// Bits 7:6 kind; bit 5 the table below is ready; bits 4:0 order. In the page table bit 5 is the owner's mark.
        var rawValue: UInt8

        enum Kind: UInt8 {
            case none = 0
            case split = 0x40
            case free = 0x80
            case allocated = 0xC0
        }

        var kind: Kind { Kind(rawValue: rawValue & 0xC0) ?? .none }
        var order: Int { Int(rawValue & 0x1F) }
        var flag: Bool { rawValue & 0x20 != 0 }
    }

    /// Bits of a page number within one entry of each level.
    static func shift(_ level: Int) -> UInt64 { UInt64(level) * 9 }
    static func level(ofOrder order: Int) -> Int { order < 9 ? 0 : order < 18 ? 1 : 2 }

    /// Number of the first page covered: a multiple of a GiB.
    let firstPage: UInt64
    /// Addresses of the three tables.
    private let pages: UInt64
    private let chunks: UInt64
    private let gibibytes: UInt64
    private let topSize: UInt64

    /// What the tables cover, and so how large they are.
    struct Shape {
        let firstPage: UInt64
        let gibibytes: UInt64
        /// Bytes of the GiB table, in whole words.
        let topSize: UInt64
        /// Bytes of all three.
        let size: UInt64

        /// - Parameter firstPage: a multiple of a GiB's pages, not above `endPage`.
        init(firstPage: UInt64, endPage: UInt64) {
            self.firstPage = firstPage
            gibibytes = (endPage - firstPage + 0x3_FFFF) >> 18
            topSize = (gibibytes + 7) & ~7
            size = topSize + gibibytes << 9 + (endPage - firstPage + 511) & ~511
        }
    }

    /// Lays the tables out at `address`, in `shape.size` bytes: first the GiBs, then the 2 MiBs, then the pages.
    init(_ shape: Shape, address: UInt64) {
        firstPage = shape.firstPage
        gibibytes = address
        topSize = shape.topSize
        chunks = address + shape.topSize
        pages = chunks + shape.gibibytes << 9
    }

    /// Clears the GiB table: what must be done before the first use.
    func clearTop(_ memory: PhysicalWindow) { memory.clear(gibibytes, count: topSize) }

    @inline(__always)
    private func location(_ page: UInt64, _ level: Int) -> UInt64 {
        let index = page - firstPage
        switch level {
        case 0: return pages + index
        case 1: return chunks + index >> 9
        default: return gibibytes + index >> 18
        }
    }

    @inline(__always)
    func entry(_ page: UInt64, level: Int, _ memory: PhysicalWindow) -> Entry {
        Entry(rawValue: memory.load(UInt8.self, location(page, level)))
    }

    /// Sets kind and order, and keeps the flag when `level` has a table below.
    @inline(__always)
    func set(_ page: UInt64, _ kind: Entry.Kind, order: Int, _ memory: PhysicalWindow) {
        let level = Self.level(ofOrder: order)
        let location = location(page, level)
        let kept: UInt8 = level == 0 ? 0 : memory.load(UInt8.self, location) & 0x20
        memory.store(kind.rawValue | kept | UInt8(order), location)
    }

    /// Marks an allocated block of order 0 to 8 as the owner's.
    func mark(_ page: UInt64, _ memory: PhysicalWindow) {
        let location = location(page, 0)
        memory.store(memory.load(UInt8.self, location) | 0x20, location)
    }

    /// Says that the block around `page` at `level` (1 or 2) is split, and clears the table below when it never was used.
    func split(_ page: UInt64, level: Int, _ memory: PhysicalWindow) {
        let location = location(page, level)
        if memory.load(UInt8.self, location) & 0x20 == 0 {
            let first = page & ~((1 << Self.shift(level)) - 1)
            memory.clear(self.location(first, level - 1), count: 512)
        }
        memory.store(Entry.Kind.split.rawValue | 0x20, location)
    }

    /// Forgets the block of `order` at `page`: it is now inside of another one.
    @inline(__always)
    func forget(_ page: UInt64, order: Int, _ memory: PhysicalWindow) {
        let level = Self.level(ofOrder: order)
        let location = location(page, level)
        memory.store(level == 0 ? 0 : memory.load(UInt8.self, location) & 0x20, location)
    }
}
