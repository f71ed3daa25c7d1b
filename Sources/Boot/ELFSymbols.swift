/// The symbols of a kernel as FreeBSD's loader passes them between SSYM and ESYM: a 64-bit size and the symbol table,
/// padded to 8 bytes, then a 64-bit size and the string table, padded to 8 bytes.
///
/// Source: FreeBSD stand/common/load_elf.c, elf_loadimage.
package enum ELFSymbols {
    private static let sectionHeaderSize: UInt64 = 64
    private static let symbolTable: UInt32 = 2
    private static let stringTable: UInt32 = 3

    /// Nil when the image has no section headers, or no symbol table outside its segments.
    package static func extract(_ image: ImageBytes, segments: [ELFImage.Segment]) throws(BootImageError) -> [UInt8]? {
        let table = try image.field(UInt64.self, at: 40, of: .fileHeader)
        let entrySize = try image.field(UInt16.self, at: 58, of: .fileHeader)
        let count = try image.field(UInt16.self, at: 60, of: .fileHeader)
        guard table != 0, count > 0 else { return nil }
        guard UInt64(entrySize) == sectionHeaderSize else {
            throw .badField(.e_shentsize, offset: 58, value: UInt64(entrySize))
        }
        guard image.range(at: table, count: UInt64(count) * sectionHeaderSize) != nil else {
            throw .truncated(
                .sectionHeaders, offset: table, needed: UInt64(count) * sectionHeaderSize, size: image.count)
        }
        // The last one counts, as in FreeBSD's loader; one inside a segment is loaded already.
        var found: (offset: UInt64, symbols: Range<Int>)?
        for index in 0..<UInt64(count) {
            let offset = table + index * sectionHeaderSize
            guard try image.field(UInt32.self, at: offset + 4, of: .sectionHeaders) == symbolTable else { continue }
            let symbols = try contents(ofSectionAt: offset, image, .symbolTable)
            let isLoaded = segments.contains {
                $0.fileRange.lowerBound <= symbols.lowerBound && symbols.upperBound <= $0.fileRange.upperBound
            }
            if !isLoaded && !symbols.isEmpty { found = (offset, symbols) }
        }
        guard let found else { return nil }
        let link = try image.field(UInt32.self, at: found.offset + 40, of: .sectionHeaders)
        guard link < UInt32(count) else { throw .badField(.sh_link, offset: found.offset + 40, value: UInt64(link)) }
        let stringsOffset = table + UInt64(link) * sectionHeaderSize
        let type = try image.field(UInt32.self, at: stringsOffset + 4, of: .sectionHeaders)
        guard type == stringTable else { throw .badField(.sh_type, offset: stringsOffset + 4, value: UInt64(type)) }
        let strings = try contents(ofSectionAt: stringsOffset, image, .stringTable)

        var writer = ByteWriter()
        for part in [found.symbols, strings] {
            writer.append(UInt64(part.count))
            writer.append(contentsOf: try image.read(part))
            writer.pad(to: 8)
        }
        return writer.bytes
    }

    private static func contents(
        ofSectionAt header: UInt64, _ image: ImageBytes, _ part: ELFPart
    ) throws(BootImageError) -> Range<Int> {
        let offset = try image.field(UInt64.self, at: header + 24, of: .sectionHeaders)
        let size = try image.field(UInt64.self, at: header + 32, of: .sectionHeaders)
        guard let range = image.range(at: offset, count: size) else {
            throw .truncated(part, offset: offset, needed: size, size: image.count)
        }
        return range
    }
}
