/// The arm64 memory map (EFI_MAP): a header and, at the next multiple of 16 bytes after it, the descriptors.
///
/// Header: {u64 size of all descriptors, u64 size of a descriptor, u32 version}, 24 bytes with padding. Descriptor:
/// {u32 type, u32 pad, u64 physical address, u64 virtual address, u64 number of 4 KiB pages, u64 attributes}.
/// Source: FreeBSD sys/sys/efi.h (struct efi_map_header, struct efi_md), UEFI 2.10 §7.2.3.
package struct EFIMemoryMap<Memory: ByteSource>: Sequence, IteratorProtocol {
    package struct Descriptor: Equatable, Sendable {
        /// EFI_MEMORY_TYPE.
        package let type: UInt32
        package let range: PhysicalRange

        /// True for loader and boot services code and data (1 to 4) and conventional memory (7).
        ///
        /// Boot services have ended when a kernel runs. Source: UEFI 2.10 §7.2.1, table 7.10.
        package var isUsable: Bool { (1...4).contains(type) || type == 7 }
    }

    /// The size of a descriptor of version 1; firmware may use larger ones.
    private static var minimumDescriptorSize: UInt64 { 40 }

    private let memory: Memory
    private let stride: UInt64
    private var position: UInt64
    private var remaining: UInt64

    /// - Parameters:
    ///   - address: of the header.
    ///   - length: of header and descriptors together, in bytes.
    /// - Returns: nil when the header is not readable or its descriptor size is not a sensible one (40 to 4096).
    package init?(memory: Memory, address: UInt64, length: UInt32) {
        guard length >= 32, let size = memory.word64(at: address), let stride = memory.word64(at: address &+ 8),
            stride >= Self.minimumDescriptorSize, stride <= 4096
        else { return nil }
        self.memory = memory
        self.stride = stride
        position = address &+ 32
        remaining = Swift.min(size, UInt64(length) - 32)
    }

    package mutating func next() -> Descriptor? {
        guard remaining >= stride, let type = memory.word32(at: position),
            let start = memory.word64(at: position &+ 8), let pages = memory.word64(at: position &+ 24)
        else { return nil }
        remaining -= stride
        position &+= stride
        let size = pages > UInt64.max >> 12 ? UInt64.max : pages << 12
        return Descriptor(type: type, range: PhysicalRange(start: start, size: size))
    }

    /// The usable ranges.
    package func usableMemory() -> BootMemoryMap {
        var map = BootMemoryMap()
        for descriptor in self where descriptor.isUsable { map.add(descriptor.range) }
        for descriptor in self where !descriptor.isUsable { map.reserve(descriptor.range) }
        return map
    }
}
