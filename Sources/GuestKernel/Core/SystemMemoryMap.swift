#if !hasFeature(Embedded)
    import GuestABI
#endif

/// The amd64 memory map (SMAP): an array of packed 20-byte entries {u64 base, u64 length, u32 type}.
///
/// Source: FreeBSD sys/x86/include/metadata.h and sys/amd64/include/pc/bios.h, struct bios_smap.
package struct SystemMemoryMap<Memory: ByteSource>: Sequence, IteratorProtocol {
    package struct Entry: Equatable, Sendable {
        package let range: PhysicalRange
        /// See `MemoryMapEntryType`.
        package let type: UInt32
    }

    private let memory: Memory
    private var position: UInt64
    private var remaining: UInt32

    /// - Parameters:
    ///   - address: of the first entry.
    ///   - length: of the array in bytes; an incomplete entry at its end is ignored.
    package init(memory: Memory, address: UInt64, length: UInt32) {
        self.memory = memory
        position = address
        remaining = length
    }

    package mutating func next() -> Entry? {
        guard remaining >= 20, let base = memory.word64(at: position), let size = memory.word64(at: position &+ 8),
            let type = memory.word32(at: position &+ 16)
        else { return nil }
        remaining -= 20
        position &+= 20
        return Entry(range: PhysicalRange(start: base, size: size), type: type)
    }

    /// The usable ranges.
    package func usableMemory() -> BootMemoryMap {
        var map = BootMemoryMap()
        for entry in self where entry.type == MemoryMapEntryType.usable { map.add(entry.range) }
        for entry in self where entry.type != MemoryMapEntryType.usable { map.reserve(entry.range) }
        return map
    }
}
