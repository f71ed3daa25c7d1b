#if !hasFeature(Embedded)
    /// Writes the table that `SymbolTable` reads.
    package struct SymbolTableWriter {
        private let base: UInt64
        private let extent: UInt32
        private var symbols: [(offset: UInt32, name: [UInt8])] = []

        /// - Parameters:
        ///   - base: the lowest address.
        ///   - extent: bytes from it on that the symbols cover.
        package init(base: UInt64, extent: UInt32) {
            self.base = base
            self.extent = extent
        }

        /// Adds a symbol; one outside of the extent, or with a NUL in its name, is left out.
        package mutating func add(_ name: String, at address: UInt64) {
            guard address >= base, address - base < UInt64(extent), !name.utf8.contains(0) else { return }
            symbols.append((UInt32(address - base), Array(name.utf8)))
        }

        /// The table's bytes. Of symbols at one address the one added first is kept.
        package func encoded() -> [UInt8] {
            var kept: [(offset: UInt32, name: [UInt8])] = []
            let sorted = symbols.enumerated().sorted {
                ($0.element.offset, $0.offset) < ($1.element.offset, $1.offset)
            }
            for (_, symbol) in sorted where kept.last?.offset != symbol.offset { kept.append(symbol) }
            var names: [UInt8] = []
            var entries: [UInt8] = []
            for symbol in kept {
                Self.append(symbol.offset, to: &entries)
                Self.append(UInt32(names.count), to: &entries)
                names += symbol.name + [0]
            }
            var table: [UInt8] = []
            Self.append(SymbolTableFormat.magic, to: &table)
            Self.append(UInt32(kept.count), to: &table)
            Self.append(base, to: &table)
            Self.append(extent, to: &table)
            Self.append(UInt32(names.count), to: &table)
            return table + entries + names
        }

        private static func append<Value: FixedWidthInteger>(_ value: Value, to bytes: inout [UInt8]) {
            for index in 0..<(Value.bitWidth / 8) { bytes.append(UInt8(truncatingIfNeeded: value >> (index * 8))) }
        }
    }
#endif
