/// Physical memory as the kernel sees it: pointer = physical address + offset.
///
/// The kernel's window has offset 0 (identity map); a test's is a host mapping. The allocators reach memory only through this.
@safe
package struct PhysicalWindow: Sendable {
    private let offset: UInt

    /// - Parameter offset: pointer less physical address, modulo 2^64.
    /// - Precondition: all memory given to an allocator that uses the window is mapped there, and nobody else uses it.
    @unsafe
    package init(offset: UInt) { self.offset = offset }

    /// The pointer to `address`; nil for the null pointer.
    @inline(__always)
    package func pointer(to address: UInt64) -> UnsafeMutableRawPointer? {
        unsafe UnsafeMutableRawPointer(bitPattern: UInt(address) &+ offset)
    }

    /// The physical address of `pointer`.
    @inline(__always)
    package func address(of pointer: UnsafeMutableRawPointer) -> UInt64 {
        UInt64(UInt(bitPattern: pointer) &- offset)
    }

    // The allocators call these with addresses in ranges that were given to them.

    @inline(__always)
    func load<Value: BitwiseCopyable>(_ type: Value.Type, _ address: UInt64) -> Value {
        guard let pointer = unsafe pointer(to: address) else { preconditionFailure() }
        // SAFETY: in memory of the allocator (initializer's precondition), naturally aligned by the allocators' layouts.
        return unsafe pointer.load(as: Value.self)
    }

    @inline(__always)
    func store<Value: BitwiseCopyable>(_ value: Value, _ address: UInt64) {
        guard let pointer = unsafe pointer(to: address) else { preconditionFailure() }
        // SAFETY: as for `load`.
        unsafe pointer.storeBytes(of: value, as: Value.self)
    }

    /// Sets `count` bytes from `address` on to 0. `count` is a multiple of 8, `address` too.
    func clear(_ address: UInt64, count: UInt64) {
        var position = address
        while position < address + count {
            store(0 as UInt64, position)
            position += 8
        }
    }
}
