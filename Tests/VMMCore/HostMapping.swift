import Glibc

/// One line of /proc/self/maps: what the kernel has mapped at an address of this process.
struct HostMapping {
    let start: UInt
    let end: UInt
    /// As "rw-p".
    let permissions: String

    func contains(_ address: UInt) -> Bool { address >= start && address < end }

    static func ofThisProcess() throws -> [HostMapping] {
        let descriptor = unsafe open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe read(descriptor, &piece, piece.count)
            guard count > 0 else { break }
            text += piece[..<count]
        }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            let bounds = fields.first?.split(separator: "-") ?? []
            guard bounds.count == 2, fields.count > 1, let start = UInt(bounds[0], radix: 16),
                let end = UInt(bounds[1], radix: 16)
            else { return nil }
            return HostMapping(start: start, end: end, permissions: String(fields[1]))
        }
    }

    /// How many 4 KiB pages of a mapped stretch the host holds in memory.
    static func residentPages(from start: UInt, bytes: Int) -> Int {
        var pages = [UInt8](repeating: 0, count: bytes / 4096)
        // SAFETY: mincore writes one byte a page and reads nothing.
        guard unsafe mincore(UnsafeMutableRawPointer(bitPattern: start), bytes, &pages) == 0 else { return -1 }
        return pages.count { $0 & 1 == 1 }
    }
}
