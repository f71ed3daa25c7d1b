import Synchronization

/// Values that another CPU or a device reads and writes at the same time: one load or store each, in program order with the
/// fences around it. Little-endian, as both architectures and virtio 1.2 §1.4 are.
extension RawStorage {
    /// The 16-bit value at `offset`, relaxed atomic.
    ///
    /// - Precondition: `offset` is even, and both bytes are within bounds.
    @inline(__always)
    package func loadHalf(_ offset: Int) -> UInt16 { unsafe half(offset).pointee.load(ordering: .relaxed) }

    /// Stores the 16-bit value at `offset`, relaxed atomic. Precondition as for `loadHalf`.
    @inline(__always)
    package func storeHalf(_ value: UInt16, _ offset: Int) {
        unsafe half(offset).pointee.store(value, ordering: .relaxed)
    }

    /// The 32-bit value at `offset`, relaxed atomic.
    ///
    /// - Precondition: `offset` is a multiple of 4, and all of the value is within bounds.
    @inline(__always)
    package func loadSingle(_ offset: Int) -> UInt32 { unsafe single(offset).pointee.load(ordering: .relaxed) }

    /// Stores the 32-bit value at `offset`, relaxed atomic. Precondition as for `loadSingle`.
    @inline(__always)
    package func storeSingle(_ value: UInt32, _ offset: Int) {
        unsafe single(offset).pointee.store(value, ordering: .relaxed)
    }

    @inline(__always) @unsafe
    private func half(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt16>> {
        // SAFETY: in bounds and aligned; Atomic<UInt16> has UInt16's layout and any bits are a value of it.
        return unsafe pointer(offset, size: 2).assumingMemoryBound(to: Atomic<UInt16>.self)
    }

    @inline(__always) @unsafe
    private func single(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
        // SAFETY: as for `half`.
        return unsafe pointer(offset, size: 4).assumingMemoryBound(to: Atomic<UInt32>.self)
    }
}
