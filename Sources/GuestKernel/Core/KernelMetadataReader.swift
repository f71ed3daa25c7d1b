#if !hasFeature(Embedded)
    import GuestABI
#endif

/// Walks a loader's metadata records, within bounds whatever the bytes are.
///
/// The walk ends at the END record, where memory ends, at a record that reaches beyond it, or after `recordLimit` records.
/// Source: FreeBSD sys/sys/linker.h, sys/kern/subr_module.c.
package struct KernelMetadataReader<Memory: ByteSource>: Sequence, IteratorProtocol {
    /// One record: its type and where its payload is.
    package struct Record: Equatable, Sendable {
        package let type: UInt32
        /// Address of the payload.
        package let address: UInt64
        /// Length of the payload in bytes, padding not included. All of them are readable.
        package let length: UInt32
    }

    /// How a walk ended.
    package enum Ending: Equatable, Sendable {
        case endRecord
        /// A header or payload is not readable in full.
        case truncated
        case tooManyRecords
    }

    /// A kernel, its modules and a few RAM disks have under a hundred records; a cap keeps garbage from costing time.
    package static var recordLimit: Int { 1024 }

    private let memory: Memory
    private var position: UInt64
    private var count = 0
    /// Nil while the walk goes on.
    package private(set) var ending: Ending?

    /// - Parameter address: of the first record: 8-byte aligned by the loader, not required here.
    package init(memory: Memory, address: UInt64) {
        self.memory = memory
        position = address
    }

    package mutating func next() -> Record? {
        guard ending == nil else { return nil }
        guard let type = memory.word32(at: position), let length = memory.word32(at: position &+ 4) else {
            return finish(.truncated)
        }
        if type == KernelMetadata.end { return finish(.endRecord) }
        guard count < Self.recordLimit else { return finish(.tooManyRecords) }
        count += 1
        let (end, overflow) = position.addingReportingOverflow(8 + (UInt64(length) + 7) & ~7)
        let payload = position &+ 8
        guard !overflow, length == 0 || memory.byte(at: payload + UInt64(length) - 1) != nil else {
            return finish(.truncated)
        }
        position = end
        return Record(type: type, address: payload, length: length)
    }

    private mutating func finish(_ ending: Ending) -> Record? {
        self.ending = ending
        return nil
    }
}
