/// The functions in the symbol table of a linked 64-bit little-endian ELF file. Source: System V ABI, "Symbol Table".
struct ELFSymbols {
    struct Function: Equatable {
        var address: UInt64
        var size: UInt64
        var name: String
    }

    /// Sorted by address; one name an address.
    private(set) var functions: [Function] = []

    init(path: String) throws(BuilderError) {
        let file = Reader(bytes: try Files.read(path))
        guard file.bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46, 2, 1]),
            let sections = file.integer(at: 0x28, bytes: 8),
            let entrySize = file.integer(at: 0x3A, bytes: 2), let count = file.integer(at: 0x3C, bytes: 2)
        else { throw .notAnELFFile(path: path) }
        for index in 0..<count {
            let header = sections + index * entrySize
            // SHT_SYMTAB is 2.
            guard file.integer(at: header + 4, bytes: 4) == 2,
                let offset = file.integer(at: header + 24, bytes: 8),
                let size = file.integer(at: header + 32, bytes: 8),
                let link = file.integer(at: header + 40, bytes: 4),
                let strings = file.integer(at: sections + link * entrySize + 24, bytes: 8)
            else { continue }
            for symbol in stride(from: offset, to: offset + size, by: 24) {
                // STT_FUNC is 2; st_shndx 0 is undefined.
                guard let name = file.integer(at: symbol, bytes: 4), let info = file.integer(at: symbol + 4, bytes: 1),
                    info & 0xF == 2, let home = file.integer(at: symbol + 6, bytes: 2), home != 0,
                    let address = file.integer(at: symbol + 8, bytes: 8),
                    let extent = file.integer(at: symbol + 16, bytes: 8)
                else { continue }
                functions.append(
                    Function(address: UInt64(address), size: UInt64(extent), name: file.string(at: strings + name)))
            }
        }
        functions.sort { ($0.address, $0.name) < ($1.address, $1.name) }
        var last: UInt64?
        functions.removeAll { function in
            defer { last = function.address }
            return function.address == last
        }
        guard !functions.isEmpty else { throw .notAnELFFile(path: path) }
    }

    private struct Reader {
        let bytes: [UInt8]

        /// A little-endian number, or nil beyond the end of the file.
        func integer(at offset: Int, bytes width: Int) -> Int? {
            guard offset >= 0, offset <= bytes.count - width else { return nil }
            return (0..<width).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
        }

        func string(at offset: Int) -> String {
            String(decoding: bytes[min(offset, bytes.count)...].prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
