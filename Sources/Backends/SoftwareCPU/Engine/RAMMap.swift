internal import Synchronization
internal import VMMCore

/// Guest RAM as the engine sees it: from physical to host addresses, and which pages hold decoded code.
///
/// Immutable but for the code marks, which are atomic. Threading: any thread.
final class RAMMap: Sendable {
    struct Region {
        let start: UInt64
        let size: UInt64
        let host: UInt64
        /// Pages are numbered through all regions.
        let firstPage: Int
    }

    /// A page of RAM that an address lies in.
    struct Place {
        let host: HostPointer
        let page: Int
    }

    let regions: [Region]
    let pageCount: Int
    /// One byte a page: the eighths of it that some CPU has decoded code of.
    let codeMarks: HostArray
    /// Keeps the mappings.
    private let memory: GuestMemory

    init(_ memory: GuestMemory) throws(SoftwareCPUError) {
        var regions: [Region] = []
        var page = 0
        // SAFETY: the mappings live as long as `memory`, which this object keeps.
        unsafe memory.forEachHostMapping { (range, host) in
            regions.append(
                Region(
                    start: range.start.rawValue, size: range.size, host: UInt64(UInt(bitPattern: host)), firstPage: page
                ))
            page += Int(range.size / SoftTLB.pageSize)
        }
        self.regions = regions
        self.memory = memory
        pageCount = page
        codeMarks = try HostArray(byteCount: max(page, 1))
    }

    /// The place of `address`, or nil when no RAM is there. Regions are whole pages, so all of its page is RAM.
    func place(of address: UInt64) -> Place? {
        // By index: an iterator would count references on the way of each walk.
        for index in regions.indices {
            let offset = address &- regions[index].start
            guard offset < regions[index].size else { continue }
            // SAFETY: inside the region's mapping.
            return Place(
                host: unsafe HostPointer(address: regions[index].host &+ offset),
                page: regions[index].firstPage + Int(offset >> 12))
        }
        return nil
    }

    /// The physical address and page number of the host address of a byte of RAM.
    func physical(ofHost host: HostPointer) -> (address: UInt64, page: Int)? {
        for index in regions.indices {
            let offset = host.address &- regions[index].host
            if offset < regions[index].size {
                return (regions[index].start &+ offset, regions[index].firstPage + Int(offset >> 12))
            }
        }
        return nil
    }

    /// The host address of a page.
    func host(ofPage page: Int) -> HostPointer? {
        for region in regions where page >= region.firstPage && page - region.firstPage < Int(region.size >> 12) {
            // SAFETY: inside the region's mapping.
            return unsafe HostPointer(address: region.host &+ UInt64(page - region.firstPage) << 12)
        }
        return nil
    }

    // MARK: Code marks

    /// Bits of the eighths of a page, 512 bytes each, that `count` bytes from `address` on lie in.
    static func eighths(_ address: UInt64, _ count: UInt64) -> UInt8 {
        let first = (address & 0xFFF) >> 9
        let last = min(7, ((address & 0xFFF) + count - 1) >> 9)
        return UInt8(truncatingIfNeeded: (0xFF << first) & (0xFF >> (7 - last)) as UInt64)
    }

    func holdsCode(_ page: Int) -> Bool { codeMarks.atomicByte(page).load() != 0 }

    /// Whether `count` bytes at `address`, in `page`, are near decoded code.
    func holdsCode(_ page: Int, at address: UInt64, count: UInt64) -> Bool {
        codeMarks.atomicByte(page).load() & Self.eighths(address, count) != 0
    }

    /// Marks `count` bytes at `address`, in `page`, as code; returns whether the page had none.
    func markCode(_ page: Int, at address: UInt64, count: UInt64) -> Bool {
        codeMarks.atomicByte(page).formOr(Self.eighths(address, count)) == 0
    }

    func unmarkCode(_ page: Int) { codeMarks.atomicByte(page).store(0) }
}
