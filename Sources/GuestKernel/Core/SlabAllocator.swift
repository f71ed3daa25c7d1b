/// Small objects in slabs of one size each, over a buddy allocator that the caller passes.
///
/// Each class keeps a list of its slabs that have room, and at most one empty slab; further ones go back. Allocating and freeing are
/// O(1). Freeing finds the slab by the object's address and refuses what is not an object in use. Threading: by the caller's lock.
package struct SlabAllocator: ~Copyable {
    /// What a class has done.
    package struct Statistics: Equatable, Sendable {
        package internal(set) var slabs: UInt64 = 0
        package internal(set) var allocations: UInt64 = 0
        package internal(set) var frees: UInt64 = 0
        package internal(set) var peakObjects: UInt64 = 0

        package var objects: UInt64 { allocations - frees }
        package var pages: UInt64 { slabs << UInt64(Slab.order) }
    }

    private struct Class {
        let shape: Slab.Shape
        /// First slab with room, 0 for none.
        var available: UInt64 = 0
        var hasEmptySlab = false
        var statistics = Statistics()
    }

    private let memory: PhysicalWindow
    private var classes: InlineArray<14, Class>

    package init(memory: PhysicalWindow) {
        self.memory = memory
        classes = InlineArray { Class(shape: Slab.Shape(objectSize: UInt64(SlabClass.size($0)))) }
    }

    /// - Parameter index: a class, 0 to 13.
    package func statistics(class index: Int) -> Statistics { classes[index].statistics }

    /// Takes an object of a class. Returns its physical address, or nil when there are no pages.
    mutating func allocate(class index: Int, from buddy: inout BuddyAllocator) -> UInt64? {
        if classes[index].available == 0 {
            guard let address = buddy.allocate(order: Slab.order) else { return nil }
            buddy.mark(address)
            let slab = Slab(address: address, memory: memory)
            slab.prepare(classIndex: index)
            classes[index].available = address
            classes[index].statistics.slabs += 1
            classes[index].hasEmptySlab = true
        }
        let slab = Slab(address: classes[index].available, memory: memory)
        if slab.inUse == 0 { classes[index].hasEmptySlab = false }
        let object = slab.allocate(classes[index].shape)
        if UInt64(slab.inUse) == classes[index].shape.capacity { unlink(slab, index) }
        classes[index].statistics.allocations += 1
        let objects = classes[index].statistics.objects
        if objects > classes[index].statistics.peakObjects { classes[index].statistics.peakObjects = objects }
        return object
    }

    /// True when `address` lies in a slab: then `free` is the way to give it back.
    func contains(_ address: UInt64, in buddy: borrowing BuddyAllocator) -> Bool {
        buddy.isMarked(address & ~(Slab.size - 1), order: Slab.order)
    }

    /// Gives an object back. Returns false when no object in use begins at `address`, which must lie in a slab.
    mutating func free(_ address: UInt64, to buddy: inout BuddyAllocator) -> Bool {
        let slab = Slab(address: address & ~(Slab.size - 1), memory: memory)
        let index = slab.classIndex
        // A class that does not exist: something wrote over the slab's head.
        guard index < SlabClass.count else { return false }
        let wasFull = UInt64(slab.inUse) == classes[index].shape.capacity
        guard slab.free(address, classes[index].shape) else { return false }
        classes[index].statistics.frees += 1
        if wasFull { link(slab, index) }
        guard slab.inUse == 0 else { return true }
        guard classes[index].hasEmptySlab else {
            classes[index].hasEmptySlab = true
            return true
        }
        unlink(slab, index)
        classes[index].statistics.slabs -= 1
        // The slab is a marked, allocated block: `contains` said so.
        _ = try? buddy.free(slab.address)
        return true
    }

    /// Gives all empty slabs back.
    mutating func trim(to buddy: inout BuddyAllocator) {
        for index in 0..<SlabClass.count where classes[index].hasEmptySlab {
            var address = classes[index].available
            while address != 0 {
                let slab = Slab(address: address, memory: memory)
                address = slab.next
                guard slab.inUse == 0 else { continue }
                unlink(slab, index)
                classes[index].statistics.slabs -= 1
                _ = try? buddy.free(slab.address)
            }
            classes[index].hasEmptySlab = false
        }
    }

    private mutating func link(_ slab: Slab, _ index: Int) {
        let first = classes[index].available
        slab.next = first
        slab.previous = 0
        if first != 0 { Slab(address: first, memory: memory).previous = slab.address }
        classes[index].available = slab.address
    }

    private mutating func unlink(_ slab: Slab, _ index: Int) {
        let next = slab.next
        let previous = slab.previous
        if next != 0 { Slab(address: next, memory: memory).previous = previous }
        if previous != 0 {
            Slab(address: previous, memory: memory).next = next
        } else {
            classes[index].available = next
        }
        slab.next = 0
        slab.previous = 0
    }
}
