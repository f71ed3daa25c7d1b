/// A boot image: its bytes and what they are.
package struct BootImage: Sendable {
    package let contents: ImageBytes
    package let format: ImageFormat

    /// Looks at the bytes. Never fails: what cannot be booted is told by `support(on:)`.
    package init(_ bytes: [UInt8]) {
        contents = ImageBytes(bytes)
        format = ImageSniffer.identify(contents)
    }

    /// The architecture that the format tells, where it tells one.
    package var architecture: ImageArchitecture? {
        switch format {
        case .elf64(let identity), .elf32(let identity): identity.architecture
        case .linuxBzImage: .x86_64
        case .linuxARM64Image: .aarch64
        case .pe(let architecture): architecture
        case .empty, .truncatedELF, .compressed, .efiZboot, .disk, .qcow2, .unknown: nil
        }
    }

    /// Whether this version boots the image on a machine of `machine`'s kind, and how.
    package func support(on machine: ImageArchitecture) -> ImageSupport {
        do throws(BootImageError) {
            if machine == .aarch64, let kernel = try linuxARM64() {
                try kernel.validate()
                return .bootable(.linuxARM64)
            }
            let elf = try elf(for: machine)
            let bootProtocol = elf.bootProtocol
            // arm64: a FreeBSD kernel wants virtual addresses in its metadata, a plain ELF has no entry convention.
            guard machine == .x86_64 || elf.wantsMetadata else {
                throw .protocolNotSupported(bootProtocol, machine)
            }
            return .bootable(bootProtocol)
        } catch {
            return .refused(error)
        }
    }

    /// The image as a checked ELF executable for `machine`, or the reason why it is none.
    package func elf(for machine: ImageArchitecture) throws(BootImageError) -> ELFImage {
        if let architecture, architecture != machine {
            throw .foreignArchitecture(found: architecture, wanted: machine, offset: architectureOffset)
        }
        switch format {
        case .truncatedELF(let length):
            throw .truncated(.fileHeader, offset: 0, needed: ELFImage.headerSize, size: UInt64(length))
        case .elf64:
            return try ELFImage(contents)
        default:
            throw .unsupportedFormat(format, offset: ImageSniffer.tellingOffset(format))
        }
    }

    /// The header of a Linux arm64 Image, or nil when this is something else.
    package func linuxARM64() throws(BootImageError) -> LinuxARM64Header? {
        guard case .linuxARM64Image(let header) = format else { return nil }
        return header
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
