internal import Boot
package import VMMCore

/// What the machine says of itself: the 64-bit entry point, and the structures behind it.
///
/// Source: DMTF DSP0134 3.4.0 (SMBIOS) §5.2.2 and chapter 7.
package struct SMBIOSTables: Sendable {
    /// From the entry point's address on.
    package let bytes: [UInt8]
    /// Where in `bytes` the structures begin.
    package static let structuresOffset = 32
    private static let entrySize: UInt8 = 24

    /// What the tables tell of the machine.
    package struct Facts: Sendable {
        package var identity = SMBIOSIdentity()
        package var topology: CPUTopology
        package var memorySize: UInt64
        package var ramRanges: [GuestRange]

        package init(topology: CPUTopology, memorySize: UInt64, ramRanges: [GuestRange]) {
            self.topology = topology
            self.memorySize = memorySize
            self.ramRanges = ramRanges
        }
    }

    /// - Parameter address: a multiple of 16.
    package init(at address: UInt64, _ facts: Facts) {
        bytes = Self.image(Self.structures(facts), at: address)
    }

    /// The tables as `dmidecode --from-dump` reads them from a file, where addresses are offsets.
    package var dump: [UInt8] { Self.image(Array(bytes.dropFirst(Self.structuresOffset)), at: 0) }

    private static func image(_ structures: [UInt8], at address: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(contentsOf: "_SM3_".utf8)
        // Checksum, length, version 3.4, revision of the document, and of the entry point.
        writer.append(contentsOf: [0, entrySize, 3, 4, 0, 1, 0])
        writer.append(UInt32(clamping: structures.count))
        writer.append(address + UInt64(structuresOffset))
        writer.patch(ACPIChecksum.of(writer.bytes), at: 5)
        writer.pad(to: structuresOffset)
        writer.append(contentsOf: structures)
        return writer.bytes
    }

    private static func structures(_ facts: Facts) -> [UInt8] {
        var all = firmware.finished() + system(facts.identity).finished() + chassis(facts.identity).finished()
        for socket in 0..<facts.topology.sockets { all += processor(socket, facts.topology).finished() }
        if !facts.identity.oemStrings.isEmpty { all += oemStrings(facts.identity.oemStrings).finished() }
        all += memoryArray(facts.memorySize).finished() + memoryDevice(facts.memorySize).finished()
        for (index, range) in facts.ramRanges.enumerated() { all += mappedMemory(index, range).finished() }
        var boot = SMBIOSStructure(type: 32, handle: Handle.boot)
        // Reserved; no errors.
        boot.append(contentsOf: [0, 0, 0, 0, 0, 0, 0])
        return all + boot.finished() + SMBIOSStructure(type: 127, handle: Handle.end).finished()
    }

    /// By which structures name each other: each type has a range of its own.
    private enum Handle {
        static let firmware: UInt16 = 0x0000
        static let system: UInt16 = 0x0100
        static let chassis: UInt16 = 0x0300
        static let processor: UInt16 = 0x0400
        static let oemStrings: UInt16 = 0x0B00
        static let memoryArray: UInt16 = 0x1000
        static let memoryDevice: UInt16 = 0x1100
        static let mappedMemory: UInt16 = 0x1300
        static let boot: UInt16 = 0x2000
        static let end: UInt16 = 0x7F00
        /// There is no such structure.
        static let none: UInt16 = 0xFFFF
        /// No structure tells of errors.
        static let noErrors: UInt16 = 0xFFFE
    }
}

// MARK: - The machine

extension SMBIOSTables {
    /// §7.1, BIOS Information.
    private static var firmware: SMBIOSStructure {
        var structure = SMBIOSStructure(type: 0, handle: Handle.firmware)
        for text in ["swvmm", "0"] { structure.append(text) }
        structure.append(UInt16(0xE000))
        structure.append("01/01/2026")
        // 64 KiB. Characteristics: "not supported" (3). Extension: ACPI (0 of the first byte), a virtual machine (4 of the second).
        structure.append(UInt8(0))
        structure.append(UInt64(1 << 3))
        structure.append(contentsOf: [1 << 0, 1 << 4])
        // Release, and that of an embedded controller: none.
        structure.append(contentsOf: [0, 0, 0xFF, 0xFF])
        structure.append(UInt16(0))
        return structure
    }

    /// §7.2, System Information.
    private static func system(_ identity: SMBIOSIdentity) -> SMBIOSStructure {
        var structure = SMBIOSStructure(type: 1, handle: Handle.system)
        for text in [identity.manufacturer, identity.product, identity.version, identity.serial] {
            structure.append(text)
        }
        structure.append(contentsOf: uuid(identity.uuid))
        // Woken by its power switch.
        structure.append(UInt8(6))
        for text in [identity.sku, identity.family] { structure.append(text) }
        return structure
    }

    /// §7.2.1: the first three fields are little-endian. All zeros: there is none.
    private static func uuid(_ bytes: [UInt8]?) -> [UInt8] {
        guard let bytes, bytes.count == 16 else { return Array(repeating: 0, count: 16) }
        var fields = Array(bytes[0..<4].reversed())
        fields += bytes[4..<6].reversed()
        fields += bytes[6..<8].reversed()
        return fields + bytes[8...]
    }

    /// §7.4, System Enclosure: of no known kind, its states safe, no contained elements.
    private static func chassis(_ identity: SMBIOSIdentity) -> SMBIOSStructure {
        var structure = SMBIOSStructure(type: 3, handle: Handle.chassis)
        structure.append(identity.manufacturer)
        structure.append(UInt8(1))
        for text in [identity.version, identity.serial, ""] { structure.append(text) }
        structure.append(contentsOf: [3, 3, 3, 2])
        structure.append(UInt32(0))
        structure.append(contentsOf: [0, 0, 0, 0])
        structure.append(identity.sku)
        return structure
    }

    /// §7.12, OEM Strings.
    private static func oemStrings(_ texts: [String]) -> SMBIOSStructure {
        var structure = SMBIOSStructure(type: 11, handle: Handle.oemStrings)
        structure.append(UInt8(clamping: texts.count))
        for text in texts { _ = structure.add(text) }
        return structure
    }

    /// §7.5, Processor Information: a socket. What CPUID tells better is left open.
    private static func processor(_ socket: Int, _ topology: CPUTopology) -> SMBIOSStructure {
        var structure = SMBIOSStructure(type: 4, handle: Handle.processor + UInt16(clamping: socket))
        structure.append("CPU \(socket)")
        // A central processor of another family than those of the table.
        structure.append(contentsOf: [3, 1])
        structure.append("swvmm")
        structure.append(UInt64(0))
        structure.append("virtual")
        // Voltage, clock, and speeds: unknown. Socket populated, CPU enabled; no upgrade.
        structure.append(UInt8(0))
        for _ in 0..<3 { structure.append(UInt16(0)) }
        structure.append(contentsOf: [0x41, 6])
        for _ in 0..<3 { structure.append(Handle.none) }
        // Serial number, asset tag, part number.
        structure.append(contentsOf: [0, 0, 0])
        let counts = [topology.cores, topology.cores, topology.cpusOfSocket]
        for count in counts { structure.append(UInt8(clamping: count)) }
        // 64-bit (2), several cores (3), several threads a core (4).
        let many: UInt16 = topology.cores > 1 ? 1 << 3 : 0
        structure.append(1 << 2 | many | (topology.threads > 1 ? 1 << 4 : 0))
        structure.append(UInt16(1))
        for count in counts { structure.append(UInt16(clamping: count)) }
        return structure
    }
}

// MARK: - Memory

extension SMBIOSTables {
    /// §7.17, Physical Memory Array: the system's, without error correction.
    private static func memoryArray(_ size: UInt64) -> SMBIOSStructure {
        var structure = SMBIOSStructure(type: 16, handle: Handle.memoryArray)
        structure.append(contentsOf: [1, 3, 3])
        // In KiB, or the field behind tells.
        let isSmall = size >> 10 < 0x8000_0000
        structure.append(isSmall ? UInt32(clamping: size >> 10) : 0x8000_0000)
        structure.append(Handle.noErrors)
        structure.append(UInt16(1))
        structure.append(isSmall ? UInt64(0) : size)
        return structure
    }

    /// §7.18, Memory Device: all of RAM as one.
    private static func memoryDevice(_ size: UInt64) -> SMBIOSStructure {
        var structure = SMBIOSStructure(type: 17, handle: Handle.memoryDevice)
        structure.append(Handle.memoryArray)
        structure.append(Handle.noErrors)
        // Widths unknown.
        for _ in 0..<2 { structure.append(UInt16(0xFFFF)) }
        let mebibytes = UInt32(clamping: size >> 20)
        structure.append(mebibytes < 0x7FFF ? UInt16(clamping: mebibytes) : 0x7FFF)
        // Form factor "other", in no set.
        structure.append(contentsOf: [1, 0])
        structure.append("RAM")
        structure.append("")
        // RAM, of the kind "other"; speed unknown.
        structure.append(UInt8(7))
        for value: UInt16 in [1 << 1, 0] { structure.append(value) }
        structure.append("swvmm")
        // Serial number, asset tag, part number; attributes.
        structure.append(contentsOf: [0, 0, 0, 0])
        structure.append(mebibytes < 0x7FFF ? UInt32(0) : mebibytes)
        // Configured speed and voltages: unknown.
        for _ in 0..<4 { structure.append(UInt16(0)) }
        return structure
    }

    /// §7.20, Memory Array Mapped Address. Ranges are of whole pages, below 4 TiB, so KiB do.
    private static func mappedMemory(_ index: Int, _ range: GuestRange) -> SMBIOSStructure {
        var structure = SMBIOSStructure(type: 19, handle: Handle.mappedMemory + UInt16(clamping: index))
        structure.append(UInt32(clamping: range.start.rawValue >> 10))
        structure.append(UInt32(clamping: (range.end.rawValue >> 10) - 1))
        structure.append(Handle.memoryArray)
        structure.append(UInt8(1))
        for _ in 0..<2 { structure.append(UInt64(0)) }
        return structure
    }
}
