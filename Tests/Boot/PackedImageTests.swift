import Boot
import Decompression
import Testing
import VMMTestSupport

@Suite("Images in compressed files and EFI zboot kernels") struct PackedImageTests {
    /// An arm64 Image of 64 bytes and nothing else.
    private static var image: [UInt8] {
        var writer = ByteWriter()
        for value in [0x1400_0000, 0, 0x10_0000, 0xA, 0, 0, 0] as [UInt64] { writer.append(value) }
        writer.append(contentsOf: Array("ARMd".utf8) + [0, 0, 0, 0])
        return writer.bytes
    }

    /// A gzip member of stored blocks, so that a test can pack anything. Source: RFC 1952; RFC 1951, 3.2.4.
    private static func gzip(_ bytes: [UInt8]) -> [UInt8] {
        precondition(bytes.count < 65_536)
        var crc: UInt32 = ~0
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        var writer = ByteWriter()
        writer.append(contentsOf: [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1])
        writer.append(UInt16(bytes.count))
        writer.append(~UInt16(bytes.count))
        writer.append(contentsOf: bytes)
        writer.append(~crc)
        writer.append(UInt32(bytes.count))
        return writer.bytes
    }

    /// Source: Linux include/linux/pe.h, struct linux_efi_zboot_header.
    private static func zboot(_ payload: [UInt8], name: String = "gzip", offset: UInt32 = 64, size: Int? = nil)
        -> [UInt8]
    {
        var writer = ByteWriter()
        writer.append(contentsOf: [0x4D, 0x5A, 0, 0] + Array("zimg".utf8))
        writer.append(offset)
        writer.append(UInt32(size ?? payload.count))
        writer.append(UInt64(0))
        writer.append(contentsOf: Array(name.utf8) + [UInt8](repeating: 0, count: 32 - name.utf8.count))
        writer.pad(to: 64)
        writer.append(contentsOf: payload)
        return writer.bytes
    }

    private func refusal(_ bytes: [UInt8]) -> BootImageError? {
        guard case .refused(let error) = BootImage(bytes).support(on: .aarch64) else { return nil }
        return error
    }

    @Test("an Image in gzip, in zboot, and zboot in gzip, is that Image")
    func packed() {
        for bytes in [
            Self.gzip(Self.image), Self.zboot(Self.gzip(Self.image)), Self.gzip(Self.zboot(Self.gzip(Self.image))),
        ] {
            let image = BootImage(bytes)
            #expect(image.support(on: .aarch64) == .bootable(.linuxARM64))
            #expect(image.contents.bytes == Self.image)
            #expect(image.architecture == .aarch64)
            #expect(image.fileSize == UInt64(bytes.count))
        }
        #expect(BootImage(Self.gzip(Self.image)).wrappings == [.compressed(.gzip)])
    }

    @Test("the payload's own bytes tell its format, not the name: kernels say xzkern and zstd22")
    func names() {
        #expect(BootImage(Self.zboot(Self.gzip(Self.image), name: "?")).support(on: .aarch64) == .bootable(.linuxARM64))
        #expect(
            refusal(Self.zboot([0x5D, 0, 0, 0x80, 0], name: "lzma")) == .unknownCompression(name: "lzma", offset: 64))
    }

    @Test("a third layer is not unpacked")
    func layers() {
        let bytes = Self.gzip(Self.gzip(Self.gzip(Self.image)))
        #expect(refusal(bytes) == .unsupportedFormat(.compressed(.gzip), offset: 0))
    }

    @Test("a payload behind the end of the file, or of no bytes")
    func payload() {
        let good = Self.gzip(Self.image)
        let size = UInt64(64 + good.count)
        #expect(
            refusal(Self.zboot(good, size: good.count + 1))
                == .badPayload(offset: 8, start: 64, needed: UInt64(good.count + 1), size: size))
        #expect(
            refusal(Self.zboot(good, offset: .max))
                == .badPayload(offset: 8, start: UInt64(UInt32.max), needed: UInt64(good.count), size: size))
        #expect(refusal(Self.zboot(good, size: 0)) == .badPayload(offset: 8, start: 64, needed: 0, size: size))
    }

    @Test("offsets in errors are those of the file")
    func offsets() {
        let cut = Array(Self.gzip(Self.image).dropLast())
        #expect(refusal(cut) == .packed(.gzip, .truncated(offset: cut.count)))
        #expect(refusal(Self.zboot(cut)) == .packed(.gzip, .truncated(offset: 64 + cut.count)))
    }

    @Test("every truncation, and random corruption of each header, is refused or boots; nothing traps")
    func corruption() {
        var generator = SeededGenerator(seed: 6)
        for whole in [Self.image, Self.gzip(Self.image), Self.zboot(Self.gzip(Self.image))] {
            for count in 0..<whole.count {
                if count < 60 || whole.count > 64 {
                    #expect(refusal(Array(whole.prefix(count))) != nil, "\(count) bytes are no kernel")
                }
            }
            for _ in 0..<3_000 {
                var corrupt = whole
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    corrupt[Int.random(in: 0..<min(whole.count, 96), using: &generator)] = UInt8.random(
                        in: 0...255, using: &generator)
                }
                _ = BootImage(corrupt).support(on: .aarch64)
            }
        }
    }

    @Test("an Image whose PE header names more bytes than the file has is truncated")
    func truncatedImage() {
        var bytes = Self.image
        bytes.replaceSubrange(0..<2, with: Array("MZ".utf8))
        bytes[60] = 64
        var writer = ByteWriter()
        writer.append(contentsOf: Array("PE".utf8) + [0, 0])
        writer.append(UInt16(0xAA64))
        writer.append(UInt16(1))
        for value in [0, 0, 0] as [UInt32] { writer.append(value) }
        writer.append(UInt16(0))
        writer.append(UInt16(0))
        // Its only section: 0x80 bytes at 0x100.
        for value in [0, 0, 0x80, 0, 0x80, 0x100, 0, 0, 0, 0] as [UInt32] { writer.append(value) }
        bytes += writer.bytes
        #expect(refusal(bytes) == .truncatedKernel(needed: 0x180, size: 128))
        bytes += [UInt8](repeating: 0, count: 0x100)
        #expect(BootImage(bytes).support(on: .aarch64) == .bootable(.linuxARM64))
    }

    @Test("a raw image is what the user says, whatever it looks like; x86_64 has none")
    func raw() {
        let image = BootImage(raw: Self.gzip(Self.image))
        #expect(image.format == .raw && image.contents.bytes == Self.gzip(Self.image))
        #expect(image.support(on: .aarch64) == .bootable(.bareARM64))
        #expect(image.support(on: .x86_64) == .refused(.rawNotSupported(.x86_64)))
    }
}
