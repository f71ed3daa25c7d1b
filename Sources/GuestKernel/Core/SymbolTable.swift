/// Names for code addresses, for call stacks in a panic report: found by binary search in a table made at build time.
///
/// The table's layout, little-endian, 8-byte aligned:
///
///     0   u32 magic "SWSY" (0x59535753)
///     4   u32 number of symbols
///     8   u64 base address
///     16  u32 extent: bytes from the base on that the symbols cover
///     20  u32 bytes of names
///     24  for each symbol, by ascending offset: {u32 offset from the base, u32 offset of its name in the names}
///     …   the names, each ended by NUL
///
/// A symbol reaches to the next one, the last to the extent. All is checked when read: a damaged table gives no names, or wrong
/// ones, and nothing worse.
package struct SymbolTable<Memory: ByteSource> {
    package struct Symbol {
        package let name: MemoryText<Memory>
        /// The address that was looked up, less the symbol's own.
        package let offset: UInt64
    }

    private let memory: Memory
    private let entries: UInt64
    private let names: UInt64
    private let namesSize: UInt32
    /// Number of symbols.
    package let count: Int
    private let base: UInt64
    private let extent: UInt32

    /// - Parameters:
    ///   - address: of the table.
    ///   - size: bytes that belong to it.
    /// - Returns: nil when the header is not that of a table, or the table does not fit in `size`.
    package init?(memory: Memory, address: UInt64, size: UInt64) {
        guard size >= 24, memory.word32(at: address) == SymbolTableFormat.magic,
            let count = memory.word32(at: address &+ 4), let base = memory.word64(at: address &+ 8),
            let extent = memory.word32(at: address &+ 16), let namesSize = memory.word32(at: address &+ 20),
            24 + UInt64(count) * 8 + UInt64(namesSize) <= size, !address.addingReportingOverflow(size).overflow
        else { return nil }
        self.memory = memory
        self.count = Int(count)
        self.base = base
        self.extent = extent
        self.namesSize = namesSize
        entries = address + 24
        names = entries + UInt64(count) * 8
    }

    /// The symbol that `address` lies in, or nil. O(log n), allocates nothing.
    package func symbol(at address: UInt64) -> Symbol? {
        guard address >= base, address - base < UInt64(extent) else { return nil }
        let wanted = UInt32(address - base)
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            guard let offset = memory.word32(at: entries + UInt64(middle) * 8) else { return nil }
            if offset <= wanted { low = middle + 1 } else { high = middle }
        }
        guard low > 0, let offset = memory.word32(at: entries + UInt64(low - 1) * 8), offset <= wanted,
            let name = memory.word32(at: entries + UInt64(low - 1) * 8 + 4), name < namesSize,
            let text = memory.text(at: names + UInt64(name), limit: Int(namesSize - name) - 1)
        else { return nil }
        return Symbol(name: text, offset: UInt64(wanted - offset))
    }
}

/// The constants of `SymbolTable`'s layout.
package enum SymbolTableFormat {
    /// "SWSY".
    package static let magic: UInt32 = 0x5953_5753
}
