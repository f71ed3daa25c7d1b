internal import Glibc
internal import Synchronization

/// A zeroed mapping of the host that costs memory only where it was touched, unmapped with the last reference.
@safe
final class HostArray: Sendable {
    // SAFETY: immutable; what lies behind it is the owner's business.
    private nonisolated(unsafe) let start: UnsafeMutableRawPointer
    let byteCount: Int

    init(byteCount: Int) throws(SoftwareCPUError) {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        guard let mapped = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0),
            unsafe mapped != MAP_FAILED
        else { throw .hostRefusedMemory(byteCount: byteCount, errno: errno) }
        unsafe start = mapped
        self.byteCount = byteCount
    }

    deinit {
        // SAFETY: ours alone, and nobody is left who knows it.
        unsafe _ = munmap(start, byteCount)
    }

    /// The mapping; it lives as long as this object.
    @unsafe var base: UnsafeMutableRawPointer { unsafe start }

    /// Gives the pages back to the host; they read as zero again.
    func clear() {
        // SAFETY: all of our own mapping.
        unsafe _ = madvise(start, byteCount, MADV_DONTNEED)
    }

    /// The byte at `index`, below `byteCount`, for atomic access.
    func atomicByte(_ index: Int) -> AtomicByte {
        precondition(index >= 0 && index < byteCount)
        // SAFETY: inside the mapping.
        return unsafe AtomicByte(pointer: start + index)
    }

    /// Word `index` of the mapping, of 4 bytes each.
    func word(_ index: Int) -> UInt32 {
        precondition(index >= 0 && index < byteCount / 4)
        // SAFETY: inside the mapping, aligned.
        return unsafe start.load(fromByteOffset: index * 4, as: UInt32.self)
    }

    func setWord(_ index: Int, _ value: UInt32) {
        precondition(index >= 0 && index < byteCount / 4)
        // SAFETY: inside the mapping, aligned.
        unsafe start.storeBytes(of: value, toByteOffset: index * 4, as: UInt32.self)
    }
}

/// One byte that several threads access.
@safe
struct AtomicByte {
    // SAFETY: a byte in a live mapping that is accessed by atomics only.
    private let pointer: UnsafeMutableRawPointer

    @unsafe init(pointer: UnsafeMutableRawPointer) { unsafe self.pointer = pointer }

    func load() -> UInt8 {
        unsafe pointer.assumingMemoryBound(to: Atomic<UInt8>.self).pointee.load(ordering: .relaxed)
    }

    func store(_ value: UInt8) {
        unsafe pointer.assumingMemoryBound(to: Atomic<UInt8>.self).pointee.store(
            value, ordering: .sequentiallyConsistent)
    }

    /// Sets bits; gives the old value.
    func formOr(_ bits: UInt8) -> UInt8 {
        unsafe pointer.assumingMemoryBound(to: Atomic<UInt8>.self).pointee.bitwiseOr(
            bits, ordering: .sequentiallyConsistent
        ).oldValue
    }
}
