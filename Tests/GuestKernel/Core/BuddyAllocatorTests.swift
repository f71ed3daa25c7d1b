import KernelCore
import Testing

@Suite struct BuddyAllocatorTests {
    static let gibibyte: UInt64 = 1 << 30

    @Test(
        "random allocating and freeing: no overlap, aligned, exact accounts, and the start state at the end",
        arguments: 1...12 as ClosedRange<UInt64>)
    func model(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let host = try #require(HostWindow(start: Self.gibibyte, size: 3 * Self.gibibyte))
        // Ragged ranges on both sides of a GiB boundary, in memory that is not clear.
        let low = PhysicalRange(start: Self.gibibyte + 0x3000, size: 0x123_4000 + seed * 0x7000)
        let high = PhysicalRange(from: 2 * Self.gibibyte - 0x5F_1000, to: 2 * Self.gibibyte + 0x71_3000)
        for range in [low, high] { host.soil(range) }
        let allocator = BuddyBox(host.window)
        #expect(allocator.add(low))
        #expect(allocator.add(high))
        let start = allocator.picture
        let total = allocator.totalPages
        #expect(allocator.freePages == total && total + allocator.tablePages == (low.size + high.size) >> 12)
        var held: [UInt64: Int] = [:]
        var owner: [UInt64: UInt64] = [:]
        var peak: UInt64 = 0
        for _ in 0..<3000 {
            if Bool.random(using: &random) || held.isEmpty {
                let order = Int.random(in: 0...11, using: &random)
                guard let address = allocator.allocate(order: order) else { continue }
                #expect(address % (4096 << UInt64(order)) == 0)
                #expect(
                    [low, high].contains { $0.start <= address && address + 4096 << UInt64(order) <= $0.end })
                for page in 0..<(1 << UInt64(order)) as Range<UInt64> {
                    let previous = owner.updateValue(address, forKey: address + page * 4096)
                    #expect(previous == nil)
                }
                // The owner writes all over its memory.
                host.soil(PhysicalRange(start: address, size: 4096 << UInt64(order)))
                held[address] = order
            } else if let address = held.keys.sorted().randomElement(using: &random), let order = held[address] {
                #expect(allocator.allocatedOrder(address) == order)
                #expect(try allocator.free(address) == order)
                #expect(throws: BuddyAllocator.FreeFailure.notAllocated(address)) { try allocator.free(address) }
                held[address] = nil
                for page in 0..<(1 << UInt64(order)) as Range<UInt64> { owner[address + page * 4096] = nil }
            }
            let used = UInt64(owner.count)
            peak = max(peak, used)
            #expect(allocator.usedPages == used && allocator.peakUsedPages == peak)
            #expect(
                allocator.picture.enumerated().reduce(0) { $0 + $1.element << $1.offset }
                    == Int(allocator.freePages))
        }
        for address in held.keys.sorted() { try allocator.free(address) }
        #expect(allocator.picture == start)
        #expect(allocator.freePages == total && allocator.allocations == allocator.frees)
    }

    @Test("freeing what is not the start of an allocated block is refused and changes nothing")
    func refused() throws {
        let host = try #require(HostWindow(start: Self.gibibyte, size: 0x100_0000))
        let allocator = BuddyBox(host.window)
        allocator.add(PhysicalRange(start: Self.gibibyte, size: 0x100_0000))
        let start = allocator.picture
        let block = try #require(allocator.allocate(order: 3))
        for address in [block + 1, block + 0x1000, block + 0x7000, block + 0x8000] {
            #expect(throws: BuddyAllocator.FreeFailure.notAllocated(address)) { try allocator.free(address) }
        }
        for address in [0, 0x1000, Self.gibibyte, Self.gibibyte + 0x100_0000, UInt64.max] {
            #expect(throws: BuddyAllocator.FreeFailure.notManaged(address)) { try allocator.free(address) }
        }
        #expect(allocator.refusedFrees == 9)
        try allocator.free(block)
        #expect(allocator.picture == start)
    }

    @Test("blocks up to 1 GiB, and adding 2 GiB touches few pages only")
    func large() throws {
        let host = try #require(HostWindow(start: 2 * Self.gibibyte, size: 3 * Self.gibibyte))
        let allocator = BuddyBox(host.window)
        allocator.add(PhysicalRange(start: 2 * Self.gibibyte, size: 3 * Self.gibibyte))
        let start = allocator.picture
        #expect(allocator.freeBlocks(order: 18) == 2)
        let one = try #require(allocator.allocate(order: 18))
        let two = try #require(allocator.allocate(order: 18))
        #expect(Set([one, two]) == [3 * Self.gibibyte, 4 * Self.gibibyte])
        #expect(allocator.allocate(order: 18) == nil && allocator.allocate(order: 19) == nil)
        #expect(allocator.allocate(order: -1) == nil && allocator.failures == 3)
        try allocator.free(one)
        // Split the GiB to pages, and join it again.
        var pages: [UInt64] = []
        while let page = allocator.allocate(order: 9) { pages.append(page) }
        let chunk = pages.removeLast()
        try allocator.free(chunk)
        let small = try #require(allocator.allocate(order: 0))
        try allocator.free(small)
        for page in pages { try allocator.free(page) }
        try allocator.free(two)
        #expect(allocator.picture == start)
    }

    @Test("ranges that are too small, and too many of them, are refused; page 0 is never given")
    func ranges() throws {
        let host = try #require(HostWindow(start: 0, size: 0x1000_0000))
        let allocator = BuddyBox(host.window)
        #expect(!allocator.add(PhysicalRange(start: 0x800, size: 0x1000)))
        #expect(!allocator.add(PhysicalRange(start: 0x10_0000, size: 0x1000)))
        #expect(!allocator.add(PhysicalRange(start: 0x10_0000, size: 0)))
        for index in 0..<16 as Range<UInt64> {
            #expect(allocator.add(PhysicalRange(start: index * 0x10_0000, size: 0x8_0000)))
        }
        #expect(!allocator.add(PhysicalRange(start: 16 * 0x10_0000, size: 0x8_0000)))
        while let page = allocator.allocate(order: 0) { #expect(page != 0 && page % 0x10_0000 < 0x8_0000) }
        #expect(allocator.freePages == 0 && allocator.usedPages == allocator.totalPages)
    }

    @Test(
        "the least order that holds so many pages",
        arguments: [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (512, 9), (513, 10)])
    func orders(pages: Int, order: Int) { #expect(BuddyAllocator.order(forPages: pages) == order) }
}
