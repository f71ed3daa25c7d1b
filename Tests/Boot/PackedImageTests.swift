import Boot
import Decompression
import Testing
import VMMTestSupport

@Suite("Images in compressed files and EFI zboot kernels") struct PackedImageTests {
    /// An arm64 Image of 64 bytes and nothing else.
    private static let image = ARM64Guests.image([])

    private func refusal(_ bytes: [UInt8]) -> BootImageError? {
        guard case .refused(let error) = BootImage(bytes).support(on: .aarch64) else { return nil }
        return error
    }

    @Test("an Image in gzip, in zboot, and zboot in gzip, is that Image")
    func packed() throws {
        for bytes in [
            ARM64Guests.gzip(Self.image), ARM64Guests.zboot(ARM64Guests.gzip(Self.image)),
            ARM64Guests.gzip(ARM64Guests.zboot(ARM64Guests.gzip(Self.image))),
        ] {
            let image = BootImage(bytes)
            #expect(image.support(on: .aarch64) == .bootable(.linuxARM64))
            #expect(try image.contents.whole() == Self.image)
            #expect(image.architecture == .aarch64)
            #expect(image.fileSize == UInt64(bytes.count))
        }
        #expect(BootImage(ARM64Guests.gzip(Self.image)).wrappings == [.compressed(.gzip)])
    }

    @Test("the payload's own bytes tell its format, not the name: kernels say xzkern and zstd22")
    func names() {
        #expect(
            BootImage(ARM64Guests.zboot(ARM64Guests.gzip(Self.image), name: "?")).support(on: .aarch64)
                == .bootable(.linuxARM64))
        #expect(
            refusal(ARM64Guests.zboot([0x5D, 0, 0, 0x80, 0], name: "lzma"))
                == .unknownCompression(name: "lzma", offset: 64))
    }

    @Test("a third layer is not unpacked")
    func layers() {
        let bytes = ARM64Guests.gzip(ARM64Guests.gzip(ARM64Guests.gzip(Self.image)))
        #expect(refusal(bytes) == .unsupportedFormat(.compressed(.gzip), offset: 0))
    }

    @Test("a payload behind the end of the file, or of no bytes")
    func payload() {
        let good = ARM64Guests.gzip(Self.image)
        let size = UInt64(64 + good.count)
        #expect(
            refusal(ARM64Guests.zboot(good, size: good.count + 1))
                == .badPayload(offset: 8, start: 64, needed: UInt64(good.count + 1), size: size))
        #expect(
            refusal(ARM64Guests.zboot(good, offset: .max))
                == .badPayload(offset: 8, start: UInt64(UInt32.max), needed: UInt64(good.count), size: size))
        #expect(refusal(ARM64Guests.zboot(good, size: 0)) == .badPayload(offset: 8, start: 64, needed: 0, size: size))
    }

    @Test("offsets in errors are those of the file")
    func offsets() {
        let cut = Array(ARM64Guests.gzip(Self.image).dropLast())
        #expect(refusal(cut) == .packed(.gzip, .truncated(offset: cut.count)))
        #expect(refusal(ARM64Guests.zboot(cut)) == .packed(.gzip, .truncated(offset: 64 + cut.count)))
    }

    @Test("every truncation, and random corruption of each header, is refused or boots; nothing traps")
    func corruption() {
        var generator = SeededGenerator(seed: 6)
        for whole in [Self.image, ARM64Guests.gzip(Self.image), ARM64Guests.zboot(ARM64Guests.gzip(Self.image))] {
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
    func raw() throws {
        let image = BootImage(raw: ImageBytes(ARM64Guests.gzip(Self.image)))
        #expect(try image.format == .raw && image.contents.whole() == ARM64Guests.gzip(Self.image))
        #expect(image.support(on: .aarch64) == .bootable(.bareARM64))
        #expect(image.support(on: .x86_64) == .refused(.rawNotSupported(.x86_64)))
    }
}
