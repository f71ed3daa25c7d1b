internal import Synchronization

/// An address in the host's mapping of guest RAM.
///
/// Made only from a translation to RAM, for an access that lies inside it. The guest's other CPUs and devices access the same
/// bytes at the same time: plain accesses of 8 bytes and less are single host accesses, and order is made by fences.
@safe
struct HostPointer: Hashable {
    let address: UInt64

    /// `address` must lie in a mapping of guest RAM, with room for every access that is made through the result.
    @inline(__always)
    @unsafe init(address: UInt64) { self.address = address }

    @inline(__always)
    private var raw: UnsafeMutableRawPointer {
        // SAFETY: never 0: it lies in a mapping.
        unsafe UnsafeMutableRawPointer(bitPattern: UInt(address)).unsafelyUnwrapped
    }

    // SAFETY, for all below: the initializer's promise.

    @inline(__always)
    func load<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type, at offset: Int = 0) -> Value {
        unsafe raw.loadUnaligned(fromByteOffset: offset, as: Value.self)
    }

    @inline(__always)
    func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int = 0) {
        unsafe raw.storeBytes(of: value, toByteOffset: offset, as: Value.self)
    }

    /// `size` bytes, zero-extended: 1, 2, 4 or 8.
    @inline(__always)
    func load(size: UInt64) -> UInt64 {
        switch size {
        case 1: UInt64(load(UInt8.self))
        case 2: UInt64(load(UInt16.self))
        case 4: UInt64(load(UInt32.self))
        default: load(UInt64.self)
        }
    }

    /// The lowest `size` bytes of `value`: 1, 2, 4 or 8.
    @inline(__always)
    func store(_ value: UInt64, size: UInt64) {
        switch size {
        case 1: store(UInt8(truncatingIfNeeded: value))
        case 2: store(UInt16(truncatingIfNeeded: value))
        case 4: store(UInt32(truncatingIfNeeded: value))
        default: store(value)
        }
    }

    // MARK: Atomics, on naturally aligned addresses

    func compareExchange(_ log2Size: UInt8, expected: UInt64, desired: UInt64) -> (exchanged: Bool, original: UInt64) {
        switch log2Size {
        case 0: unsafe exchange(UInt8.self, expected, desired)
        case 1: unsafe exchange(UInt16.self, expected, desired)
        case 2: unsafe exchange(UInt32.self, expected, desired)
        default: unsafe exchange(UInt64.self, expected, desired)
        }
    }

    @inline(__always)
    @unsafe private func exchange<Value: FixedWidthInteger & GuestAtomic>(
        _ type: Value.Type, _ expected: UInt64, _ desired: UInt64
    ) -> (exchanged: Bool, original: UInt64) {
        let result = unsafe Value.exchange(
            raw, Value(truncatingIfNeeded: expected), Value(truncatingIfNeeded: desired))
        return (result.exchanged, UInt64(truncatingIfNeeded: result.original))
    }

    /// On a 16-byte aligned address.
    func compareExchangePair(
        expected: (low: UInt64, high: UInt64), desired: (low: UInt64, high: UInt64)
    ) -> (exchanged: Bool, original: (low: UInt64, high: UInt64)) {
        let result = unsafe raw.assumingMemoryBound(to: Atomic<WordPair>.self).pointee.compareExchange(
            expected: WordPair(first: UInt(expected.low), second: UInt(expected.high)),
            desired: WordPair(first: UInt(desired.low), second: UInt(desired.high)), ordering: .sequentiallyConsistent)
        return (result.exchanged, (UInt64(result.original.first), UInt64(result.original.second)))
    }
}

/// The widths of single-copy atomic accesses.
protocol GuestAtomic {
    /// A sequentially consistent compare-and-swap at an aligned address of guest RAM.
    @unsafe static func exchange(_ pointer: UnsafeMutableRawPointer, _ expected: Self, _ desired: Self)
        -> (exchanged: Bool, original: Self)
}

// SAFETY, for the four: Atomic<UIntN> has the layout of UIntN; the pointer is aligned and in guest RAM.

extension UInt8: GuestAtomic {
    @unsafe static func exchange(_ pointer: UnsafeMutableRawPointer, _ expected: Self, _ desired: Self)
        -> (exchanged: Bool, original: Self)
    {
        unsafe pointer.assumingMemoryBound(to: Atomic<Self>.self).pointee.compareExchange(
            expected: expected, desired: desired, ordering: .sequentiallyConsistent)
    }
}

extension UInt16: GuestAtomic {
    @unsafe static func exchange(_ pointer: UnsafeMutableRawPointer, _ expected: Self, _ desired: Self)
        -> (exchanged: Bool, original: Self)
    {
        unsafe pointer.assumingMemoryBound(to: Atomic<Self>.self).pointee.compareExchange(
            expected: expected, desired: desired, ordering: .sequentiallyConsistent)
    }
}

extension UInt32: GuestAtomic {
    @unsafe static func exchange(_ pointer: UnsafeMutableRawPointer, _ expected: Self, _ desired: Self)
        -> (exchanged: Bool, original: Self)
    {
        unsafe pointer.assumingMemoryBound(to: Atomic<Self>.self).pointee.compareExchange(
            expected: expected, desired: desired, ordering: .sequentiallyConsistent)
    }
}

extension UInt64: GuestAtomic {
    @unsafe static func exchange(_ pointer: UnsafeMutableRawPointer, _ expected: Self, _ desired: Self)
        -> (exchanged: Bool, original: Self)
    {
        unsafe pointer.assumingMemoryBound(to: Atomic<Self>.self).pointee.compareExchange(
            expected: expected, desired: desired, ordering: .sequentiallyConsistent)
    }
}
