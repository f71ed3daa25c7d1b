/// The header by which an image says that it is entered by multiboot.
///
/// Source: GNU Multiboot Specification 0.6.96 §3.1.
package struct MultibootHeader: Hashable, Sendable {
    /// Of the header, in the file.
    package let offset: UInt64
    package let flags: UInt32
    /// Where an image that is no ELF file goes; nil: its ELF headers tell.
    package let addresses: Addresses?

    /// The address fields: physical addresses.
    package struct Addresses: Hashable, Sendable {
        /// Of the header itself.
        package let header: UInt32
        package let load: UInt32
        /// Where the file's bytes end; 0: the whole file is loaded.
        package let loadEnd: UInt32
        /// Where zeroed memory behind them ends; 0: there is none.
        package let bssEnd: UInt32
        package let entry: UInt32

        fileprivate init?(at offset: UInt64, in image: ImageBytes) {
            let fields = (0..<5).compactMap { image.load(UInt32.self, at: offset + $0 * 4) }
            guard fields.count == 5 else { return nil }
            (header, load, loadEnd, bssEnd, entry) = (fields[0], fields[1], fields[2], fields[3], fields[4])
        }
    }

    private static let magic: UInt32 = 0x1BAD_B002
    /// The header is in so many bytes from the start.
    private static let searched: UInt64 = 8192
    private static let hasAddresses: UInt32 = 1 << 16
    /// Bits 15:0 are demands. Modules on page boundaries (0), and to be told of memory (1): both are always so.
    private static let knownDemands: UInt32 = 0b11

    /// Looks for a header whose magic number, flags and checksum add up to zero.
    package init?(_ image: ImageBytes) {
        let end = min(image.count, Self.searched)
        var offset: UInt64 = 0
        while offset + 12 <= end {
            defer { offset += 4 }
            guard let flags = Self.flags(at: offset, in: image) else { continue }
            let wantsAddresses = flags & Self.hasAddresses != 0
            let found = wantsAddresses ? Addresses(at: offset + 12, in: image) : nil
            // Fields that are told of and not there: these were other bytes.
            if wantsAddresses, found == nil { continue }
            (self.offset, self.flags, addresses) = (offset, flags, found)
            return
        }
        return nil
    }

    private static func flags(at offset: UInt64, in image: ImageBytes) -> UInt32? {
        guard image.load(UInt32.self, at: offset) == magic, let flags = image.load(UInt32.self, at: offset + 4),
            let checksum = image.load(UInt32.self, at: offset + 8), magic &+ flags &+ checksum == 0
        else { return nil }
        return flags
    }

    /// Refuses what the image demands and no machine of swvmm has, such as a video mode (2).
    package func validate() throws(BootImageError) {
        let unknown = flags & 0xFFFF & ~Self.knownDemands
        guard unknown == 0 else { throw .multibootDemands(flags: unknown, offset: offset + 4) }
    }

    /// What of an image goes where by the address fields: `size` bytes from `load` on, the file's first.
    package func placement(
        _ addresses: Addresses, in image: ImageBytes
    ) throws(BootImageError) -> (range: Range<Int>, size: UInt64) {
        let (load, header) = (UInt64(addresses.load), UInt64(addresses.header))
        guard load <= header, header - load <= offset else {
            throw .badMultibootField(.load_addr, offset: offset + 16, value: load)
        }
        let start = offset - (header - load)
        let loadEnd = addresses.loadEnd == 0 ? load + (image.count - start) : UInt64(addresses.loadEnd)
        guard loadEnd > load, let range = image.range(at: start, count: loadEnd - load) else {
            throw .badMultibootField(.load_end_addr, offset: offset + 20, value: UInt64(addresses.loadEnd))
        }
        let end = addresses.bssEnd == 0 ? loadEnd : UInt64(addresses.bssEnd)
        guard end >= loadEnd else {
            throw .badMultibootField(.bss_end_addr, offset: offset + 24, value: UInt64(addresses.bssEnd))
        }
        guard (load..<loadEnd).contains(UInt64(addresses.entry)) else {
            throw .badMultibootField(.entry_addr, offset: offset + 28, value: UInt64(addresses.entry))
        }
        return (range, end - load)
    }
}
