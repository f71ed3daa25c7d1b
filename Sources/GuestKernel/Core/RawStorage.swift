import Synchronization

/// A fixed piece of memory, the owner's for as long as this value is used; accesses are bounds-checked.
///
/// What needs storage before the heap exists, or storage that the heap must not know, lives in one of these. The bytes
/// are uninitialised at first: users keep track of what they wrote.
@safe
package struct RawStorage: @unchecked Sendable {
    private let base: UnsafeMutableRawPointer
    /// Size in bytes.
    package let count: Int

    /// - Precondition: `count` bytes at `base` are mapped, used by nobody else, and stay so; `base` is 8-byte aligned.
    @unsafe
    package init(base: UnsafeMutableRawPointer, count: Int) {
        unsafe self.base = base
        self.count = count
    }

    /// - Precondition: `offset` is within bounds.
    @inline(__always)
    package subscript(offset: Int) -> UInt8 {
        get {
            precondition(offset >= 0 && offset < count)
            // SAFETY: checked above; the initializer's precondition holds for all bytes below `count`.
            return unsafe base.load(fromByteOffset: offset, as: UInt8.self)
        }
        nonmutating set {
            precondition(offset >= 0 && offset < count)
            // SAFETY: as for the load.
            unsafe base.storeBytes(of: newValue, toByteOffset: offset, as: UInt8.self)
        }
    }

    /// A part as storage of its own.
    ///
    /// - Precondition: the range is within bounds, and begins at a multiple of 8.
    package func part(at offset: Int, count: Int) -> RawStorage {
        precondition(
            offset >= 0 && offset & 7 == 0 && count >= 0 && offset <= self.count && count <= self.count - offset)
        // SAFETY: within bounds; the bytes are the owner's as long as this value's are.
        return unsafe RawStorage(base: base + offset, count: count)
    }

    /// The 64-bit word at `offset`, relaxed atomic: a CPU may write while another reads.
    ///
    /// - Precondition: `offset` is a multiple of 8, and all of the word is within bounds.
    @inline(__always)
    package func loadWord(_ offset: Int) -> UInt64 { unsafe word(offset).pointee.load(ordering: .relaxed) }

    /// Stores the 64-bit word at `offset`, relaxed atomic. Precondition as for `loadWord`.
    @inline(__always)
    package func storeWord(_ value: UInt64, _ offset: Int) {
        unsafe word(offset).pointee.store(value, ordering: .relaxed)
    }

    @inline(__always) @unsafe
    private func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        // SAFETY: in bounds and aligned; Atomic<UInt64> has UInt64's layout and any bits are a value of it.
        return unsafe pointer(offset, size: 8).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// The address of an aligned value of `size` bytes, a power of two up to 8, that lies within bounds.
    @inline(__always) @unsafe
    func pointer(_ offset: Int, size: Int) -> UnsafeMutableRawPointer {
        precondition(offset >= 0 && offset & (size - 1) == 0 && count >= size && offset <= count - size)
        // SAFETY: checked above; `base` is 8-byte aligned.
        return unsafe base + offset
    }
}
