internal import VMMCore

/// What a queue of a block device has done. Requests are counted when they end.
struct VirtioBlockCounts: Hashable {
    var notifications: UInt64 = 0
    var interrupts: UInt64 = 0
    private var reads: UInt64 = 0
    private var writes: UInt64 = 0
    private var flushes: UInt64 = 0
    private var discards: UInt64 = 0
    private var zeroings: UInt64 = 0
    /// Those that the device answers by itself.
    private var others: UInt64 = 0
    private var bytesRead: UInt64 = 0
    private var bytesWritten: UInt64 = 0
    /// Requests of all kinds that did not end well.
    private var errors: UInt64 = 0

    /// The device answered a request by itself.
    mutating func answered(_ status: BlockCommand.Status) {
        others &+= 1
        if status != .ok { errors &+= 1 }
    }

    /// The storage ended a request. Bytes count when they were moved.
    mutating func ended(_ operation: BlockOperation, _ length: UInt64, _ result: BlockResult) {
        let isDone = result == .done
        if result == .failed || result == .unsupported { errors &+= 1 }
        switch operation {
        case .read:
            reads &+= 1
            if isDone { bytesRead &+= length }
        case .write:
            writes &+= 1
            if isDone { bytesWritten &+= length }
        case .flush: flushes &+= 1
        case .discard: discards &+= 1
        case .writeZeroes: zeroings &+= 1
        }
    }

    mutating func add(_ other: VirtioBlockCounts) {
        notifications &+= other.notifications
        interrupts &+= other.interrupts
        reads &+= other.reads
        writes &+= other.writes
        flushes &+= other.flushes
        discards &+= other.discards
        zeroings &+= other.zeroings
        others &+= other.others
        bytesRead &+= other.bytesRead
        bytesWritten &+= other.bytesWritten
        errors &+= other.errors
    }

    var counters: [DeviceCounter] {
        [
            DeviceCounter("reads", reads), DeviceCounter("writes", writes), DeviceCounter("flushes", flushes),
            DeviceCounter("discards", discards), DeviceCounter("zeroings", zeroings), DeviceCounter("others", others),
            DeviceCounter("bytesRead", bytesRead), DeviceCounter("bytesWritten", bytesWritten),
            DeviceCounter("errors", errors), DeviceCounter("notifications", notifications),
            DeviceCounter("interrupts", interrupts),
        ]
    }
}
