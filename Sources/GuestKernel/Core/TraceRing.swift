import Synchronization

/// The last trace records of one CPU, in a ring of fixed size.
///
/// A record is four words: {u64 time, u32 sequence | u8 id | u8 CPU | u16 1 when complete, u64 first, u64 second}. Only its own CPU
/// writes; an interrupt that traces while a record is being written takes the next place. Any CPU may read at any
/// time: a record that was overwritten meanwhile is seen as such by its sequence (a sequence lock a record).
package struct TraceRing: ~Copyable, Sendable {
    package struct Record: Equatable, Sendable {
        package let time: UInt64
        package let id: UInt8
        package let cpu: UInt8
        package let first: UInt64
        package let second: UInt64

        package init(time: UInt64, id: UInt8, cpu: UInt8, first: UInt64, second: UInt64) {
            self.time = time
            self.id = id
            self.cpu = cpu
            self.first = first
            self.second = second
        }
    }

    package static var recordSize: Int { 32 }

    private let storage: RawStorage
    private let mask: UInt64
    private let cpu: UInt8
    /// Records written since the start.
    private let head = Atomic<UInt64>(0)

    /// - Parameter storage: a power of two of records, at least 2; need not be cleared.
    package init(storage: RawStorage, cpu: UInt8) {
        let records = storage.count / Self.recordSize
        precondition(records >= 2 && records & (records - 1) == 0)
        self.storage = storage
        mask = UInt64(records - 1)
        self.cpu = cpu
    }

    /// Records written since the start, overwritten ones too.
    package var written: UInt64 { head.load(ordering: .acquiring) }

    /// Position of the oldest record that may still be there.
    package var oldest: UInt64 {
        let written = written
        return written > mask + 1 ? written - mask - 1 : 0
    }

    /// Adds a record. On the ring's own CPU only.
    package func append(_ point: TracePoint, time: UInt64, _ first: UInt64 = 0, _ second: UInt64 = 0) {
        let position = head.wrappingAdd(1, ordering: .relaxed).oldValue
        let offset = Int(position & mask) * Self.recordSize
        // Mark it incomplete before changing it; pairs with the fence after the reads in `record(at:)`.
        storage.storeWord(0, offset + 8)
        atomicMemoryFence(ordering: .releasing)
        storage.storeWord(time, offset)
        storage.storeWord(first, offset + 16)
        storage.storeWord(second, offset + 24)
        // Publish; pairs with the fence after the first read of the tag in `record(at:)`.
        atomicMemoryFence(ordering: .releasing)
        storage.storeWord(tag(position, id: point.id), offset + 8)
    }

    /// The record at `position`; nil when it is not complete, or overwritten.
    package func record(at position: UInt64) -> Record? {
        guard position < written else { return nil }
        let offset = Int(position & mask) * Self.recordSize
        let tag = storage.loadWord(offset + 8)
        atomicMemoryFence(ordering: .acquiring)
        let id = UInt8(truncatingIfNeeded: tag >> 32)
        guard tag == self.tag(position, id: id) else { return nil }
        let record = Record(
            time: storage.loadWord(offset), id: id, cpu: cpu, first: storage.loadWord(offset + 16),
            second: storage.loadWord(offset + 24))
        atomicMemoryFence(ordering: .acquiring)
        return storage.loadWord(offset + 8) == tag ? record : nil
    }

    private func tag(_ position: UInt64, id: UInt8) -> UInt64 {
        position & 0xFFFF_FFFF | UInt64(id) << 32 | UInt64(cpu) << 40 | 1 << 48
    }
}
