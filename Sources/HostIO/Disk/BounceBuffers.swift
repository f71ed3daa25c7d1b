internal import Glibc

/// A few aligned buffers of one size, made once: each stands in for guest memory that a request cannot name.
///
/// Threading: who uses them says who has which.
@safe
final class BounceBuffers: Sendable {
    let count: Int
    /// Of each, in bytes.
    let size: Int
    // SAFETY: allocated in init, freed in deinit; a buffer is touched by who has it, or by the kernel for them.
    private nonisolated(unsafe) let memory: UnsafeMutableRawBufferPointer

    init(count: Int, size: Int, alignment: Int) {
        self.count = count
        self.size = size
        // SAFETY: bytes are initialised here, and are freed with the last reference.
        unsafe memory = .allocate(byteCount: count * size, alignment: alignment)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit {
        // SAFETY: nobody has a buffer: that would need a reference to self.
        unsafe memory.deallocate()
    }

    /// The first `length` bytes of a buffer.
    @unsafe
    func bytes(_ index: Int, _ length: Int) -> UnsafeMutableRawBufferPointer {
        precondition((0..<count).contains(index) && (0...size).contains(length))
        // SAFETY: inside the allocation.
        return unsafe UnsafeMutableRawBufferPointer(rebasing: memory[index * size..<index * size + length])
    }
}
