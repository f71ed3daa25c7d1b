/// A flattened device tree, read in place and within bounds whatever the bytes are.
///
/// A sequence of items in the order of the structure block; it ends at FDT_END or at the first thing that makes no sense.
/// Source: Devicetree Specification 0.4 §5 (version 17 of the format).
package struct DeviceTree<Memory: ByteSource>: Sequence, IteratorProtocol {
    package enum Item {
        /// A node begins: its name with unit address; the root's is empty.
        case begin(MemoryText<Memory>)
        case property(DeviceTreeProperty<Memory>)
        case end
    }

    /// 2 MiB: what the arm64 boot protocol allows; a longer tree is cut.
    package static var sizeLimit: UInt32 { 0x20_0000 }
    private static var nameLimit: Int { 255 }

    private let memory: Memory
    /// Where the tree is; it is memory in use.
    package let range: PhysicalRange
    /// CPU that boots (`boot_cpuid_phys`).
    package let bootCPU: UInt32
    private let strings: UInt64
    private let stringsSize: UInt32
    private let structure: UInt64
    private let structureSize: UInt32
    private let reservations: UInt64
    /// Offset of the next token in the structure block; nil at the end.
    private var position: UInt32?
    private var depth = 0

    /// - Returns: nil when there is no header, one of a format older than version 16, or blocks outside of the tree.
    package init?(memory: Memory, address: UInt64) {
        guard memory.bigEndian32(at: address) == 0xD00D_FEED, let total = memory.bigEndian32(at: address &+ 4),
            let structure = memory.bigEndian32(at: address &+ 8), let strings = memory.bigEndian32(at: address &+ 12),
            let reservations = memory.bigEndian32(at: address &+ 16),
            let version = memory.bigEndian32(at: address &+ 20), let compatible = memory.bigEndian32(at: address &+ 24),
            let bootCPU = memory.bigEndian32(at: address &+ 28),
            let stringsSize = memory.bigEndian32(at: address &+ 32),
            let declared = memory.bigEndian32(at: address &+ 36),
            version >= 16, compatible <= 17, total >= 40, structure & 3 == 0, structure < total, strings <= total,
            stringsSize <= total - strings, reservations <= total,
            !address.addingReportingOverflow(UInt64(total)).overflow
        else { return nil }
        // The size of the structure block came with version 17.
        let size = version >= 17 ? declared : .max
        self.memory = memory
        self.bootCPU = bootCPU
        self.strings = address + UInt64(strings)
        self.stringsSize = stringsSize
        self.structure = address + UInt64(structure)
        self.reservations = address + UInt64(reservations)
        range = PhysicalRange(start: address, size: UInt64(total))
        structureSize = Swift.min(size, total - structure, Self.sizeLimit)
        position = 0
    }

    package mutating func next() -> Item? {
        while let offset = position {
            position = nil
            guard structureSize >= 4, offset <= structureSize - 4,
                let token = memory.bigEndian32(at: structure + UInt64(offset))
            else { return nil }
            switch token {
            case 1: return begin(offset + 4)
            case 2:
                guard depth > 0 else { return nil }
                depth -= 1
                position = offset + 4
                return .end
            case 3: return property(offset + 4)
            case 4: position = offset + 4
            default: return nil
            }
        }
        return nil
    }

    private mutating func begin(_ offset: UInt32) -> Item? {
        guard let name = memory.text(at: structure + UInt64(offset), limit: Self.nameLimit) else { return nil }
        depth += 1
        position = (offset + UInt32(name.count) + 1 + 3) & ~3
        return .begin(name)
    }

    private mutating func property(_ offset: UInt32) -> Item? {
        guard depth > 0, structureSize - offset >= 8, let length = memory.bigEndian32(at: structure + UInt64(offset)),
            let name = memory.bigEndian32(at: structure + UInt64(offset) + 4), name < stringsSize,
            length <= structureSize - offset - 8
        else { return nil }
        position = (offset + 8 + length + 3) & ~3
        return .property(
            DeviceTreeProperty(
                memory: memory, nameAddress: strings + UInt64(name),
                address: structure + UInt64(offset) + 8, length: length))
    }

    /// The memory reservation block: ranges that are not to be used. At most 64 are read.
    package func forEachReservation(_ body: (PhysicalRange) -> Void) {
        var entry = reservations
        for _ in 0..<64 {
            guard let start = memory.bigEndian64(at: entry), let size = memory.bigEndian64(at: entry &+ 8),
                start != 0 || size != 0
            else { return }
            body(PhysicalRange(start: start, size: size))
            entry &+= 16
        }
    }
}

extension ByteSource {
    func bigEndian32(at address: UInt64) -> UInt32? {
        guard let value = word32(at: address) else { return nil }
        return value.byteSwapped
    }

    /// Two halves: cells are aligned to 4 bytes only.
    func bigEndian64(at address: UInt64) -> UInt64? {
        guard let high = bigEndian32(at: address), let low = bigEndian32(at: address &+ 4) else { return nil }
        return UInt64(high) << 32 | UInt64(low)
    }
}
