internal import Boot
internal import Decompression
internal import FlattenedDeviceTree
internal import VMM
internal import VMMCore

extension ImageFormat {
    /// What it is, in a few words.
    var words: String {
        switch self {
        case .empty: "an empty file"
        case .truncatedELF(let length): "the first \(length) bytes of an ELF file"
        case .elf64(let identity):
            "ELF64 for \(identity.architecture.words)\(identity.isLittleEndian ? "" : ", big-endian")"
        case .elf32(let identity): "ELF32 for \(identity.architecture.words)"
        case .linuxBzImage(let header):
            "Linux bzImage, boot protocol \(header.protocolVersion >> 8).\(header.protocolVersion & 0xFF)"
                + (header.kernelVersion.map { ", version \($0)" } ?? "")
        case .linuxARM64Image(let header):
            "Linux arm64 Image" + (header.pageSize.map { ", pages of \($0 >> 10) KiB" } ?? "")
                + (header.isBigEndian ? ", big-endian" : "")
        case .compressed(let compression): "a file compressed with \(compression)"
        case .multiboot: "a multiboot kernel that is no ELF file"
        case .efiZboot(_, let size, let compression): "an EFI zboot kernel (\(size) bytes of \(compression))"
        case .pe(let architecture): "a PE executable" + (architecture.map { " for \($0.words)" } ?? "")
        case .disk(.mbr(let partitions)): "a disk image with an MBR, \(partitions) partitions"
        case .disk(.gpt(let sectorSize)): "a disk image with a GPT, sectors of \(sectorSize) bytes"
        case .qcow2(let version, let size): "a qcow2 image, version \(version), of \(size) bytes"
        case .raw: "a raw binary"
        case .unknown(let bytes):
            "an unknown format (it begins with \(bytes.map { hexadecimal(UInt64($0)) }.joined(separator: " ")))"
        }
    }

    /// What would work instead.
    var advice: String {
        switch self {
        case .efiZboot, .compressed: "unpack the kernel in it, once"
        case .disk, .qcow2: "give the kernel as the image; a disk alone needs firmware"
        default:
            "an ELF64 executable with a PVH note, a multiboot kernel, a FreeBSD kernel or an image with swvmm's note would work"
        }
    }
}

extension ImageArchitecture {
    var words: String {
        switch self {
        case .x86_64: "x86_64"
        case .aarch64: "arm64"
        case .elfMachine(let number): "ELF machine \(number)"
        case .peMachine(let number): "PE machine \(hexadecimal(UInt64(number)))"
        }
    }
}

extension BootProtocol {
    var words: String {
        switch self {
        case .freeBSDMetadata: "FreeBSD kernel metadata"
        case .pvh: "PVH (32-bit)"
        case .multiboot: "multiboot (32-bit)"
        case .elf64Entry: "the 64-bit ELF entry with Linux boot parameters"
        case .linux64: "the 64-bit Linux boot protocol"
        case .linuxARM64: "the Linux arm64 boot protocol"
        case .bareARM64: "EL1 at the entry, with a device tree"
        }
    }
}

extension Placement.Purpose {
    var words: String {
        switch self {
        case .segment(let index): "segment \(index)"
        case .kernel: "kernel"
        case .symbols: "symbols"
        case .initrd: "initrd"
        case .disk: "memory disk"
        case .deviceTree: "device tree"
        case .environment: "environment"
        case .metadata: "metadata"
        case .stack: "stack"
        case .pageTables: "page tables"
        case .globalDescriptorTable: "GDT"
        case .startInfo: "start_info"
        case .multibootInformation: "multiboot information"
        case .bootParameters: "boot_params"
        case .setupData: "setup_data"
        case .firmwareTables: "ACPI tables"
        case .smbios: "SMBIOS tables"
        case .mpTable: "MP table"
        case .commandLine: "command line"
        case .trampolineRoom: "room for starting CPUs"
        }
    }
}

extension ELFPart {
    var words: String {
        switch self {
        case .fileHeader: "the file header"
        case .programHeaders: "the program headers"
        case .sectionHeaders: "the section headers"
        case .segment(let index): "segment \(index)"
        case .note(let index): "the note in program header \(index)"
        case .symbolTable: "the symbol table"
        case .stringTable: "the string table"
        }
    }
}

extension DecompressionError {
    var words: String {
        switch self {
        case .truncated(let offset): "truncated at offset \(hexadecimal(UInt64(offset)))"
        case .corrupt(let offset): "corrupt at offset \(hexadecimal(UInt64(offset)))"
        case .tooLarge(let limit): "more than \(limit >> 20) MiB when unpacked"
        case .unsupported(let offset):
            "needs a feature or more memory than is offered (offset \(hexadecimal(UInt64(offset))))"
        case .outOfMemory: "no memory to unpack it"
        }
    }
}

extension FlattenedDeviceTreeError {
    var words: String {
        switch self {
        case .truncated(let needed, let size): "truncated: \(needed) bytes are wanted, \(size) are there"
        case .badMagic: "no device tree: it does not begin with d0 0d fe ed"
        case .tooLarge(let limit): "more than the \(limit) bytes that Linux takes"
        case .malformed(.version): "of a version that is not supported (offset 0x14)"
        case .malformed(.layout): "malformed: the header (offset 0x4) places a block outside of it"
        case .malformed(.structure): "malformed: the structure block is broken"
        case .malformed(.other(let code)): "malformed: libfdt's error \(code)"
        }
    }
}
