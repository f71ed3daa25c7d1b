package import Decompression
package import FlattenedDeviceTree
package import VMMCore

/// Why an image, or what comes with it, cannot be booted. Offsets are bytes into the image.
package enum BootImageError: Error, Hashable, Sendable {
    // The file as a whole.

    /// Nothing this version boots; `offset` is where the telling bytes are.
    case unsupportedFormat(ImageFormat, offset: UInt64)
    case foreignArchitecture(found: ImageArchitecture, wanted: ImageArchitecture, offset: UInt64)
    case imageTooLarge(size: UInt64, limit: UInt64)
    /// The host does not give `size` bytes at `offset` of a file; the file has the reason.
    case unreadable(offset: UInt64, size: UInt64)

    // ELF.

    /// `needed` bytes at `offset` are not all in a file of `size` bytes.
    case truncated(ELFPart, offset: UInt64, needed: UInt64, size: UInt64)
    case badField(ELFField, offset: UInt64, value: UInt64)
    case noLoadableSegments
    case tooManySegments(count: Int, limit: Int)
    /// `index` counts program headers, from 0.
    case segmentFileExceedsMemory(index: Int, fileSize: UInt64, memorySize: UInt64, offset: UInt64)
    case segmentWraps(index: Int, address: UInt64, size: UInt64, offset: UInt64)
    case malformedNote(offset: UInt64)

    // Linux.

    case badLinuxField(LinuxARM64Field, offset: UInt64, value: UInt64)
    case badSetupField(LinuxSetupField, offset: UInt64, value: UInt64)
    /// A bzImage without a 64-bit entry.
    case kernelFor32Bits(protocolVersion: UInt16)
    /// The Image's PE header, or the bzImage's setup header, says that it has `needed` bytes.
    case truncatedKernel(needed: UInt64, size: UInt64)

    // Multiboot.

    /// The header demands, by these flags, what no machine has.
    case multibootDemands(flags: UInt32, offset: UInt64)
    case badMultibootField(MultibootField, offset: UInt64, value: UInt64)

    // Packed images.

    /// The header at `offset` places a payload of `needed` bytes behind the end of the file, or nowhere.
    case badPayload(offset: UInt64, start: UInt64, needed: UInt64, size: UInt64)
    /// A kernel packed in a way that is not unpacked here; `name` is the header's word for it.
    case unknownCompression(name: String, offset: UInt64)
    /// Offsets in the error are bytes into the packed file.
    case packed(Compression, DecompressionError)

    // Bare programs.

    /// A segment is linked at an address that is none of memory: this is a kernel that wants its MMU set up.
    case linkedVirtually(index: Int, address: UInt64)
    case entryOutsideImage(UInt64, GuestRange)
    /// Raw binaries boot on arm64 machines only.
    case rawNotSupported(ImageArchitecture)

    case entryOutsideSegments(UInt64)
    /// The entry is in a segment, but not where the first page tables map it.
    case entryNotMapped(UInt64)
    /// This machine does not enter images of this protocol.
    case protocolNotSupported(BootProtocol, ImageArchitecture)

    // Device trees.

    case deviceTree(FlattenedDeviceTreeError)

    // Placing.

    /// What would be placed at `range` is not all usable RAM.
    case outsideRAM(Placement.Purpose, GuestRange)
    case overlap(Placement.Purpose, GuestRange, Placement.Purpose, GuestRange)
    /// No room for `size` bytes from `address` on, below `limit`.
    case noRoom(Placement.Purpose, size: UInt64, address: UInt64, limit: UInt64)
    case commandLineTooLong(length: Int, limit: Int)
    case commandLineHasNUL
    case environment(KernelEnvironmentError)
    case badCPUCount(Int)
    case badMemorySize(MemorySizeError)
    /// Writing to guest memory failed: the memory is not the one planned for.
    case memory(GuestMemoryError)
}

/// Why a machine cannot have so much memory.
package enum MemorySizeError: Error, Hashable, Sendable {
    case zero
    case notPageSized(UInt64)
    case tooSmall(UInt64, minimum: UInt64)
    case tooLarge(UInt64, maximum: UInt64)
}

package enum ELFPart: Hashable, Sendable {
    case fileHeader
    case programHeaders
    case sectionHeaders
    case segment(index: Int)
    case note(index: Int)
    case symbolTable
    case stringTable
}

/// Fields of the ELF headers, by the gABI's names.
package enum ELFField: Hashable, Sendable {
    case ei_class
    case ei_data
    case ei_version
    case e_type
    case e_phentsize
    case e_shentsize
    case sh_link
    case sh_type
}

/// Fields of a bzImage's setup header, by boot.rst's names.
package enum LinuxSetupField: Hashable, Sendable {
    case loadflags
    case syssize
    case init_size
    case pref_address
    case cmdline_size
}

/// Address fields of a multiboot header, by the specification's names.
package enum MultibootField: Hashable, Sendable {
    case load_addr
    case load_end_addr
    case bss_end_addr
    case entry_addr
}

/// Fields of the arm64 Image header, by booting.rst's names.
package enum LinuxARM64Field: Hashable, Sendable {
    case text_offset
    case image_size
    case flags
}
