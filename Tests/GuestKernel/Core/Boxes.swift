import KernelCore

/// A buddy allocator in a class: `#expect` wants values that can be copied.
final class BuddyBox {
    private var allocator: BuddyAllocator

    init(_ window: PhysicalWindow) { allocator = BuddyAllocator(memory: window) }

    var totalPages: UInt64 { allocator.totalPages }
    var freePages: UInt64 { allocator.freePages }
    var usedPages: UInt64 { allocator.usedPages }
    var peakUsedPages: UInt64 { allocator.peakUsedPages }
    var tablePages: UInt64 { allocator.tablePages }
    var allocations: UInt64 { allocator.allocations }
    var frees: UInt64 { allocator.frees }
    var failures: UInt64 { allocator.failures }
    var refusedFrees: UInt64 { allocator.refusedFrees }

    /// Free blocks by order: with all buddies joined there is one such picture for a set of free pages.
    var picture: [Int] {
        var counts: [Int] = []
        for order in 0...BuddyAllocator.maximumOrder { counts.append(allocator.freeBlocks(order: order)) }
        return counts
    }

    func freeBlocks(order: Int) -> Int { allocator.freeBlocks(order: order) }
    @discardableResult func add(_ range: PhysicalRange) -> Bool { allocator.add(range) }
    func allocate(order: Int) -> UInt64? { allocator.allocate(order: order) }
    @discardableResult func free(_ address: UInt64) throws(BuddyAllocator.FreeFailure) -> Int {
        try allocator.free(address)
    }
    func allocatedOrder(_ address: UInt64) -> Int? { allocator.allocatedOrder(address) }
}

/// A heap in a class, for the same reason.
final class HeapBox {
    private var heap: KernelHeap

    init(_ window: PhysicalWindow) { heap = KernelHeap(memory: window) }

    var failures: UInt64 { heap.failures }
    var refusedFrees: UInt64 { heap.refusedFrees }
    var freePages: UInt64 { heap.pages.freePages }

    func statistics(class index: Int) -> SlabAllocator.Statistics { heap.slabs.statistics(class: index) }
    func add(_ range: PhysicalRange) { heap.add(range) }
    func allocatePages(order: Int) -> UInt64? { heap.allocatePages(order: order) }
    func allocate(size: Int, alignment: Int = 16) -> UInt64? { heap.allocate(size: size, alignment: alignment) }
    func free(_ address: UInt64) throws(KernelHeap.FreeFailure) { try heap.free(address) }
    func usableSize(_ address: UInt64) -> Int? { heap.usableSize(address) }
}
