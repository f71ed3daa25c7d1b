/// The kernel environment: `name=value` texts, each ended by NUL, the list by an empty one.
///
/// A sequence of entries in the loader's order. An entry without `=` is skipped; the list also ends at an entry that
/// is not ended within `sizeLimit` bytes of the start. Where a name comes twice, the first entry counts.
package struct KernelEnvironment<Memory: ByteSource>: Sequence {
    package struct Entry {
        package let name: MemoryText<Memory>
        package let value: MemoryText<Memory>
    }

    /// 64 KiB: a loader's environment has a few hundred bytes; the cap keeps garbage from costing time.
    package static var sizeLimit: Int { 65_536 }

    private let memory: Memory
    private let address: UInt64?

    /// - Parameter address: of the first text; nil for an empty environment.
    package init(memory: Memory, address: UInt64?) {
        self.memory = memory
        self.address = address
    }

    package func makeIterator() -> Iterator { Iterator(memory: memory, position: address) }

    package struct Iterator: IteratorProtocol {
        fileprivate let memory: Memory
        /// Nil at the end of the list.
        fileprivate var position: UInt64?
        fileprivate var consumed = 0

        package mutating func next() -> Entry? {
            while let start = position {
                var separator: Int?
                var count = 0
                position = nil
                while let byte = memory.byte(at: start &+ UInt64(count)), byte != 0 {
                    if byte == 0x3D, separator == nil { separator = count }
                    count += 1
                    guard consumed + count < KernelEnvironment.sizeLimit else { return nil }
                }
                guard count > 0, memory.byte(at: start &+ UInt64(count)) == 0 else { return nil }
                consumed += count + 1
                position = start &+ UInt64(count) &+ 1
                guard let separator else { continue }
                let value = start &+ UInt64(separator) &+ 1
                return Entry(
                    name: MemoryText(memory: memory, address: start, count: separator),
                    value: MemoryText(memory: memory, address: value, count: count - separator - 1))
            }
            return nil
        }
    }

    /// The value of the first entry called `name`, or nil.
    package func value(of name: String) -> MemoryText<Memory>? {
        for entry in self where entry.name.equals(name) { return entry.value }
        return nil
    }

    /// The value as a number (`IntegerParser`), or nil when absent or no number.
    package func integer(_ name: String) -> UInt64? { value(of: name)?.integer }
}
