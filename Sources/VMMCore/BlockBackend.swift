/// What is asked of a disk's storage.
package enum BlockOperation: Hashable, Sendable {
    /// Fills the buffers.
    case read
    /// Stores the buffers.
    case write
    /// All writes that had completed before are on stable storage when it completes.
    case flush
    /// The range's contents do not matter any more. Only a hint.
    case discard
    /// The range reads as zeros. `mayUnmap`: it need not stay allocated.
    case writeZeroes(mayUnmap: Bool)
}

/// One request to a disk's storage. Its storage of buffers goes round: who completes it gives it back.
package struct BlockRequest: Sendable {
    /// The client's: what it knows the request by.
    package var tag: UInt64
    package var operation: BlockOperation
    /// In bytes, from the start of the disk. With `length`, inside of the disk and in whole sectors.
    package var offset: UInt64
    /// In bytes, at most 2^32 for reads and writes; 0 with `flush`.
    package var length: UInt64
    /// Of writes, of data or zeros: they are on stable storage when they complete, without a `flush`.
    package var isDurable = false
    /// Of the client's memory, `length` bytes together. Empty but for reads and writes.
    package var buffers: [GuestBuffer]

    package init(tag: UInt64, operation: BlockOperation, offset: UInt64, length: UInt64, buffers: [GuestBuffer] = []) {
        self.tag = tag
        self.operation = operation
        self.offset = offset
        self.length = length
        self.buffers = buffers
    }
}

/// How a request ended.
package enum BlockResult: Hashable, Sendable {
    case done
    /// The host failed; who made the storage has been told.
    case failed
    case unsupported
    /// It was not begun: `BlockBackend.drain(_:)` came first.
    case abandoned
}

/// What a disk is like, for as long as it is open.
package struct BlockProperties: Hashable, Sendable {
    /// Source: virtio 1.2 §5.2.4: what capacities and positions count in, whatever the block size.
    package static let sectorSize: UInt64 = 512

    /// In bytes: whole sectors.
    package var capacity: UInt64
    /// What clients best read and write whole ones of, in bytes: 512 to 4096, a power of two. Any sectors do, but cost more.
    package var logicalBlockSize: UInt32
    /// The size that writes are best aligned to, in bytes: a power of two from the logical block's on.
    package var physicalBlockSize: UInt32
    package var isReadOnly: Bool

    package init(
        capacity: UInt64, logicalBlockSize: UInt32 = 512, physicalBlockSize: UInt32 = 512, isReadOnly: Bool = false
    ) {
        self.capacity = capacity
        self.logicalBlockSize = logicalBlockSize
        self.physicalBlockSize = physicalBlockSize
        self.isReadOnly = isReadOnly
    }
}

/// Who gives requests to a storage: a device.
package protocol BlockClient: AnyObject, Sendable {
    /// What the requests' buffers are parts of.
    var memory: GuestMemory { get }

    /// `request` has ended, and its memory is not touched any more. On any thread, also during `submit` or `drain`, without
    /// a lock of the storage held.
    func completed(_ request: consuming BlockRequest, _ result: BlockResult)
}

/// A disk's storage. It outlives its clients: machines of a session come and go.
///
/// Requests may be executed in any order and at once; a client that wants an order waits for completions. Each ends with
/// exactly one `BlockClient.completed`. Threading: any thread; call it without a lock held that `completed` takes.
package protocol BlockBackend: AnyObject, Sendable {
    var properties: BlockProperties { get }

    /// Takes a request, whose values the client has checked. It may wait for `commit()` before it is begun.
    func submit(_ request: consuming BlockRequest, for client: any BlockClient)

    /// Begins what was submitted.
    func commit()

    /// Abandons requests of `client` that have not begun, waits for the others, and returns when all have completed. Nobody
    /// submits for the client meanwhile.
    func drain(_ client: any BlockClient)
}
