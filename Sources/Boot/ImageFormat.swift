package import Decompression

/// The machine that an image was made for.
package enum ImageArchitecture: Hashable, Sendable {
    case x86_64
    case aarch64
    /// An ELF `e_machine` that swvmm has no machine for.
    case elfMachine(UInt16)
    /// A PE machine type that swvmm has no machine for.
    case peMachine(UInt16)

    /// Source: System V gABI, e_machine: EM_X86_64 62, EM_AARCH64 183.
    package init(elfMachine machine: UInt16) {
        self =
            switch machine {
            case 62: .x86_64
            case 183: .aarch64
            default: .elfMachine(machine)
            }
    }

    /// Source: Microsoft PE format, "Machine types".
    package init(peMachine machine: UInt16) {
        self =
            switch machine {
            case 0x8664: .x86_64
            case 0xAA64: .aarch64
            default: .peMachine(machine)
            }
    }
}

/// What the bytes of an image are, with what was read off them.
package enum ImageFormat: Hashable, Sendable {
    case empty
    /// An ELF magic number in a file too short for an ELF header.
    case truncatedELF(length: Int)
    case elf64(ELFIdentity)
    case elf32(ELFIdentity)
    case linuxBzImage(LinuxSetupHeader)
    case linuxARM64Image(LinuxARM64Header)
    case compressed(Compression)
    /// A kernel that is no ELF file, with a multiboot header that says where it goes.
    case multiboot(MultibootHeader)
    /// A compressed kernel inside an EFI application.
    case efiZboot(payloadOffset: UInt32, payloadSize: UInt32, compression: String)
    /// A Windows or EFI executable.
    case pe(architecture: ImageArchitecture?)
    case disk(PartitionTable)
    case qcow2(version: UInt32, virtualSize: UInt64)
    /// Bytes that the user says where to load.
    case raw
    /// Up to eight of the first bytes, for the report.
    case unknown(firstBytes: [UInt8])
}

/// The identification bytes of an ELF file. Source: System V gABI, chapter 4.
package struct ELFIdentity: Hashable, Sendable {
    package let architecture: ImageArchitecture
    package let isLittleEndian: Bool
    /// EI_OSABI; 9 is FreeBSD.
    package let osABI: UInt8
    package static let freeBSDABI: UInt8 = 9

    package init(architecture: ImageArchitecture, isLittleEndian: Bool, osABI: UInt8) {
        self.architecture = architecture
        self.isLittleEndian = isLittleEndian
        self.osABI = osABI
    }
}

/// Source: Linux Documentation/arch/arm64/booting.rst, "Call the kernel image".
package struct LinuxARM64Header: Hashable, Sendable {
    package let textOffset: UInt64
    package let imageSize: UInt64
    package let flags: UInt64

    package init(textOffset: UInt64, imageSize: UInt64, flags: UInt64) {
        self.textOffset = textOffset
        self.imageSize = imageSize
        self.flags = flags
    }

    /// Bit 0 of the flags.
    package var isBigEndian: Bool { flags & 1 == 1 }

    /// Bits 2:1 of the flags: 4, 16 or 64 KiB, or nil where the kernel does not tell.
    package var pageSize: UInt64? {
        switch flags >> 1 & 3 {
        case 1: 4 << 10
        case 2: 16 << 10
        case 3: 64 << 10
        default: nil
        }
    }
}

package enum PartitionTable: Hashable, Sendable {
    /// Partitions in use, of four.
    case mbr(partitions: Int)
    case gpt(sectorSize: Int)
}

/// How a guest is entered.
package enum BootProtocol: Hashable, Sendable {
    /// FreeBSD's loader protocol: metadata records. For FreeBSD kernels and swvmm's unikernel.
    case freeBSDMetadata
    /// 32-bit entry with a start_info page (Xen's x86/HVM direct boot ABI).
    case pvh
    /// 32-bit entry with a multiboot information structure.
    case multiboot
    /// Long mode at the ELF entry, RSI at Linux boot_params.
    case elf64Entry
    /// A bzImage, in long mode: its unpacked kernel or its own decompressor, RSI at boot_params.
    case linux64
    /// EL1 at the start of an Image, x0 at a device tree.
    case linuxARM64
    /// The same at any entry: ELF executables for bare machines, and raw binaries.
    case bareARM64
}

/// Whether and how this version boots an image on a machine of a given architecture.
package enum ImageSupport: Hashable, Sendable {
    case bootable(BootProtocol)
    case refused(BootImageError)
}
