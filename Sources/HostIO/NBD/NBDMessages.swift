internal import VMMCore

/// What swvmm and swvmm-nbd say to each other on their stream socket: records of fixed sizes, little-endian.
///
/// The data are in shared memory, in as many slots as requests can be under way; a slot's number is also what a request is known by.
package enum NBDChannel {
    package static let slotCount = 64
    /// Of each slot, in bytes: larger requests go in pieces.
    package static let slotSize = 256 << 10
}

/// swvmm-nbd's first record: what the export is like, or why there is none.
package enum NBDAnswer: Hashable, Sendable {
    case ready(NBDExport)
    /// In libnbd's words.
    case refused(String)

    package static let headerSize = 40
    package static let textLimit = 1024

    package var bytes: [UInt8] {
        var record = [UInt8](repeating: 0, count: Self.headerSize)
        switch self {
        case .ready(let export):
            record[0] = 1
            record[1] = (export.isReadOnly ? 1 : 0) | (export.canWriteZeroes ? 2 : 0)
            record.setLittle(export.size, at: 8)
            record.setLittle(export.minimumBlock, at: 16)
            record.setLittle(export.preferredBlock, at: 24)
            record.setLittle(export.maximumBlock, at: 32)
            return record
        case .refused(let words):
            let text = Array(words.utf8.prefix(Self.textLimit))
            record.setLittle(UInt32(text.count), at: 4)
            return record + text
        }
    }

    /// How long the text behind a header is. Nil: that is no header.
    package static func textLength(_ header: [UInt8]) -> Int? {
        guard header.count == headerSize else { return nil }
        let length = Int(header.little(UInt32.self, at: 4))
        return length <= textLimit ? length : nil
    }

    package init?(header: [UInt8], text: [UInt8]) {
        guard header.count == Self.headerSize else { return nil }
        switch header[0] {
        case 0: self = .refused(String(decoding: text, as: UTF8.self))
        case 1:
            self = .ready(
                NBDExport(
                    size: header.little(UInt64.self, at: 8), isReadOnly: header[1] & 1 != 0,
                    canWriteZeroes: header[1] & 2 != 0, minimumBlock: header.little(UInt64.self, at: 16),
                    preferredBlock: header.little(UInt64.self, at: 24),
                    maximumBlock: header.little(UInt64.self, at: 32)))
        default: return nil
        }
    }
}

/// A server's disk, as the server describes it.
package struct NBDExport: Hashable, Sendable {
    /// In bytes.
    package var size: UInt64
    package var isReadOnly = false
    package var canWriteZeroes = false
    /// In bytes; 0: not said.
    package var minimumBlock: UInt64 = 0
    package var preferredBlock: UInt64 = 0
    package var maximumBlock: UInt64 = 0

    package init(
        size: UInt64, isReadOnly: Bool = false, canWriteZeroes: Bool = false, minimumBlock: UInt64 = 0,
        preferredBlock: UInt64 = 0, maximumBlock: UInt64 = 0
    ) {
        self.size = size
        self.isReadOnly = isReadOnly
        self.canWriteZeroes = canWriteZeroes
        self.minimumBlock = minimumBlock
        self.preferredBlock = preferredBlock
        self.maximumBlock = maximumBlock
    }
}

/// What is to be done. The slot has what is written, and gets what is read, from its beginning on.
package struct NBDRequest: Hashable, Sendable {
    package enum Operation: UInt8, Sendable {
        case read, write, flush, discard, writeZeroes
    }

    package static let size = 16

    package var operation: Operation
    /// Of writes: on stable storage when they complete.
    package var isDurable = false
    /// Of zeros.
    package var mayUnmap = false
    package var slot: UInt16
    /// In bytes.
    package var length: UInt32 = 0
    package var offset: UInt64 = 0

    package init(
        _ operation: Operation, slot: UInt16, at offset: UInt64 = 0, length: UInt32 = 0, isDurable: Bool = false,
        mayUnmap: Bool = false
    ) {
        self.operation = operation
        self.slot = slot
        self.offset = offset
        self.length = length
        self.isDurable = isDurable
        self.mayUnmap = mayUnmap
    }

    package func append(to bytes: inout [UInt8]) {
        let start = bytes.count
        for _ in 0..<Self.size { bytes.append(0) }
        bytes[start] = operation.rawValue
        bytes[start + 1] = (isDurable ? 1 : 0) | (mayUnmap ? 2 : 0)
        bytes.setLittle(slot, at: start + 2)
        bytes.setLittle(length, at: start + 4)
        bytes.setLittle(offset, at: start + 8)
    }

    /// Nil: there is no such operation or slot, or it asks for more than a slot holds.
    package init?(_ bytes: [UInt8], at start: Int) {
        guard let operation = Operation(rawValue: bytes[start]) else { return nil }
        self.operation = operation
        isDurable = bytes[start + 1] & 1 != 0
        mayUnmap = bytes[start + 1] & 2 != 0
        slot = bytes.little(UInt16.self, at: start + 2)
        length = bytes.little(UInt32.self, at: start + 4)
        offset = bytes.little(UInt64.self, at: start + 8)
        let hasData = operation == .read || operation == .write
        guard slot < NBDChannel.slotCount, !hasData || length <= NBDChannel.slotSize else { return nil }
    }
}

/// How a request has ended.
package struct NBDReply: Hashable, Sendable {
    package static let size = 8

    package var slot: UInt16
    /// 0, or an errno.
    package var errno: Int32

    package init(slot: UInt16, errno: Int32) {
        self.slot = slot
        self.errno = errno
    }

    package func append(to bytes: inout [UInt8]) {
        let start = bytes.count
        for _ in 0..<Self.size { bytes.append(0) }
        bytes.setLittle(slot, at: start)
        bytes.setLittle(UInt32(bitPattern: errno), at: start + 4)
    }

    package init(_ bytes: [UInt8], at start: Int) {
        slot = bytes.little(UInt16.self, at: start)
        errno = Int32(bitPattern: bytes.little(UInt32.self, at: start + 4))
    }
}

extension [UInt8] {
    fileprivate mutating func setLittle(_ value: some FixedWidthInteger & UnsignedInteger, at start: Int) {
        for index in 0..<value.bitWidth / 8 { self[start + index] = UInt8(truncatingIfNeeded: value >> (index * 8)) }
    }

    fileprivate func little<Value: FixedWidthInteger & UnsignedInteger>(_: Value.Type, at start: Int) -> Value {
        var value: Value = 0
        for index in (0..<Value.bitWidth / 8).reversed() { value = value << 8 | Value(self[start + index]) }
        return value
    }
}
