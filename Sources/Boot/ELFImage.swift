/// A checked little-endian ELF executable of 64 bits, or of 32 where that is asked for: what to load, where, and where to start. Nothing in it is taken on trust.
///
/// Source: System V gABI, chapter 4 ("ELF Header", "Program Header", "Note Section").
package struct ELFImage: Sendable {
    /// A PT_LOAD segment of at least one byte of memory.
    package struct Segment: Hashable, Sendable {
        /// Its number among the program headers.
        package let index: Int
        package let virtualAddress: UInt64
        package let physicalAddress: UInt64
        /// Which bytes of the image it starts with; the rest of `memorySize` is zero.
        package let fileRange: Range<Int>
        /// At least 1, at least `fileRange.count`; neither address wraps.
        package let memorySize: UInt64
        /// PF_X 1, PF_W 2, PF_R 4.
        package let flags: UInt32
    }

    package let architecture: ImageArchitecture
    package let osABI: UInt8
    /// e_entry.
    package let entry: UInt64
    package let segments: [Segment]
    package let notes: [ELFNote]
    /// p_vaddr of PT_DYNAMIC.
    package let dynamicAddress: UInt64?
    /// The file header, of 64 bytes in an ELF64 file.
    package let header: [UInt8]

    /// Loadable segments at most: a kernel has 2 to 8. The cap keeps the overlap check, which is quadratic, short.
    package static let maximumSegments = 128
    /// A file of more is no kernel; the cap bounds what inspecting a hostile file costs.
    package static let maximumImageSize: UInt64 = 4 << 30

    static let headerSize = ELFLayout.class64.headerSize

    package init(_ image: ImageBytes) throws(BootImageError) { try self.init(image, .class64) }

    /// An ELF32 file.
    package init(narrow image: ImageBytes) throws(BootImageError) { try self.init(image, .class32) }

    private init(_ image: ImageBytes, _ layout: ELFLayout) throws(BootImageError) {
        guard image.count <= Self.maximumImageSize else {
            throw .imageTooLarge(size: image.count, limit: Self.maximumImageSize)
        }
        guard let header = image.slice(at: 0, count: layout.headerSize) else {
            throw .truncated(.fileHeader, offset: 0, needed: layout.headerSize, size: image.count)
        }
        self.header = Array(header)
        try Self.checkIdentification(image, layout)
        osABI = try image.field(UInt8.self, at: 7, of: .fileHeader)
        architecture = ImageArchitecture(elfMachine: try image.field(UInt16.self, at: 18, of: .fileHeader))
        entry = try layout.word(at: 24, of: .fileHeader, in: image)

        let headers = try ProgramHeader.all(of: image, layout)
        var segments: [Segment] = []
        var notes: [ELFNote] = []
        for header in headers {
            switch header.type {
            case ProgramHeader.load where header.memorySize > 0 || header.fileSize > 0:
                segments.append(try Segment(header, of: image))
            case ProgramHeader.note:
                let limit = ELFNote.maximumCount - notes.count
                notes.append(contentsOf: try ELFNote.parse(header, of: image, limit: limit))
            default: break
            }
        }
        guard !segments.isEmpty else { throw .noLoadableSegments }
        guard segments.count <= Self.maximumSegments else {
            throw .tooManySegments(count: segments.count, limit: Self.maximumSegments)
        }
        self.segments = segments
        self.notes = notes
        dynamicAddress = headers.first { $0.type == ProgramHeader.dynamic }?.virtualAddress
    }

    private static func checkIdentification(_ image: ImageBytes, _ layout: ELFLayout) throws(BootImageError) {
        let fileClass = try image.field(UInt8.self, at: 4, of: .fileHeader)
        guard fileClass == layout.fileClass else { throw .badField(.ei_class, offset: 4, value: UInt64(fileClass)) }
        let data = try image.field(UInt8.self, at: 5, of: .fileHeader)
        guard data == 1 else { throw .badField(.ei_data, offset: 5, value: UInt64(data)) }
        let version = try image.field(UInt8.self, at: 6, of: .fileHeader)
        guard version == 1 else { throw .badField(.ei_version, offset: 6, value: UInt64(version)) }
        // ET_EXEC 2, ET_DYN 3.
        let type = try image.field(UInt16.self, at: 16, of: .fileHeader)
        guard type == 2 || type == 3 else { throw .badField(.e_type, offset: 16, value: UInt64(type)) }
    }
}

extension ELFImage {
    /// The address in guest memory of a virtual address of the image, when a segment has it.
    package func physicalAddress(ofVirtual address: UInt64) -> UInt64? {
        for segment in segments where segment.holdsVirtual(address) {
            return segment.physicalAddress + (address - segment.virtualAddress)
        }
        return nil
    }

    package func hasPhysical(_ address: UInt64) -> Bool {
        segments.contains { address >= $0.physicalAddress && address - $0.physicalAddress < $0.memorySize }
    }
}

extension ELFImage.Segment {
    fileprivate init(_ header: ProgramHeader, of image: ImageBytes) throws(BootImageError) {
        guard header.fileSize <= header.memorySize else {
            throw .segmentFileExceedsMemory(
                index: header.index, fileSize: header.fileSize, memorySize: header.memorySize, offset: header.offset)
        }
        guard let range = image.range(at: header.fileOffset, count: header.fileSize) else {
            throw .truncated(
                .segment(index: header.index), offset: header.fileOffset, needed: header.fileSize, size: image.count)
        }
        for address in [header.physicalAddress, header.virtualAddress]
        where address.addingReportingOverflow(header.memorySize - 1).overflow {
            throw .segmentWraps(
                index: header.index, address: address, size: header.memorySize, offset: header.offset)
        }
        index = header.index
        virtualAddress = header.virtualAddress
        physicalAddress = header.physicalAddress
        fileRange = range
        memorySize = header.memorySize
        flags = header.flags
    }

    package func holdsVirtual(_ address: UInt64) -> Bool {
        address >= virtualAddress && address - virtualAddress < memorySize
    }
}

/// One entry of the program header table, unchecked but for being in the file.
struct ProgramHeader {
    static let load: UInt32 = 1
    static let dynamic: UInt32 = 2
    static let note: UInt32 = 4

    let index: Int
    /// Where the entry itself is in the file.
    let offset: UInt64
    let type: UInt32
    let flags: UInt32
    let fileOffset: UInt64
    let virtualAddress: UInt64
    let physicalAddress: UInt64
    let fileSize: UInt64
    let memorySize: UInt64
    let alignment: UInt64

    static func all(of image: ImageBytes, _ layout: ELFLayout) throws(BootImageError) -> [ProgramHeader] {
        let table = try layout.word(at: layout.tableOffset, of: .fileHeader, in: image)
        let entrySize = try image.field(UInt16.self, at: layout.entrySizeOffset, of: .fileHeader)
        let count = try image.field(UInt16.self, at: layout.entrySizeOffset + 2, of: .fileHeader)
        guard count > 0 else { throw .noLoadableSegments }
        guard UInt64(entrySize) == layout.programHeaderSize else {
            throw .badField(.e_phentsize, offset: layout.entrySizeOffset, value: UInt64(entrySize))
        }
        let size = UInt64(count) * UInt64(entrySize)
        guard image.range(at: table, count: size) != nil else {
            throw .truncated(.programHeaders, offset: table, needed: size, size: image.count)
        }
        var headers: [ProgramHeader] = []
        headers.reserveCapacity(Int(count))
        for index in 0..<Int(count) {
            headers.append(try ProgramHeader(index, at: table + UInt64(index) * UInt64(entrySize), of: image, layout))
        }
        return headers
    }

    private init(
        _ index: Int, at offset: UInt64, of image: ImageBytes, _ layout: ELFLayout
    ) throws(BootImageError) {
        self.index = index
        self.offset = offset
        let fields = layout.fields
        type = try image.field(UInt32.self, at: offset, of: .programHeaders)
        flags = try image.field(UInt32.self, at: offset + fields.flags, of: .programHeaders)
        fileOffset = try layout.word(at: offset + fields.offset, of: .programHeaders, in: image)
        virtualAddress = try layout.word(at: offset + fields.virtual, of: .programHeaders, in: image)
        physicalAddress = try layout.word(at: offset + fields.physical, of: .programHeaders, in: image)
        fileSize = try layout.word(at: offset + fields.file, of: .programHeaders, in: image)
        memorySize = try layout.word(at: offset + fields.memory, of: .programHeaders, in: image)
        alignment = try layout.word(at: offset + fields.align, of: .programHeaders, in: image)
    }
}

extension ImageBytes {
    /// A field of an ELF structure; past the end of the file it is an error that names the structure.
    func field<Value: FixedWidthInteger & UnsignedInteger>(
        _ type: Value.Type, at offset: UInt64, of part: ELFPart
    ) throws(BootImageError) -> Value {
        guard let value = load(type, at: offset) else {
            throw .truncated(part, offset: offset, needed: UInt64(Value.bitWidth / 8), size: count)
        }
        return value
    }
}
