/// A request to a block device, and the buffer it is about: the device's from `submit` until `completion`.
///
/// The same object may be submitted again. One request has one piece of memory; a scattered buffer is several requests, submitted
/// together.
package final class BlockRequest {
    package enum Operation: Equatable, Sendable {
        case read, write
        /// What was written and completed before is on the medium when this completes. Without sector or memory.
        case flush
    }

    package enum Status: Equatable, Sendable {
        case pending
        case done
        /// The device reports an error of its medium.
        case ioError
        /// The device does not know the operation.
        case unsupported
        /// Beyond the end, no whole sectors, or a write to a read-only device: the device was not asked.
        case invalid
        /// The device is not there any more: it broke the rules, or was reset.
        case deviceFailed

        package var reason: StaticString {
            switch self {
            case .pending: "is pending"
            case .done: "is done"
            case .ioError: "the device reports an I/O error"
            case .unsupported: "the device does not know the operation"
            case .invalid: "the request is beyond the end, or a write to a read-only device"
            case .deviceFailed: "the device failed"
            }
        }
    }

    package final var operation: Operation
    /// In units of 512 bytes, whatever the device's block size is.
    package final var sector: UInt64
    /// A multiple of 512 bytes.
    package final var memory: DMASegment
    /// Written by the device's driver.
    package final var status = Status.pending
    /// Called once a submission, from an interrupt too: it wakes someone, or submits more.
    package final var completion: (BlockRequest) -> Void
    /// The next in a list of requests: its owner's, that is the driver's while the request is submitted.
    package final var next: BlockRequest?

    package init(
        _ operation: Operation, sector: UInt64 = 0, memory: DMASegment = DMASegment(address: 0, count: 0),
        completion: @escaping (BlockRequest) -> Void
    ) {
        self.operation = operation
        self.sector = sector
        self.memory = memory
        self.completion = completion
    }
}

extension BlockRequest {
    /// True when a device may be asked for it.
    package final func isValid(sectorCount: UInt64, isReadOnly: Bool) -> Bool {
        if operation == .flush { return true }
        let sectors = UInt64(memory.count) / 512
        return memory.count > 0 && memory.count % 512 == 0 && sectors <= sectorCount
            && sector <= sectorCount - sectors && !(operation == .write && isReadOnly)
    }
}

/// What a disk is to file systems and commands.
///
/// Threading: any thread, and completions.
package protocol BlockDevice: AnyObject {
    /// In 512-byte sectors.
    var sectorCount: UInt64 { get }
    /// What the device likes requests to be a multiple of, in bytes.
    var blockSize: UInt32 { get }
    var isReadOnly: Bool { get }
    /// As many requests as the device works on at a time.
    var depth: Int { get }
    /// Takes a request, whatever is in flight; `more` says that others follow at once, and saves a notification.
    func submit(_ request: BlockRequest, more: Bool)
}
