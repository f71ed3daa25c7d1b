/// The machine's own memory, identity-mapped, readable between two addresses.
@safe
package struct LiveMemory: ByteSource, Sendable {
    /// First readable address; never 0, which is no pointer.
    private let lower: UInt64
    /// First address that is not readable any more.
    private let upper: UInt64

    /// - Parameters:
    ///   - lower: first readable address.
    ///   - upper: end of the readable range.
    /// - Precondition: every byte of the range is mapped, at its own address, as long as the value is used.
    @unsafe
    package init(from lower: UInt64, to upper: UInt64) {
        self.lower = Swift.max(lower, 1)
        self.upper = upper
    }

    package func byte(at address: UInt64) -> UInt8? { load(UInt8.self, at: address) }
    package func word32(at address: UInt64) -> UInt32? { load(UInt32.self, at: address) }
    package func word64(at address: UInt64) -> UInt64? { load(UInt64.self, at: address) }

    @inline(__always)
    private func load<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type, at address: UInt64) -> Value? {
        guard address >= lower, address < upper, upper - address >= UInt64(MemoryLayout<Value>.size),
            let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(address))
        else { return nil }
        // SAFETY: the initializer's precondition: [lower, upper) is mapped, and all bytes of the access lie in it.
        return unsafe Value(littleEndian: pointer.loadUnaligned(as: Value.self))
    }
}
