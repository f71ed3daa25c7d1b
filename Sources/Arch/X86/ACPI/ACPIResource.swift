internal import Boot

/// What a device occupies, or a bus passes on. Source: ACPI 6.4 §6.4.
enum ACPIResource: Sendable {
    /// Ports, decoded by all 16 bits.
    case ports(first: UInt16, count: UInt8)
    /// An edge-triggered input of the ISA bus, 0 to 15.
    case isaInterrupt(UInt32)
    /// A global system interrupt: level-triggered, active high, shared.
    case interrupt(UInt32)
    /// Registers in memory below 4 GiB.
    case memory(start: UInt32, size: UInt32)
    /// Buses behind a bridge.
    case buses(ClosedRange<UInt16>)
    /// Memory below 4 GiB that a bridge passes on.
    case memoryWindow(start: UInt32, size: UInt32)

    /// A resource template: the descriptors and the end tag.
    static func encode(_ resources: [ACPIResource]) -> [UInt8] {
        var writer = ByteWriter()
        for resource in resources { resource.append(to: &writer) }
        // A checksum of 0 counts as right. Source: §6.4.2.9.
        writer.append(UInt8(0x79))
        writer.append(UInt8(0))
        return writer.bytes
    }

    private func append(to writer: inout ByteWriter) {
        switch self {
        case .ports(let first, let count):
            // §6.4.2.5: I/O port descriptor.
            writer.append(contentsOf: [0x47, 0x01])
            writer.append(first)
            writer.append(first)
            writer.append(contentsOf: [0x01, count])
        case .isaInterrupt(let number):
            // §6.4.2.1: IRQ descriptor without flags: edge-triggered, active high.
            writer.append(UInt8(0x22))
            writer.append(UInt16(1) << UInt16(number & 0xF))
        case .interrupt(let number):
            // §6.4.3.6: extended interrupt descriptor. Consumer (0), shared (3); level (1) and active high (2) are zeros.
            writer.append(UInt8(0x89))
            writer.append(UInt16(6))
            writer.append(contentsOf: [0b1001, 1])
            writer.append(number)
        case .memory(let start, let size):
            // §6.4.3.4: 32-bit fixed memory range, writable.
            writer.append(UInt8(0x86))
            writer.append(UInt16(9))
            writer.append(UInt8(1))
            writer.append(start)
            writer.append(size)
        case .buses(let range):
            // §6.4.3.5.3: word address space. A bus number range (2) with fixed ends, produced.
            writer.append(UInt8(0x88))
            writer.append(UInt16(13))
            writer.append(contentsOf: [2, 0b1100, 0])
            let count = UInt16(clamping: Int(range.upperBound) - Int(range.lowerBound) + 1)
            for value in [0, range.lowerBound, range.upperBound, 0, count] { writer.append(value) }
        case .memoryWindow(let start, let size):
            // §6.4.3.5.2: double word address space. Memory (0) with fixed ends, produced, writable, not cached.
            writer.append(UInt8(0x87))
            writer.append(UInt16(23))
            writer.append(contentsOf: [0, 0b1100, 1])
            for value in [0, start, start &+ size &- 1, 0, size] { writer.append(value) }
        }
    }
}
