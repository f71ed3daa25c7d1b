/// A property of a device tree's node: where its name and value are.
package struct DeviceTreeProperty<Memory: ByteSource> {
    package let memory: Memory
    let nameAddress: UInt64
    /// Address of the value; all of it lies in the structure block.
    package let address: UInt64
    /// Length of the value in bytes.
    package let length: UInt32

    /// True when the property is called `name`.
    package func isNamed(_ name: StaticString) -> Bool {
        let count = name.utf8CodeUnitCount
        for index in 0..<count {
            // SAFETY: `index` is below the text's count.
            guard unsafe memory.byte(at: nameAddress &+ UInt64(index)) == name.utf8Start[index] else { return false }
        }
        return memory.byte(at: nameAddress &+ UInt64(count)) == 0
    }

    /// The 32-bit cell at `index`, or nil.
    package func cell(_ index: UInt32 = 0) -> UInt32? {
        guard UInt64(index) * 4 + 4 <= UInt64(length) else { return nil }
        return memory.bigEndian32(at: address &+ UInt64(index) * 4)
    }

    /// The number in `count` cells (0, 1 or 2) from `index` on; nil when they are not all there, or there are more.
    package func number(at index: UInt32, cells count: UInt32) -> UInt64? {
        switch count {
        case 0: return 0
        case 1:
            guard let value = cell(index) else { return nil }
            return UInt64(value)
        case 2:
            guard let high = cell(index), let low = cell(index &+ 1) else { return nil }
            return UInt64(high) << 32 | UInt64(low)
        default: return nil
        }
    }

    /// The value as a number in all of its cells: 4 or 8 bytes.
    package var number: UInt64? { length & 3 == 0 ? number(at: 0, cells: length / 4) : nil }

    /// The value as a text up to its NUL, or nil when it has none.
    package var text: MemoryText<Memory>? {
        guard length > 0 else { return nil }
        return memory.text(at: address, limit: Int(min(length, 4096)) - 1)
    }
}
