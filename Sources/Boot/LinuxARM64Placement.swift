/// Where a Linux arm64 Image and what comes with it go.
///
/// ```
/// 2 MiB-aligned base | text_offset | Image, image_size | 2 MiB-align | device tree, at most 2 MiB | initrd
/// ```
/// The base is where RAM begins: kernels before 4.6 cannot use what lies below it. The device tree has a block of 2 MiB of its
/// own, so that a kernel can map it as one, and, for kernels before 4.2, it is within 512 MiB of the base.
/// Source: Linux Documentation/arch/arm64/booting.rst, 2 to 4.
package struct LinuxARM64Placement: Hashable, Sendable {
    package static let blockSize: UInt64 = 2 << 20
    /// An initrd lies with the kernel in one window of this size that starts at a multiple of 1 GiB.
    package static let initrdWindow: UInt64 = 32 << 30
    package static let initrdWindowAlignment: UInt64 = 1 << 30

    /// Where the Image starts, which is its entry.
    package let kernel: UInt64
    /// What the kernel uses from there on: at least the file.
    package let kernelSize: UInt64
    package let deviceTree: UInt64
    package let initrd: UInt64
    /// Nothing of the initrd may be at or above this address.
    package let initrdLimit: UInt64

    /// - Parameter ramBase: a multiple of 2 MiB.
    package init(
        _ header: LinuxARM64Header, fileSize: UInt64, ramBase: UInt64
    ) throws(BootImageError) {
        try header.validate()
        kernel = ramBase + header.effectiveTextOffset
        kernelSize = header.memorySize(fileSize: fileSize)
        guard let end = Self.roundUp(kernel, adding: kernelSize), let initrd = Self.roundUp(end, adding: Self.blockSize)
        else { throw .badLinuxField(.image_size, offset: 16, value: header.imageSize) }
        deviceTree = end
        self.initrd = initrd
        initrdLimit =
            (kernel & ~(Self.initrdWindowAlignment - 1)).addingReportingOverflow(Self.initrdWindow).partialValue
    }

    private static func roundUp(_ value: UInt64, adding size: UInt64) -> UInt64? {
        let (end, overflow) = value.addingReportingOverflow(size)
        let (sum, overflows) = end.addingReportingOverflow(blockSize - 1)
        return overflow || overflows ? nil : sum & ~(blockSize - 1)
    }
}

extension LinuxARM64Header {
    /// Kernels before 3.17 leave image_size zero, and then their text_offset is 0x80000 whatever its field says.
    package var effectiveTextOffset: UInt64 { imageSize == 0 ? 0x8_0000 : textOffset }

    /// Room for the BSS of a kernel that does not tell its size; those of that age have 1 to 2 MiB.
    private static let unknownBSS: UInt64 = 16 << 20

    /// What the kernel uses from its start on. A signature may stand behind the Image: such a file can be larger than it.
    package func memorySize(fileSize: UInt64) -> UInt64 {
        imageSize == 0 ? fileSize.addingReportingOverflow(Self.unknownBSS).partialValue : max(imageSize, fileSize)
    }

    /// Refuses what no CPU here could run, and offsets that the protocol has not.
    package func validate() throws(BootImageError) {
        guard !isBigEndian else { throw .badLinuxField(.flags, offset: 24, value: flags) }
        guard effectiveTextOffset < LinuxARM64Placement.blockSize, effectiveTextOffset.isMultiple(of: 4) else {
            throw .badLinuxField(.text_offset, offset: 8, value: textOffset)
        }
    }
}
