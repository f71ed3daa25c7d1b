internal import Decompression

/// Tells what an image is from its bytes; its name plays no part. Reads any bytes, never fails.
package enum ImageSniffer {
    package static func identify(_ image: ImageBytes) -> ImageFormat {
        guard image.count > 0 else { return .empty }
        // Order matters: a Linux kernel with an EFI stub is a PE file too, and any of them may end in a boot signature.
        return elf(image) ?? bzImage(image) ?? arm64Image(image) ?? portableExecutable(image) ?? compressed(image)
            ?? qcow2(image) ?? disk(image) ?? multiboot(image)
            ?? .unknown(firstBytes: Array(image.start(of: image.indices)))
    }

    /// Where the bytes are that told the format: what a refusal points at.
    package static func tellingOffset(_ format: ImageFormat) -> UInt64 {
        switch format {
        case .linuxBzImage: 0x202
        case .linuxARM64Image: 56
        case .efiZboot: 4
        case .disk(.mbr): 510
        case .disk(.gpt(let sectorSize)): UInt64(sectorSize)
        case .elf32: 4
        case .multiboot(let header): header.offset
        case .empty, .truncatedELF, .elf64, .compressed, .pe, .qcow2, .raw, .unknown: 0
        }
    }

    private static func elf(_ image: ImageBytes) -> ImageFormat? {
        guard image.has([0x7F, 0x45, 0x4C, 0x46], at: 0) else { return nil }
        guard let fileClass = image.load(UInt8.self, at: 4), let data = image.load(UInt8.self, at: 5),
            let osABI = image.load(UInt8.self, at: 7), let machine = image.load(UInt16.self, at: 18)
        else { return .truncatedELF(length: image.indices.count) }
        // ELFDATA2MSB is 2: then e_machine is big-endian too.
        let identity = ELFIdentity(
            architecture: ImageArchitecture(elfMachine: data == 2 ? machine.byteSwapped : machine),
            isLittleEndian: data == 1, osABI: osABI)
        return fileClass == 1 ? .elf32(identity) : .elf64(identity)
    }

    private static func bzImage(_ image: ImageBytes) -> ImageFormat? {
        LinuxSetupHeader(image).map { .linuxBzImage($0) }
    }

    private static func arm64Image(_ image: ImageBytes) -> ImageFormat? {
        guard image.has([0x41, 0x52, 0x4D, 0x64], at: 56), let textOffset = image.load(UInt64.self, at: 8),
            let imageSize = image.load(UInt64.self, at: 16), let flags = image.load(UInt64.self, at: 24)
        else { return nil }
        return .linuxARM64Image(LinuxARM64Header(textOffset: textOffset, imageSize: imageSize, flags: flags))
    }

    private static func portableExecutable(_ image: ImageBytes) -> ImageFormat? {
        guard image.has(Array("MZ".utf8), at: 0) else { return nil }
        if image.has(Array("zimg".utf8), at: 4), let offset = image.load(UInt32.self, at: 8),
            let size = image.load(UInt32.self, at: 12)
        {
            let compression = image.text(at: 24, limit: 32) ?? ""
            return .efiZboot(payloadOffset: offset, payloadSize: size, compression: compression)
        }
        guard let header = image.load(UInt32.self, at: 60), image.has([0x50, 0x45, 0, 0], at: UInt64(header)) else {
            return .pe(architecture: nil)
        }
        return .pe(
            architecture: image.load(UInt16.self, at: UInt64(header) + 4).map(ImageArchitecture.init(peMachine:)))
    }

    /// Without address fields nobody knows where it goes.
    private static func multiboot(_ image: ImageBytes) -> ImageFormat? {
        MultibootHeader(image).flatMap { $0.addresses == nil ? nil : .multiboot($0) }
    }

    private static func compressed(_ image: ImageBytes) -> ImageFormat? {
        Compression(startOf: image.start(of: image.indices)).map { .compressed($0) }
    }

    /// Source: QEMU docs/interop/qcow2.rst, "Header".
    private static func qcow2(_ image: ImageBytes) -> ImageFormat? {
        guard image.has([0x51, 0x46, 0x49, 0xFB], at: 0), let version = image.loadBigEndian(UInt32.self, at: 4),
            let size = image.loadBigEndian(UInt64.self, at: 24)
        else { return nil }
        return .qcow2(version: version, virtualSize: size)
    }

    /// Source: UEFI 2.10 §5.2 (MBR) and §5.3 (GPT).
    private static func disk(_ image: ImageBytes) -> ImageFormat? {
        for sectorSize in [512, 4096] where image.has(Array("EFI PART".utf8), at: UInt64(sectorSize)) {
            return .disk(.gpt(sectorSize: sectorSize))
        }
        guard image.load(UInt16.self, at: 510) == 0xAA55 else { return nil }
        let entries = (0..<4).map { UInt64(446 + 16 * $0) }
        // The status byte is 0 or 0x80 in each entry of a partition table; boot code has no such habit.
        guard entries.allSatisfy({ image.load(UInt8.self, at: $0).map { $0 & 0x7F == 0 } ?? false }) else { return nil }
        return .disk(.mbr(partitions: entries.count { image.load(UInt8.self, at: $0 + 4) != 0 }))
    }
}
