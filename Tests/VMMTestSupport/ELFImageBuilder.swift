/// Makes small little-endian ELF64 images in memory: file header, program headers, notes, segment contents, and a symbol
/// table with its section headers if one is given. Nothing is checked, so that broken images can be made too.
package struct ELFImageBuilder {
    package struct Segment {
        package var virtualAddress: UInt64
        package var physicalAddress: UInt64
        package var content: [UInt8]
        package var memorySize: UInt64
        /// Overrides `content.count` in the header.
        package var fileSize: UInt64?

        package init(at address: UInt64, physical: UInt64? = nil, _ content: [UInt8], memorySize: UInt64? = nil) {
            virtualAddress = address
            physicalAddress = physical ?? address
            self.content = content
            self.memorySize = memorySize ?? UInt64(content.count)
        }
    }

    /// EM_X86_64 62, EM_AARCH64 183.
    package var machine: UInt16 = 62
    package var osABI: UInt8 = 0
    package var type: UInt16 = 2
    package var entry: UInt64
    package var segments: [Segment]
    package var notes: [(name: String, type: UInt32, descriptor: [UInt8])] = []
    package var symbols: (table: [UInt8], strings: [UInt8])?

    package init(entry: UInt64, segments: [Segment]) {
        self.entry = entry
        self.segments = segments
    }

    package static let swvmmNote = (name: "swvmm", type: UInt32(1), descriptor: [UInt8]([1, 0, 0, 0]))

    package static func pvhNote(_ entry: UInt32) -> (name: String, type: UInt32, descriptor: [UInt8]) {
        ("Xen", 18, entry.littleEndianBytes)
    }

    package func build() -> [UInt8] {
        let noteBytes = notes.flatMap(Self.encode)
        let headerCount = segments.count + (notes.isEmpty ? 0 : 1)
        var offset = UInt64(64 + 56 * headerCount)
        var programHeaders: [UInt8] = []
        var body: [UInt8] = []
        if !notes.isEmpty {
            programHeaders += Self.programHeader(
                type: 4, offset: offset, 0, 0, UInt64(noteBytes.count), 0, alignment: 4)
            body += noteBytes
            offset += UInt64(noteBytes.count)
        }
        for segment in segments {
            programHeaders += Self.programHeader(
                type: 1, offset: offset, segment.virtualAddress, segment.physicalAddress,
                segment.fileSize ?? UInt64(segment.content.count), segment.memorySize, alignment: 4096)
            body += segment.content
            offset += UInt64(segment.content.count)
        }
        var sectionOffset: UInt64 = 0
        if let symbols {
            let tableOffset = offset
            let stringsOffset = tableOffset + UInt64(symbols.table.count)
            body += symbols.table + symbols.strings
            sectionOffset = stringsOffset + UInt64(symbols.strings.count)
            body += [UInt8](repeating: 0, count: 64)
            body += Self.sectionHeader(type: 2, tableOffset, UInt64(symbols.table.count), link: 2)
            body += Self.sectionHeader(type: 3, stringsOffset, UInt64(symbols.strings.count), link: 0)
        }
        var file: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, osABI, 0, 0, 0, 0, 0, 0, 0, 0]
        file += type.littleEndianBytes + machine.littleEndianBytes + UInt32(1).littleEndianBytes
        file += entry.littleEndianBytes + UInt64(64).littleEndianBytes + sectionOffset.littleEndianBytes
        file += UInt32(0).littleEndianBytes
        for value in [64, 56, UInt16(headerCount), 64, symbols == nil ? 0 : 3, 0] { file += value.littleEndianBytes }
        return file + programHeaders + body
    }

    private static func programHeader(
        type: UInt32, offset: UInt64, _ virtual: UInt64, _ physical: UInt64, _ fileSize: UInt64, _ memorySize: UInt64,
        alignment: UInt64
    ) -> [UInt8] {
        type.littleEndianBytes + UInt32(7).littleEndianBytes
            + [offset, virtual, physical, fileSize, memorySize, alignment].flatMap(\.littleEndianBytes)
    }

    private static func sectionHeader(type: UInt32, _ offset: UInt64, _ size: UInt64, link: UInt32) -> [UInt8] {
        UInt32(0).littleEndianBytes + type.littleEndianBytes
            + [0, 0, offset, size].flatMap { (value: UInt64) in value.littleEndianBytes }
            + link.littleEndianBytes + UInt32(0).littleEndianBytes + UInt64(8).littleEndianBytes
            + UInt64(24).littleEndianBytes
    }

    private static func encode(_ note: (name: String, type: UInt32, descriptor: [UInt8])) -> [UInt8] {
        let name = Array(note.name.utf8) + [0]
        return UInt32(name.count).littleEndianBytes + UInt32(note.descriptor.count).littleEndianBytes
            + note.type.littleEndianBytes + padded(name) + padded(note.descriptor)
    }

    private static func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
    }
}

extension FixedWidthInteger {
    package var littleEndianBytes: [UInt8] {
        (0..<Self.bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> Self($0 * 8)) }
    }
}
