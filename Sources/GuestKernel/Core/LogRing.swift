/// The last log lines, in a ring of fixed size: a new line overwrites the oldest ones.
///
/// A line is a 16-byte header {u64 time, u32 sequence, u16 length, u8 level, u8 CPU} and its text, padded to 8 bytes;
/// headers and text wrap at the end of the storage. Positions count bytes since the start and never wrap in practice.
/// Threading: by the caller's lock, readers too; a reader copies one line at a time, so it holds the lock shortly and
/// always sees whole lines.
package struct LogRing: ~Copyable {
    /// A line's facts; the text is given beside it.
    package struct Line: Equatable, Sendable {
        /// Nanoseconds since boot.
        package let time: UInt64
        /// Counts lines from 0.
        package let sequence: UInt32
        package let level: LogLevel
        package let cpu: UInt8

        package init(time: UInt64, sequence: UInt32, level: LogLevel, cpu: UInt8) {
            self.time = time
            self.sequence = sequence
            self.level = level
            self.cpu = cpu
        }
    }

    /// Where a reader is: the next line it wants.
    package struct Cursor: Equatable, Sendable {
        fileprivate var position: UInt64 = 0
        fileprivate var sequence: UInt32 = 0
        /// Lines that were overwritten before this reader came to them.
        package fileprivate(set) var missed: UInt32 = 0

        /// Before the oldest line there is.
        package init() {}
    }

    /// A longer text is cut.
    package static var lengthLimit: Int { 512 }

    private let storage: RawStorage
    /// Position of the oldest line, and of the next one.
    private var tail: UInt64 = 0
    private var head: UInt64 = 0
    /// Sequence of the oldest line, and of the next one.
    package private(set) var oldest: UInt32 = 0
    package private(set) var next: UInt32 = 0

    /// - Parameter storage: 1 KiB or more, a multiple of 8 bytes; need not be cleared.
    package init(storage: RawStorage) {
        precondition(storage.count >= 1024 && storage.count & 7 == 0)
        self.storage = storage
    }

    /// Lines held now.
    package var count: Int { Int(next &- oldest) }

    /// Adds a line.
    ///
    /// - Parameter text: without the end of line; cut at `lengthLimit` bytes.
    package mutating func append(_ text: Span<UInt8>, level: LogLevel, time: UInt64, cpu: UInt8) {
        let length = min(text.count, Self.lengthLimit)
        let size = Self.size(ofText: length)
        while head + size - tail > UInt64(storage.count) { dropOldest() }
        storage.storeWord(time, offset(head))
        storage.storeWord(
            UInt64(next) | UInt64(length) << 32 | UInt64(level.rawValue) << 48 | UInt64(cpu) << 56, offset(head + 8))
        var place = offset(head + 16)
        for index in 0..<length {
            storage[place] = text[index]
            place = following(place)
        }
        head += size
        next &+= 1
    }

    /// Copies the line at `cursor` (or the oldest, when that one is gone) and moves the cursor behind it.
    ///
    /// - Parameter text: its contents are replaced by the line's text.
    /// - Returns: nil when there is no newer line; `text` is then unchanged.
    package func read(_ cursor: inout Cursor, into text: inout [UInt8]) -> Line? {
        if cursor.position < tail {
            cursor.missed &+= oldest &- cursor.sequence
            cursor.position = tail
            cursor.sequence = oldest
        }
        guard cursor.position < head else { return nil }
        let facts = storage.loadWord(offset(cursor.position + 8))
        let length = Self.length(facts)
        text.removeAll(keepingCapacity: true)
        var place = offset(cursor.position + 16)
        for _ in 0..<length {
            text.append(storage[place])
            place = following(place)
        }
        let line = Line(
            time: storage.loadWord(offset(cursor.position)), sequence: UInt32(truncatingIfNeeded: facts),
            level: LogLevel(rawValue: UInt8(truncatingIfNeeded: facts >> 48)) ?? .debug,
            cpu: UInt8(truncatingIfNeeded: facts >> 56))
        cursor.position += Self.size(ofText: length)
        cursor.sequence &+= 1
        return line
    }

    private mutating func dropOldest() {
        tail += Self.size(ofText: Self.length(storage.loadWord(offset(tail + 8))))
        oldest &+= 1
    }

    private static func length(_ facts: UInt64) -> Int { Int(facts >> 32 & 0xFFFF) }
    private static func size(ofText length: Int) -> UInt64 { UInt64(16 + (length + 7) & ~7) }
    private func following(_ place: Int) -> Int { place + 1 == storage.count ? 0 : place + 1 }
    private func offset(_ position: UInt64) -> Int { Int(position % UInt64(storage.count)) }
}
