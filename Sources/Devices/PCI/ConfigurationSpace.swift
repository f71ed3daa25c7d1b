/// The 256 bytes of a function's configuration space: values, and a mask of the bits that software can write.
///
/// Byte-granular: an access of any width and alignment is that of its bytes.
/// Source: PCI Local Bus 3.0 §6.1.
struct ConfigurationSpace: Sendable {
    static let size = 256

    private var values = [UInt8](repeating: 0, count: size)
    private var writable = [UInt8](repeating: 0, count: size)

    /// Sets a little-endian field and its writable bits. It must lie in the space.
    mutating func define<Value: FixedWidthInteger & UnsignedInteger>(
        _ value: Value, writable mask: Value = 0, at offset: Int
    ) {
        for byte in 0..<Value.bitWidth / 8 {
            values[offset + byte] = UInt8(truncatingIfNeeded: value >> (byte * 8))
            writable[offset + byte] = UInt8(truncatingIfNeeded: mask >> (byte * 8))
        }
    }

    /// A little-endian field. Bytes behind the end read as ones.
    func load<Value: FixedWidthInteger & UnsignedInteger>(_ type: Value.Type = Value.self, at offset: Int) -> Value {
        var value: Value = 0
        for byte in 0..<Value.bitWidth / 8 {
            let place = offset + byte
            let bits = values.indices.contains(place) ? values[place] : 0xFF
            value |= Value(truncatingIfNeeded: bits) << (byte * 8)
        }
        return value
    }

    /// What software reads: the low `count` bytes, at most 4.
    func read(at offset: Int, count: Int) -> UInt32 {
        let value = load(UInt32.self, at: offset)
        return count >= 4 ? value : value & (1 << UInt32(count * 8) - 1)
    }

    /// What software writes: the low `count` bytes of `value`, as far as they are writable.
    mutating func write(_ value: UInt32, at offset: Int, count: Int) {
        for byte in 0..<min(count, 4) {
            let place = offset + byte
            guard values.indices.contains(place) else { return }
            let new = UInt8(truncatingIfNeeded: value >> UInt32(byte * 8))
            values[place] = values[place] & ~writable[place] | new & writable[place]
        }
    }
}
