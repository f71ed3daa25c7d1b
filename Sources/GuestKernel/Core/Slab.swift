/// One slab: 16 KiB of objects of one size, its administration at its start, in the slab itself.
///
/// {u64 next, u64 previous, u64 first free object, u32 objects ever used, u32 objects in use, u8 class, … 64: a bit for each object
/// that is in use}, then the objects, aligned as their size allows. Objects never used are not linked: making a slab
/// costs a few stores. A free object's first word leads to the next free one.
struct Slab {
    /// Pages of a slab as a buddy order, and its size in bytes.
    static var order: Int { 2 }
    static var size: UInt64 { 16384 }

    /// Where the objects of a class are.
    struct Shape {
        let objectSize: UInt64
        /// Offset of the first object.
        let first: UInt64
        let capacity: UInt64
        /// 2^32 / object size, rounded up: exact for offsets below 2^14 and sizes up to 2^11.
        private let inverse: UInt64

        init(objectSize: UInt64) {
            self.objectSize = objectSize
            inverse = (1 << 32) / objectSize + 1
            let start = 64 + (Slab.size / objectSize + 63) / 64 * 8
            // The largest power of two that divides the size is the alignment of all objects when it is the first one's.
            let mask = (objectSize & (~objectSize + 1)) - 1
            first = (start + mask) & ~mask
            capacity = (Slab.size - first) / objectSize
        }

        /// The index of the object that begins at `offset`, or nil when none does.
        func index(_ offset: UInt64) -> UInt64? {
            guard offset >= first else { return nil }
            let index = ((offset - first) * inverse) >> 32
            return index * objectSize == offset - first && index < capacity ? index : nil
        }
    }

    /// Physical address, a multiple of `size`.
    let address: UInt64
    let memory: PhysicalWindow

    var next: UInt64 {
        get { memory.load(UInt64.self, address) }
        nonmutating set { memory.store(newValue, address) }
    }
    var previous: UInt64 {
        get { memory.load(UInt64.self, address + 8) }
        nonmutating set { memory.store(newValue, address + 8) }
    }
    private var freeObject: UInt64 {
        get { memory.load(UInt64.self, address + 16) }
        nonmutating set { memory.store(newValue, address + 16) }
    }
    private var everUsed: UInt32 {
        get { memory.load(UInt32.self, address + 24) }
        nonmutating set { memory.store(newValue, address + 24) }
    }
    private(set) var inUse: UInt32 {
        get { memory.load(UInt32.self, address + 28) }
        nonmutating set { memory.store(newValue, address + 28) }
    }
    var classIndex: Int { Int(memory.load(UInt8.self, address + 32)) }

    /// Makes fresh pages a slab without objects in use.
    func prepare(classIndex: Int) {
        memory.clear(address, count: 32)
        memory.store(UInt8(classIndex), address + 32)
    }

    /// Takes an object; the caller knows that one is left.
    func allocate(_ shape: Shape) -> UInt64 {
        inUse += 1
        let reused = freeObject
        if reused != 0 {
            freeObject = memory.load(UInt64.self, reused)
            if let index = shape.index(reused - address) { setUsed(index) }
            return reused
        }
        let index = UInt64(everUsed)
        everUsed += 1
        // The bitmap's words are cleared one by one, as they are reached.
        if index & 63 == 0 { memory.store(0 as UInt64, bitmapWord(index)) }
        setUsed(index)
        return address + shape.first + index * shape.objectSize
    }

    /// Gives an object back. Returns false, and changes nothing, when no object in use begins at `object`.
    func free(_ object: UInt64, _ shape: Shape) -> Bool {
        guard let index = shape.index(object - address), index < UInt64(everUsed) else { return false }
        let word = memory.load(UInt64.self, bitmapWord(index))
        let bit: UInt64 = 1 << (index & 63)
        guard word & bit != 0 else { return false }
        memory.store(word & ~bit, bitmapWord(index))
        memory.store(freeObject, object)
        freeObject = object
        inUse -= 1
        return true
    }

    private func bitmapWord(_ index: UInt64) -> UInt64 { address + 64 + (index >> 6) * 8 }

    private func setUsed(_ index: UInt64) {
        let position = bitmapWord(index)
        memory.store(memory.load(UInt64.self, position) | 1 << (index & 63), position)
    }
}
