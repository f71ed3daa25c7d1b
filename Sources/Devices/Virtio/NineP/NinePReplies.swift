internal import VMMCore

/// The entries of a Rreaddir, as many as there is room for.
///
/// Source: 9P2000.L, "readdir": qid[13] offset[8] type[1] name[s] each.
struct NinePEntryList {
    private var bytes: [UInt8]
    private let start: Int
    private let end: Int
    private(set) var count = 0
    private(set) var isFull = false

    init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        start = range.lowerBound
        end = range.upperBound
    }

    /// False: there was no room for it.
    mutating func append(_ entry: DirectoryEntry, identifier: UInt64) -> Bool {
        let size = NinePQid.size + 8 + 1 + 2 + entry.name.count
        guard size <= end - start - count, let length = UInt16(exactly: entry.name.count) else {
            isFull = true
            return false
        }
        let qid = NinePQid(type: entry.kind.qidType, path: identifier)
        put(UInt64(qid.type), 1)
        put(0, 4)
        put(qid.path, 8)
        put(entry.next, 8)
        put(UInt64(entry.kind.entryType), 1)
        put(UInt64(length), 2)
        for byte in entry.name { put(UInt64(byte), 1) }
        return true
    }

    private mutating func put(_ value: UInt64, _ size: Int) {
        for index in 0..<size {
            bytes[start + count + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8))
        }
        count += size
    }

    /// The storage goes back.
    mutating func takeStorage() -> [UInt8] {
        var storage: [UInt8] = []
        swap(&storage, &bytes)
        return storage
    }
}

extension FileKind {
    /// Source: 9P2000, intro(5): QTDIR, QTSYMLINK, QTFILE.
    var qidType: UInt8 {
        switch self {
        case .directory: 0x80
        case .symbolicLink: 0x02
        case .regular, .other: 0
        }
    }

    /// Source: Linux, DT_DIR, DT_LNK, DT_REG, DT_UNKNOWN.
    var entryType: UInt8 {
        switch self {
        case .directory: 4
        case .symbolicLink: 10
        case .regular: 8
        case .other: 0
        }
    }
}

extension FileAttributes {
    var qid: NinePQid { NinePQid(type: kind.qidType, path: identifier) }
}

extension NinePWriter {
    /// Rgetattr's body. Source: 9P2000.L, "getattr".
    mutating func attributes(_ attributes: FileAttributes) {
        doubleword(NineP.basicAttributes)
        qid(attributes.qid)
        word(attributes.mode)
        word(attributes.owner)
        word(attributes.group)
        doubleword(attributes.linkCount)
        doubleword(attributes.device)
        doubleword(attributes.size)
        doubleword(attributes.blockSize)
        doubleword(attributes.blocks)
        time(attributes.accessed)
        time(attributes.modified)
        time(attributes.changed)
        // btime, gen, data_version: reserved.
        for _ in 0..<4 { doubleword(0) }
    }

    /// Rstatfs's body. Source: 9P2000.L, "statfs".
    mutating func statistics(_ statistics: TreeStatistics) {
        word(NineP.fileSystemType)
        word(statistics.blockSize)
        doubleword(statistics.blocks)
        doubleword(statistics.freeBlocks)
        doubleword(statistics.availableBlocks)
        doubleword(statistics.files)
        doubleword(statistics.freeFiles)
        // The host's file system has a number that is none of the guest's business.
        doubleword(0)
        word(statistics.nameLimit)
    }
}
