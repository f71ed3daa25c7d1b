/// The kernel's memory: KernelCore's heap behind a lock. Swift's runtime allocates here too.
enum Heap {
    private static let lock = SpinLock()
    // SAFETY: used under `lock` only.
    nonisolated(unsafe) private static var heap = unsafe KernelHeap(memory: PhysicalWindow(offset: 0))

    /// Gives a range of identity-mapped memory to the heap.
    static func add(_ range: PhysicalRange) { lock.withLock { _ = unsafe heap.add(range) } }

    /// Returns the address of at least `size` bytes, or 0.
    static func allocate(size: UInt64, alignment: UInt64) -> UInt64 {
        lock.withLock { unsafe heap.allocate(size: Int(size), alignment: max(Int(alignment), 16)) ?? 0 }
    }

    /// Frees a block; one that is not allocated is a bug of the kernel.
    static func free(_ address: UInt64) {
        let freed = lock.withLock {
            do throws(KernelHeap.FreeFailure) {
                try unsafe heap.free(address)
                return true
            } catch {
                return false
            }
        }
        if !freed { Panic.stop("free of memory that is not allocated", value: address) }
    }

    /// 2^order pages, aligned to their size; for stacks, tables and rings.
    static func allocatePages(order: Int) -> UInt64 {
        guard let address = lock.withLock({ unsafe heap.allocatePages(order: order) }) else {
            Panic.stop("out of memory", value: UInt64(order))
        }
        return address
    }

    /// Storage of 2^order pages that is never given back.
    static func permanentStorage(order: Int) -> RawStorage { memory(order: order).storage }

    /// 2^order pages, for a device's use too; the owner may `free` them by their address when nobody uses the value any more.
    static func memory(order: Int) -> DMAMemory {
        let address = allocatePages(order: order)
        guard let base = unsafe UnsafeMutableRawPointer(bitPattern: UInt(address)) else { Panic.stop("null page") }
        // SAFETY: the pages were allocated above, and nobody else knows them; the kernel's map is the identity.
        return DMAMemory(storage: unsafe RawStorage(base: base, count: 4096 << order), address: address)
    }

    struct Accounts {
        var totalPages: UInt64 = 0
        var freePages: UInt64 = 0
        var peakPages: UInt64 = 0
        var tablePages: UInt64 = 0
        var pageAllocations: UInt64 = 0
        var failures: UInt64 = 0
        var slabPages: UInt64 = 0
        var objects: UInt64 = 0
        var objectAllocations: UInt64 = 0
    }

    static var accounts: Accounts {
        lock.withLock {
            var accounts = Accounts()
            accounts.totalPages = unsafe heap.pages.totalPages
            accounts.freePages = unsafe heap.pages.freePages
            accounts.peakPages = unsafe heap.pages.peakUsedPages
            accounts.tablePages = unsafe heap.pages.tablePages
            accounts.pageAllocations = unsafe heap.pages.allocations
            accounts.failures = unsafe heap.failures
            for index in 0..<SlabClass.count {
                let statistics = unsafe heap.slabs.statistics(class: index)
                accounts.slabPages += statistics.pages
                accounts.objects += statistics.objects
                accounts.objectAllocations += statistics.allocations
            }
            return accounts
        }
    }

    /// Free blocks of 2^order pages.
    static func freeBlocks(order: Int) -> Int { lock.withLock { unsafe heap.pages.freeBlocks(order: order) } }
}

@c(heap_allocate) public func heapAllocate(size: UInt64, alignment: UInt64) -> UInt64 {
    Heap.allocate(size: size, alignment: alignment)
}

@c(heap_free) public func heapFree(address: UInt64) { Heap.free(address) }
