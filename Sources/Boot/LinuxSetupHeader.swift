/// The setup header of a Linux bzImage.
///
/// Source: Linux Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header" and "Details of Header Fields".
package struct LinuxSetupHeader: Hashable, Sendable {
    /// Where it begins in the file, and in boot_params.
    package static let start: UInt64 = 0x1F1
    /// boot_params has room for it up to here.
    private static let limit: UInt64 = 0x290

    /// Boot protocol, major in bits 15:8: 0x020F is 2.15.
    package let protocolVersion: UInt16
    /// How many of the file's sectors of 512 bytes come before the protected-mode kernel, less the boot sector.
    package let setupSectors: UInt8
    /// syssize: bytes of the protected-mode kernel.
    package let systemSize: UInt64
    package let loadFlags: UInt8
    package let extendedLoadFlags: UInt16
    /// The highest address that the last byte of an initrd may have.
    package let initrdAddressMax: UInt32
    /// Bytes of the command line at most, without the closing NUL.
    package let commandLineSize: UInt32
    /// payload_offset, from the start of the protected-mode kernel.
    package let payloadOffset: UInt32
    package let payloadLength: UInt32
    package let preferredAddress: UInt64
    /// Memory that the kernel needs from where it is loaded on, before it looks at the memory map.
    package let initSize: UInt32
    /// The kernel's own version string, when the header points at one.
    package let kernelVersion: String?
    /// The header itself, as boot_params gets it.
    package let bytes: [UInt8]

    /// XLF_KERNEL_64: the kernel has a 64-bit entry at 0x200.
    package var has64BitEntry: Bool { protocolVersion >= 0x020C && extendedLoadFlags & 1 == 1 }
    /// Where the protected-mode kernel begins in the file.
    package var kernelOffset: UInt64 { (UInt64(setupSectors) + 1) * 512 }

    /// Reads the header of a file that has one. Fields that are younger than its protocol have the values that old kernels mean.
    package init?(_ image: ImageBytes) {
        guard image.load(UInt16.self, at: 0x1FE) == 0xAA55, image.has(Array("HdrS".utf8), at: 0x202),
            let version = image.load(UInt16.self, at: 0x206), let sectors = image.load(UInt8.self, at: 0x1F1)
        else { return nil }
        func field<Value: FixedWidthInteger & UnsignedInteger>(
            _ type: Value.Type, _ offset: UInt64, since: UInt16, otherwise: Value = 0
        ) -> Value {
            version >= since ? image.load(type, at: offset) ?? otherwise : otherwise
        }
        protocolVersion = version
        setupSectors = sectors == 0 ? 4 : sectors
        systemSize = UInt64(field(UInt32.self, 0x1F4, since: 0x0204)) * 16
        loadFlags = field(UInt8.self, 0x211, since: 0x0200)
        extendedLoadFlags = field(UInt16.self, 0x236, since: 0x020C)
        initrdAddressMax = field(UInt32.self, 0x22C, since: 0x0203, otherwise: 0x37FF_FFFF)
        commandLineSize = field(UInt32.self, 0x238, since: 0x0206, otherwise: 255)
        payloadOffset = field(UInt32.self, 0x248, since: 0x0208)
        payloadLength = field(UInt32.self, 0x24C, since: 0x0208)
        preferredAddress = field(UInt64.self, 0x258, since: 0x020A)
        initSize = field(UInt32.self, 0x260, since: 0x020A)
        let pointer = image.load(UInt16.self, at: 0x20E) ?? 0
        kernelVersion = pointer == 0 ? nil : image.text(at: UInt64(pointer) + 0x200, limit: 128)
        // The jump at 0x200 tells by its target where the header ends.
        let end = min(0x202 + UInt64(image.load(UInt8.self, at: 0x201) ?? 0), Self.limit, image.count)
        bytes = image.slice(at: Self.start, count: end - Self.start).map(Array.init) ?? []
    }

    /// Refuses what cannot be entered in long mode, and fields that cannot be true of a file of so many bytes.
    package func validate(fileSize: UInt64) throws(BootImageError) {
        guard has64BitEntry else { throw .kernelFor32Bits(protocolVersion: protocolVersion) }
        // LOADED_HIGH: a kernel for 1 MiB and above.
        guard loadFlags & 1 == 1 else { throw .badSetupField(.loadflags, offset: 0x211, value: UInt64(loadFlags)) }
        guard kernelOffset + systemSize <= fileSize else {
            throw .truncatedKernel(needed: kernelOffset + systemSize, size: fileSize)
        }
        guard systemSize > Self.entryOffset else {
            throw .badSetupField(.syssize, offset: 0x1F4, value: systemSize / 16)
        }
        guard UInt64(initSize) >= systemSize else {
            throw .badSetupField(.init_size, offset: 0x260, value: UInt64(initSize))
        }
        guard commandLineSize > 0 else { throw .badSetupField(.cmdline_size, offset: 0x238, value: 0) }
    }

    /// Of the 64-bit entry, from the start of the protected-mode kernel.
    package static let entryOffset: UInt64 = 0x200

    /// Where the packed kernel is in the file; nil: the header does not tell, and the kernel unpacks itself.
    package func payload(in image: ImageBytes) throws(BootImageError) -> Range<Int>? {
        guard payloadLength > 0 else { return nil }
        let start = kernelOffset + UInt64(payloadOffset)
        guard let range = image.range(at: start, count: UInt64(payloadLength)) else {
            throw .badPayload(offset: 0x248, start: start, needed: UInt64(payloadLength), size: image.count)
        }
        return range
    }

    /// Whether the kernel's own decompressor knows a payload that begins so, where swvmm does not: bzip2, lzma, lzo.
    /// Source: Linux lib/decompress.c, compressed_formats.
    package static func unpacksItself(_ payload: ArraySlice<UInt8>) -> Bool {
        [[0x42, 0x5A], [0x5D, 0x00], [0x89, 0x4C]].contains { payload.starts(with: $0) }
    }
}
