internal import Decompression

/// A boot image: its bytes, unpacked where they were packed, and what they are.
package struct BootImage: Sendable {
    /// What is booted.
    package let contents: ImageBytes
    package let format: ImageFormat
    /// What `contents` were packed in, the outermost first.
    package let wrappings: [ImageFormat]
    /// The size of the file.
    package let fileSize: UInt64
    /// Why `contents` could not be unpacked.
    private let unpackingError: BootImageError?

    /// A zboot kernel, a bzImage, or an Image, in a compressed file: two layers, and no more.
    private static let maximumWrappings = 2
    /// Far above any kernel; the cap bounds what a hostile file makes the host allocate.
    package static let maximumUnpackedSize = 1 << 30

    /// Looks at the bytes. Never fails: what cannot be booted is told by `support(on:)`.
    package init(_ file: ImageBytes) {
        var contents = file
        var format = ImageSniffer.identify(contents)
        var wrappings: [ImageFormat] = []
        var problem: BootImageError?
        do throws(BootImageError) {
            while wrappings.count < Self.maximumWrappings, let unpacked = try Self.unpack(contents, format) {
                wrappings.append(format)
                contents = ImageBytes(unpacked)
                format = ImageSniffer.identify(contents)
            }
        } catch {
            problem = error
        }
        self.contents = contents
        self.format = format
        self.wrappings = wrappings
        unpackingError = problem
        fileSize = file.count
    }

    package init(_ bytes: [UInt8]) { self.init(ImageBytes(bytes)) }

    /// Bytes that are loaded as they are.
    package init(raw bytes: ImageBytes) {
        contents = bytes
        format = bytes.isEmpty ? .empty : .raw
        wrappings = []
        unpackingError = nil
        fileSize = bytes.count
    }

    /// What is in a packed image, or nil for one that is not packed.
    private static func unpack(_ image: ImageBytes, _ format: ImageFormat) throws(BootImageError) -> [UInt8]? {
        let range: Range<Int>
        let compression: Compression
        switch format {
        case .compressed(let found):
            (range, compression) = (image.indices, found)
        case .linuxBzImage(let header):
            try header.validate(fileSize: image.count)
            guard let payload = try header.payload(in: image) else { return nil }
            guard let found = Compression(startOf: image.start(of: payload)) else {
                guard LinuxSetupHeader.unpacksItself(image.start(of: payload)) else {
                    throw .unknownCompression(name: "?", offset: UInt64(payload.lowerBound))
                }
                return nil
            }
            // The kernel's own decompressor is quicker at this one, and needs no memory beside the guest's.
            guard found != .lz4 else { return nil }
            (range, compression) = (payload, found)
        case .efiZboot(let offset, let size, let name):
            guard size > 0, let payload = image.range(at: UInt64(offset), count: UInt64(size)) else {
                throw .badPayload(offset: 8, start: UInt64(offset), needed: UInt64(size), size: image.count)
            }
            // The bytes tell, not the name: it is "xzkern" or "zstd22" from some kernels.
            guard let found = Compression(startOf: image.start(of: payload)) else {
                throw .unknownCompression(name: name, offset: UInt64(offset))
            }
            (range, compression) = (payload, found)
        default: return nil
        }
        return try unpack(range, of: image, compression)
    }

    private static func unpack(
        _ range: Range<Int>, of image: ImageBytes, _ compression: Compression
    ) throws(BootImageError) -> [UInt8] {
        let packed = try image.whole()
        do throws(DecompressionError) {
            return try compression.decompress(packed, in: range, limit: maximumUnpackedSize)
        } catch {
            throw .packed(compression, error)
        }
    }

    /// The kernel without anything that it is packed in, where that can be unpacked here.
    package func unpackedKernel() throws(BootImageError) -> [UInt8] {
        if let unpackingError { throw unpackingError }
        guard case .linuxBzImage(let header) = format, let payload = try header.payload(in: contents),
            let compression = Compression(startOf: contents.start(of: payload))
        else { return try contents.whole() }
        return try Self.unpack(payload, of: contents, compression)
    }

    /// The setup header of a bzImage, whose kernel `contents` is, or which `contents` itself is where it unpacks itself.
    package var linuxSetup: LinuxSetupHeader? {
        for case .linuxBzImage(let header) in wrappings + [format] { return header }
        return nil
    }

    /// Whether the kernel is Linux: its format says so, or a note in its ELF file.
    package func isLinux(on machine: ImageArchitecture) -> Bool {
        if linuxSetup != nil { return true }
        if case .linuxARM64Image = format { return true }
        return (try? elf(for: machine))?.notes.contains { $0.name == ELFNote.linuxName } ?? false
    }

    /// The architecture that the format tells, where it tells one.
    package var architecture: ImageArchitecture? {
        switch format {
        case .elf32 where multibootHeader != nil: .x86_64
        case .elf64(let identity), .elf32(let identity): identity.architecture
        case .linuxBzImage, .multiboot: .x86_64
        case .linuxARM64Image: .aarch64
        case .pe(let architecture): architecture
        case .empty, .truncatedELF, .compressed, .efiZboot, .disk, .qcow2, .raw, .unknown: nil
        }
    }

    /// Whether this version boots the image on a machine of `machine`'s kind, and how.
    package func support(on machine: ImageArchitecture) -> ImageSupport {
        do throws(BootImageError) {
            return .bootable(try bootProtocol(on: machine))
        } catch {
            return .refused(error)
        }
    }

    private func bootProtocol(on machine: ImageArchitecture) throws(BootImageError) -> BootProtocol {
        if format == .raw {
            guard machine == .aarch64 else { throw .rawNotSupported(machine) }
            return .bareARM64
        }
        if machine == .aarch64, let kernel = try linuxARM64() {
            try kernel.validate()
            return .linuxARM64
        }
        if machine == .x86_64, linuxSetup != nil {
            if let unpackingError { throw unpackingError }
            if format.isELF { _ = try elf(for: machine) }
            return .linux64
        }
        if machine == .x86_64, let header = multibootHeader {
            if let unpackingError { throw unpackingError }
            try header.validate()
            return .multiboot
        }
        let elf = try elf(for: machine)
        guard machine == .aarch64, !elf.wantsMetadata else { return elf.bootProtocol }
        return .bareARM64
    }

    /// The image as a checked ELF executable for `machine`, or the reason why it is none.
    package func elf(for machine: ImageArchitecture) throws(BootImageError) -> ELFImage {
        if let architecture, architecture != machine {
            throw .foreignArchitecture(found: architecture, wanted: machine, offset: architectureOffset)
        }
        if let unpackingError { throw unpackingError }
        switch format {
        case .truncatedELF(let length):
            throw .truncated(.fileHeader, offset: 0, needed: ELFImage.headerSize, size: UInt64(length))
        case .elf64:
            return try ELFImage(contents)
        default:
            throw .unsupportedFormat(format, offset: ImageSniffer.tellingOffset(format))
        }
    }

    /// The multiboot header of an image that is entered by it; nil: it has none, or says of another way in.
    package var multibootHeader: MultibootHeader? {
        switch format {
        case .multiboot(let header): return header
        case .elf32(let identity):
            guard identity.architecture == .elfMachine(Self.i386), identity.isLittleEndian else { return nil }
            return MultibootHeader(contents)
        case .elf64(let identity):
            // One with an entry of its own in the header has 64-bit code at the ELF file's, as OSv's loader has.
            guard identity.architecture == .x86_64, let header = MultibootHeader(contents), header.addresses == nil,
                let elf = try? ELFImage(contents), elf.bootProtocol == .elf64Entry
            else { return nil }
            return header
        default: return nil
        }
    }

    /// EM_386.
    private static let i386: UInt16 = 3

    /// The ELF file that a multiboot header is in.
    package func multibootELF() throws(BootImageError) -> ELFImage {
        if case .elf32 = format { return try ELFImage(narrow: contents) }
        return try elf(for: .x86_64)
    }

    /// The header of a Linux arm64 Image, or nil when this is something else. A file that ends too early is an error.
    package func linuxARM64() throws(BootImageError) -> LinuxARM64Header? {
        guard case .linuxARM64Image(let header) = format else { return nil }
        if let end = endOfSections, end > contents.count {
            throw .truncatedKernel(needed: end, size: contents.count)
        }
        return header
    }

    /// Where the last section of a PE file ends; nil when the file has no PE header. At most 96 sections are possible.
    /// Source: Microsoft PE format, "COFF File Header" and "Section Table".
    private var endOfSections: UInt64? {
        guard contents.has(Array("MZ".utf8), at: 0), let offset = contents.load(UInt32.self, at: 60) else { return nil }
        let header = UInt64(offset)
        guard contents.has([0x50, 0x45, 0, 0], at: header), let count = contents.load(UInt16.self, at: header + 6),
            let optionalSize = contents.load(UInt16.self, at: header + 20)
        else { return nil }
        let table = header + 24 + UInt64(optionalSize)
        return (0..<UInt64(min(count, 96))).reduce(0) { end, index in
            let section = table + index * 40
            guard let size = contents.load(UInt32.self, at: section + 16),
                let start = contents.load(UInt32.self, at: section + 20)
            else { return max(end, section + 40) }
            return max(end, UInt64(start) + UInt64(size))
        }
    }

    /// Where in the file the architecture is written.
    private var architectureOffset: UInt64 {
        switch format {
        case .elf64, .elf32: 18
        case .pe: UInt64(contents.load(UInt32.self, at: 60) ?? 0) + 4
        default: ImageSniffer.tellingOffset(format)
        }
    }
}

extension ImageFormat {
    fileprivate var isELF: Bool {
        switch self {
        case .elf64, .elf32, .truncatedELF: true
        default: false
        }
    }
}
