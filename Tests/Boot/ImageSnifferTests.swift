import Boot
import Decompression
import Testing
import VMMTestSupport

@Suite("What an image is, from its bytes") struct ImageSnifferTests {
    private func bytes(_ count: Int, _ patches: [(Int, [UInt8])]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        for (offset, patch) in patches { bytes.replaceSubrange(offset..<offset + patch.count, with: patch) }
        return bytes
    }

    private func format(_ bytes: [UInt8]) -> ImageFormat { BootImage(bytes).format }

    @Test("an empty file and a file of noise")
    func nothing() {
        #expect(format([]) == .empty)
        #expect(format([1, 2, 3]) == .unknown(firstBytes: [1, 2, 3]))
        #expect(BootImage([]).support(on: .x86_64) == .refused(.unsupportedFormat(.empty, offset: 0)))
    }

    @Test("an ELF magic number without a header is truncated")
    func truncatedELF() {
        #expect(format([0x7F, 0x45, 0x4C, 0x46, 2]) == .truncatedELF(length: 5))
        #expect(
            BootImage([0x7F, 0x45, 0x4C, 0x46, 2]).support(on: .x86_64)
                == .refused(.truncated(.fileHeader, offset: 0, needed: 64, size: 5)))
    }

    @Test("a Linux bzImage tells its protocol and version; one with impossible fields is refused with their offset")
    func bzImage() {
        let image = bytes(
            0x400,
            [
                (0, Array("MZ".utf8)), (0x1F1, [27]), (0x1FE, [0x55, 0xAA]), (0x202, Array("HdrS".utf8)),
                (0x206, [0x0F, 0x02]), (0x20E, [0x00, 0x01]), (0x236, [1]), (0x300, Array("6.12.0 (me)".utf8)),
            ])
        guard case .linuxBzImage(let header) = format(image) else {
            Issue.record("no bzImage")
            return
        }
        #expect(header.protocolVersion == 0x020F)
        #expect(header.setupSectors == 27)
        #expect(header.kernelVersion == "6.12.0 (me)")
        #expect(header.has64BitEntry)
        #expect(BootImage(image).support(on: .x86_64) == .refused(.badSetupField(.loadflags, offset: 0x211, value: 0)))
        #expect(
            BootImage(image).support(on: .aarch64)
                == .refused(.foreignArchitecture(found: .x86_64, wanted: .aarch64, offset: 0x202)))
    }

    @Test("a Linux arm64 Image, though it starts like a PE file")
    func arm64Image() {
        let image = bytes(
            64, [(0, Array("MZ".utf8)), (16, [0, 0, 2]), (24, [0x0A]), (56, [0x41, 0x52, 0x4D, 0x64])])
        #expect(
            format(image)
                == .linuxARM64Image(LinuxARM64Header(textOffset: 0, imageSize: 0x2_0000, flags: 0x0A)))
        #expect(
            BootImage(image).support(on: .x86_64)
                == .refused(.foreignArchitecture(found: .aarch64, wanted: .x86_64, offset: 56)))
    }

    @Test("an EFI zboot image, a PE file of each architecture, a PE file cut short")
    func efi() {
        let zboot = bytes(
            64, [(0, Array("MZ".utf8)), (4, Array("zimg".utf8)), (8, [0, 1]), (12, [0, 2]), (24, Array("zstd".utf8))])
        #expect(format(zboot) == .efiZboot(payloadOffset: 0x100, payloadSize: 0x200, compression: "zstd"))
        let pe = bytes(128, [(0, Array("MZ".utf8)), (60, [80]), (80, [0x50, 0x45, 0, 0, 0x64, 0xAA])])
        #expect(format(pe) == .pe(architecture: .aarch64))
        #expect(format(Array(pe.prefix(82))) == .pe(architecture: nil))
        let far = bytes(64, [(0, Array("MZ".utf8)), (60, [0xFF, 0xFF, 0xFF, 0xFF])])
        #expect(format(far) == .pe(architecture: nil))
    }

    @Test("compressed files by their magic numbers")
    func compressed() {
        #expect(format([0x1F, 0x8B, 8]) == .compressed(.gzip))
        #expect(format([0x28, 0xB5, 0x2F, 0xFD]) == .compressed(.zstd))
        #expect(format([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]) == .compressed(.xz))
    }

    @Test("disks: qcow2, MBR, GPT; a boot signature alone is not a partition table")
    func disks() {
        let qcow2 = bytes(72, [(0, [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 3]), (24, [0, 0, 0, 0, 0, 0x10, 0, 0])])
        #expect(format(qcow2) == .qcow2(version: 3, virtualSize: 1 << 20))
        let mbr = bytes(512, [(446, [0x80]), (450, [0xA5]), (510, [0x55, 0xAA])])
        #expect(format(mbr) == .disk(.mbr(partitions: 1)))
        let gpt = bytes(1024, [(450, [0xEE]), (510, [0x55, 0xAA]), (512, Array("EFI PART".utf8))])
        #expect(format(gpt) == .disk(.gpt(sectorSize: 512)))
        let code = bytes(512, [(446, [0x33]), (510, [0x55, 0xAA])])
        #expect(format(code) == .unknown(firstBytes: [UInt8](repeating: 0, count: 8)))
    }

    @Test("ELF: 32-bit, other machines and big-endian files are named")
    func elfVariants() {
        var builder = ELFImageBuilder(entry: 0x20_0000, segments: [.init(at: 0x20_0000, [0x90])])
        builder.machine = 183
        #expect(
            BootImage(builder.build()).support(on: .x86_64)
                == .refused(.foreignArchitecture(found: .aarch64, wanted: .x86_64, offset: 18)))
        builder.machine = 243
        #expect(
            BootImage(builder.build()).support(on: .x86_64)
                == .refused(.foreignArchitecture(found: .elfMachine(243), wanted: .x86_64, offset: 18)))
        builder.machine = 62
        var narrow = builder.build()
        narrow[4] = 1
        let identity = ELFIdentity(architecture: .x86_64, isLittleEndian: true, osABI: 0)
        #expect(
            BootImage(narrow).support(on: .x86_64) == .refused(.unsupportedFormat(.elf32(identity), offset: 4)))
        var big = builder.build()
        big.replaceSubrange(5...5, with: [2])
        big.replaceSubrange(18...19, with: [0, 62])
        #expect(BootImage(big).support(on: .x86_64) == .refused(.badField(.ei_data, offset: 5, value: 2)))
    }

    @Test("the protocol: swvmm's note, then FreeBSD's ABI, then PVH, then the plain entry")
    func protocols() {
        var builder = ELFImageBuilder(entry: 0x20_0000, segments: [.init(at: 0x20_0000, [0x90])])
        #expect(BootImage(builder.build()).support(on: .x86_64) == .bootable(.elf64Entry))
        builder.notes = [ELFImageBuilder.pvhNote(0x20_0000)]
        #expect(BootImage(builder.build()).support(on: .x86_64) == .bootable(.pvh))
        builder.osABI = 9
        #expect(BootImage(builder.build()).support(on: .x86_64) == .bootable(.freeBSDMetadata))
        builder.osABI = 0
        builder.notes.append(ELFImageBuilder.swvmmNote)
        #expect(BootImage(builder.build()).support(on: .x86_64) == .bootable(.freeBSDMetadata))
        builder.notes = [("swvmm", 1, [2, 0, 0, 0])]
        #expect(BootImage(builder.build()).support(on: .x86_64) == .bootable(.elf64Entry))
    }

    @Test("every prefix of every recognised format is identified without a trap")
    func prefixes() {
        let heads: [[UInt8]] = [
            bytes(0x400, [(0x1FE, [0x55, 0xAA]), (0x202, Array("HdrS".utf8)), (0x20E, [0xFF, 0xFF])]),
            bytes(96, [(0, Array("MZ".utf8)), (60, [80]), (80, [0x50, 0x45, 0, 0, 0x64, 0x86])]),
            bytes(64, [(0, Array("MZzimg".utf8)), (4, Array("zimg".utf8))]),
            bytes(72, [(0, [0x51, 0x46, 0x49, 0xFB])]),
            bytes(600, [(510, [0x55, 0xAA]), (512, Array("EFI PART".utf8))]),
        ]
        for head in heads {
            for length in 0...head.count {
                let image = BootImage(Array(head.prefix(length)))
                if case .bootable = image.support(on: .x86_64) { Issue.record("\(length) bytes are no kernel") }
            }
        }
    }
}
