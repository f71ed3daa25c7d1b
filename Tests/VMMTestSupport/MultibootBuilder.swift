/// Small multiboot kernels: a header, and 32-bit code behind it. Nothing is checked, so that broken ones can be made too.
package struct MultibootBuilder {
    package var flags: UInt32 = 0
    /// header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr.
    package var addresses: [UInt32]?
    /// Bytes before the header.
    package var padding = 0
    package var code: [UInt8]

    /// Where the header goes in memory.
    package static let address: UInt32 = 0x10_0000
    /// From the header to the code.
    package static let codeOffset: UInt32 = 32

    package init(_ code: [UInt8]) { self.code = code }

    /// The header with room for its address fields, and the code.
    private var body: [UInt8] {
        let flags = self.flags | (addresses == nil ? 0 : 1 << 16)
        let fields = [0x1BAD_B002, flags, 0 &- 0x1BAD_B002 &- flags] + (addresses ?? [0, 0, 0, 0, 0])
        return [UInt8](repeating: 0, count: padding) + fields.flatMap(\.littleEndianBytes) + code
    }

    /// Address fields by which the whole file is loaded, so that the header is at `address`.
    package static let plainAddresses: [UInt32] = [address, address, 0, 0, address + codeOffset]

    /// A kernel that is no ELF file.
    package func raw() -> [UInt8] { body }

    /// An ELF32 executable of one segment for the i386, linked at `virtual`.
    package func elf32(virtual: UInt32 = address) -> [UInt8] {
        let content = body
        let entry = virtual + UInt32(padding) + Self.codeOffset
        var file: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        file += UInt16(2).littleEndianBytes + UInt16(3).littleEndianBytes + UInt32(1).littleEndianBytes
        file += [entry, 52, 0, 0].flatMap(\.littleEndianBytes)
        file += [UInt16(52), 32, 1, 0, 0, 0].flatMap(\.littleEndianBytes)
        let size = UInt32(content.count)
        file += [UInt32(1), 84, virtual, Self.address, size, size + 64, 7, 4].flatMap(\.littleEndianBytes)
        return file + content
    }

    /// An ELF64 executable of one segment for x86_64.
    package func elf64() -> [UInt8] {
        let address = UInt64(Self.address)
        return ELFImageBuilder(
            entry: address + UInt64(padding) + UInt64(Self.codeOffset), segments: [.init(at: address, body)]
        ).build()
    }
}
