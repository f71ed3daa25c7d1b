/// Where the fields of an ELF file's headers are: the two classes order them differently. Offsets are bytes.
/// Source: System V gABI, chapter 4 ("ELF Header", "Program Header").
struct ELFLayout {
    /// EI_CLASS.
    let fileClass: UInt8
    /// Of addresses and offsets, in bytes.
    let wordSize: UInt64
    let headerSize: UInt64
    let tableOffset: UInt64
    let entrySizeOffset: UInt64
    let programHeaderSize: UInt64
    /// p_flags, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align.
    let fields:
        (flags: UInt64, offset: UInt64, virtual: UInt64, physical: UInt64, file: UInt64, memory: UInt64, align: UInt64)

    static let class32 = ELFLayout(
        fileClass: 1, wordSize: 4, headerSize: 52, tableOffset: 28, entrySizeOffset: 42, programHeaderSize: 32,
        fields: (24, 4, 8, 12, 16, 20, 28))
    static let class64 = ELFLayout(
        fileClass: 2, wordSize: 8, headerSize: 64, tableOffset: 32, entrySizeOffset: 54, programHeaderSize: 56,
        fields: (4, 8, 16, 24, 32, 40, 48))

    func word(at offset: UInt64, of part: ELFPart, in image: ImageBytes) throws(BootImageError) -> UInt64 {
        wordSize == 8
            ? try image.field(UInt64.self, at: offset, of: part)
            : UInt64(try image.field(UInt32.self, at: offset, of: part))
    }
}
