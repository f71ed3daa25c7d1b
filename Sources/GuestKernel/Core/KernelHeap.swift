/// The kernel's memory: pages from the buddy allocator, small objects from slabs; what `posix_memalign` and `free` stand on.
///
/// Threading: by the caller's lock (taken with interrupts off where interrupt handlers allocate).
package struct KernelHeap: ~Copyable {
    package enum FreeFailure: Error, Equatable, Sendable {
        /// No memory of this heap.
        case notManaged(UInt64)
        /// No object or block in use begins there: freed before, or a pointer into the middle.
        case notAllocated(UInt64)
    }

    package private(set) var pages: BuddyAllocator
    package private(set) var slabs: SlabAllocator
    /// Allocations that failed for want of memory, or for a size or alignment that cannot be had.
    package private(set) var failures: UInt64 = 0
    /// Frees that were refused.
    package private(set) var refusedFrees: UInt64 = 0
    private let memory: PhysicalWindow

    package init(memory: PhysicalWindow) {
        self.memory = memory
        pages = BuddyAllocator(memory: memory)
        slabs = SlabAllocator(memory: memory)
    }

    /// Takes over a range of memory, see `BuddyAllocator.add`.
    @discardableResult
    package mutating func add(_ range: PhysicalRange) -> Bool { pages.add(range) }

    /// Allocates 2^order pages, aligned to their size; returns the physical address.
    package mutating func allocatePages(order: Int) -> UInt64? {
        if let address = pages.allocate(order: order) { return address }
        slabs.trim(to: &pages)
        guard let address = pages.allocate(order: order) else {
            failures += 1
            return nil
        }
        return address
    }

    /// Allocates memory. The contents are whatever was there.
    ///
    /// - Parameters:
    ///   - size: in bytes; 0 counts as 1.
    ///   - alignment: a power of two up to 1 GiB; 16 is the least given.
    /// - Returns: the physical address, or nil.
    package mutating func allocate(size: Int, alignment: Int = 16) -> UInt64? {
        let wanted = max(size, 1)
        guard alignment > 0, alignment & (alignment - 1) == 0, size >= 0, wanted <= 1 << 30, alignment <= 1 << 30 else {
            failures += 1
            return nil
        }
        guard let index = SlabClass.index(size: wanted, alignment: alignment) else {
            return allocatePages(order: BuddyAllocator.order(forPages: (max(wanted, alignment) + 4095) >> 12))
        }
        if let object = slabs.allocate(class: index, from: &pages) { return object }
        slabs.trim(to: &pages)
        guard let object = slabs.allocate(class: index, from: &pages) else {
            failures += 1
            return nil
        }
        return object
    }

    /// Frees what `allocate` or `allocatePages` gave. Nothing changes when it fails.
    package mutating func free(_ address: UInt64) throws(FreeFailure) {
        if slabs.contains(address, in: pages) {
            guard address & (Slab.size - 1) != 0, slabs.free(address, to: &pages) else {
                refusedFrees += 1
                throw .notAllocated(address)
            }
            return
        }
        do throws(BuddyAllocator.FreeFailure) {
            try pages.free(address)
        } catch {
            refusedFrees += 1
            switch error {
            case .notManaged(let address): throw .notManaged(address)
            case .notAllocated(let address): throw .notAllocated(address)
            }
        }
    }

    /// The bytes usable at `address`: the size of the block or object in use that begins there; nil when none does.
    package func usableSize(_ address: UInt64) -> Int? {
        if slabs.contains(address, in: pages) {
            let slab = Slab(address: address & ~(Slab.size - 1), memory: memory)
            return slab.classIndex < SlabClass.count ? SlabClass.size(slab.classIndex) : nil
        }
        guard let order = pages.allocatedOrder(address) else { return nil }
        return 4096 << order
    }
}

// MARK: - Pointers

extension KernelHeap {
    /// `allocate` for callers that want a pointer: `posix_memalign`.
    @unsafe
    package mutating func allocatePointer(size: Int, alignment: Int) -> UnsafeMutableRawPointer? {
        guard let address = allocate(size: size, alignment: alignment) else { return nil }
        return unsafe memory.pointer(to: address)
    }

    /// `free` for callers that have a pointer.
    @unsafe
    package mutating func freePointer(_ pointer: UnsafeMutableRawPointer) throws(FreeFailure) {
        try unsafe free(memory.address(of: pointer))
    }
}
