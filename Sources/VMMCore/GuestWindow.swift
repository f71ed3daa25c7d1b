internal import Glibc
internal import Synchronization

/// A part of guest RAM that a device goes back to often, a virtqueue's ring say: looked up once, accessed by offset.
///
/// Access is by sized loads and stores, as in `GuestMemory`: the guest writes at the same time. Each is one relaxed host
/// access of a little-endian integer, naturally aligned in guest memory; order is made by fences around them. An offset that
/// does not lie in the window with the whole access, or is not aligned, is a bug of swvmm's own and traps.
///
/// Threading: any thread. The memory lives as long as a window of it.
@safe
package struct GuestWindow: Sendable {
    /// Where the window begins.
    package let start: GuestAddress
    /// In bytes, at least 1.
    package let size: Int

    private let memory: GuestMemory
    // SAFETY: `size` bytes from here on are in a mapping that lives as long as `memory`.
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer

    fileprivate init(_ memory: GuestMemory, _ start: GuestAddress, _ size: Int) throws(GuestMemoryError) {
        unsafe base = try unsafe memory.hostAddress(start, count: size)
        self.memory = memory
        self.start = start
        self.size = size
    }

    @inline(__always)
    @unsafe private func pointer(_ offset: Int, _ count: Int) -> UnsafeMutableRawPointer {
        precondition(offset >= 0 && offset <= size &- count, "outside of the window")
        let pointer = unsafe base + offset
        precondition(UInt(bitPattern: pointer) & UInt(count &- 1) == 0, "misaligned in the window")
        return unsafe pointer
    }

    @inline(__always)
    private func note(_ offset: Int, _ count: UInt64) {
        memory.writeObserver.noteWrite(GuestAddress(start.rawValue &+ UInt64(offset)), count: count)
    }

    // SAFETY, for all below: `pointer` checked that the bytes lie in the window and are aligned.

    package func loadHalfword(at offset: Int) -> UInt16 {
        UInt16(littleEndian: unsafe UInt16.relaxedLoad(pointer(offset, 2)))
    }

    package func loadWord(at offset: Int) -> UInt32 {
        UInt32(littleEndian: unsafe UInt32.relaxedLoad(pointer(offset, 4)))
    }

    package func loadDoubleword(at offset: Int) -> UInt64 {
        UInt64(littleEndian: unsafe UInt64.relaxedLoad(pointer(offset, 8)))
    }

    /// Two doublewords one behind the other, at any alignment, and perhaps in several accesses: for tables whose entries are
    /// checked after.
    package func readDoublewordPair(at offset: Int) -> (UInt64, UInt64) {
        precondition(offset >= 0 && offset <= size &- 16, "outside of the window")
        let first = unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        let second = unsafe base.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self)
        return (UInt64(littleEndian: first), UInt64(littleEndian: second))
    }

    package func storeHalfword(_ value: UInt16, at offset: Int) {
        unsafe UInt16.relaxedStore(value.littleEndian, pointer(offset, 2))
        note(offset, 2)
    }

    package func storeWord(_ value: UInt32, at offset: Int) {
        unsafe UInt32.relaxedStore(value.littleEndian, pointer(offset, 4))
        note(offset, 4)
    }

    package func storeDoubleword(_ value: UInt64, at offset: Int) {
        unsafe UInt64.relaxedStore(value.littleEndian, pointer(offset, 8))
        note(offset, 8)
    }
}

extension GuestMemory {
    /// The window of `size` (at least 1) bytes from `start` on, or nil when not all of them are RAM of one region.
    package func window(at start: GuestAddress, size: Int) -> GuestWindow? {
        guard size > 0 else { return nil }
        return try? GuestWindow(self, start, size)
    }
}
