internal import Synchronization
internal import VMMCore

/// One queue of a block device: its requests, and which of them the storage has. Each method is one step and calls nobody
/// but its `VirtioQueue`.
///
/// Completions come on any thread. While there is a claim, its end interrupts the driver for all of them.
struct VirtioBlockQueue {
    enum Step {
        /// Give it to the storage, then take the next step.
        case submit(BlockRequest)
        case ended(QueueClaim.End)
    }

    /// A request that the storage has.
    private final class Slot {
        var chain: VirtioChain?
        var operation = BlockOperation.flush
        /// Bytes that a read fills.
        var readLength: UInt64 = 0
        /// Storage of the request's buffers, while it is here.
        var buffers: [GuestBuffer] = []
    }

    private let disk: BlockProperties
    /// Padded with zeros to `BlockCommand.serialSize`.
    private let serial: [UInt8]
    private var claim = QueueClaim()
    private var slots: [Slot] = []
    private var free: [Int] = []
    private var counted = VirtioBlockCounts()
    private var header = [UInt8](repeating: 0, count: BlockCommand.headerSize + BlockCommand.rangeSize)

    /// - Parameter size: requests that can be under way.
    init(disk: BlockProperties, serial: [UInt8], size: Int) {
        self.disk = disk
        self.serial = serial
        for index in (0..<size).reversed() {
            slots.append(Slot())
            free.append(index)
        }
    }

    /// What the queue has done, in all its lives.
    var counts: VirtioBlockCounts {
        var counts = counted
        counts.interrupts = claim.last?.queue.interruptCount ?? 0
        return counts
    }

    mutating func activate(_ queue: VirtioQueue, _ activation: VirtioActivation) { claim.activate(queue, activation) }

    /// From here on nothing touches the driver's memory but what the storage does.
    mutating func reset() { claim.reset() }

    /// Takes the claim. False: another thread has it.
    mutating func takeClaim() -> Bool {
        counted.notifications &+= 1
        return claim.take()
    }

    /// The next step of the claim.
    mutating func next() -> Step {
        while true {
            switch claim.next() {
            case .chain(let chain, let activity):
                if let step = begin(chain, activity) { return step }
            case .ended(let end): return .ended(end)
            }
        }
    }

    /// Answers a request, or makes one to the storage of it. Nil: it was answered.
    private mutating func begin(_ chain: consuming VirtioChain, _ activity: QueueClaim.Activity) -> Step? {
        var chain = chain
        let queue = activity.queue
        guard chain.readableBytes >= UInt64(BlockCommand.headerSize) else {
            let count = chain.readableBytes
            return .ended(claim.fail(queue.refuse(chain, .blockHeaderTooShort(count))))
        }
        guard chain.writableBytes > 0 else { return .ended(claim.fail(queue.refuse(chain, .blockStatusMissing))) }
        // A short chain leaves the range's bytes of the one before; the command looks at them in a long one only.
        _ = queue.read(&chain, into: &header, 0..<header.count)
        let shape = BlockCommand.Shape(
            readableData: chain.readableBytes - UInt64(BlockCommand.headerSize),
            writableData: chain.writableBytes - 1)
        switch BlockCommand(header, shape, disk: disk, features: activity.features) {
        case .reply(let status):
            counted.answered(status)
            answer(chain, status, dataLength: 0)
        case .identify:
            counted.answered(.ok)
            let length = min(shape.writableData, UInt64(BlockCommand.serialSize))
            _ = queue.write(&chain, from: serial, 0..<Int(length))
            answer(chain, .ok, dataLength: length)
        case .perform(let operation, let offset, let length):
            // A driver that starts its queue again before the old requests have come back (§2.6.1.2) can use up all.
            guard let index = free.popLast() else {
                return .ended(claim.fail(queue.refuse(chain, .tooManyChains)))
            }
            let slot = slots[index]
            var request = BlockRequest(tag: UInt64(index), operation: operation, offset: offset, length: length)
            // §5.2.6.2: without a flush to wait for, a write is stable when it completes.
            request.isDurable = activity.features & VirtioBlockConfiguration.flush == 0
            // Moved, not copied: storage with two owners could not be used again.
            swap(&request.buffers, &slot.buffers)
            request.buffers.removeAll(keepingCapacity: true)
            slot.readLength = 0
            slot.operation = operation
            switch operation {
            case .read:
                slot.readLength = length
                chain.appendWritable(0..<length, to: &request.buffers)
            case .write:
                let start = UInt64(BlockCommand.headerSize)
                chain.appendReadable(start..<start + length, to: &request.buffers)
            case .flush, .discard, .writeZeroes: break
            }
            slot.chain = consume chain
            return .submit(request)
        }
        return nil
    }

    /// Ends a request of the storage, and takes its storage of buffers back. Gives whom to interrupt, if that is not up to the claim.
    mutating func completed(_ request: inout BlockRequest, _ result: BlockResult) -> (VirtioDriver, VirtioQueue)? {
        guard let index = Int(exactly: request.tag), slots.indices.contains(index), let last = claim.last
        else { return nil }
        let slot = slots[index]
        guard let chain = slot.chain.take() else { return nil }
        swap(&slot.buffers, &request.buffers)
        free.append(index)
        guard !claim.isReset else {
            last.queue.discard(chain)
            return nil
        }
        counted.ended(slot.operation, request.length, result)
        switch result {
        case .done: answer(chain, .ok, dataLength: slot.readLength)
        case .failed, .abandoned: answer(chain, .ioError, dataLength: 0)
        case .unsupported: answer(chain, .unsupported, dataLength: 0)
        }
        return claim.takeInterrupt()
    }

    /// Writes the status behind all other bytes, and completes the chain.
    ///
    /// `dataLength`: how many bytes from the first one on were written. The used ring tells no more than is true of a prefix
    /// (§2.7.8.2): after a failed read that is nothing.
    private mutating func answer(
        _ chain: consuming VirtioChain, _ status: BlockCommand.Status, dataLength: UInt64
    ) {
        let statusOffset = chain.writableBytes - 1
        claim.last?.queue.store(status.rawValue, in: chain, at: statusOffset)
        chain.setWritten(dataLength == statusOffset ? dataLength + 1 : dataLength)
        claim.complete(chain)
    }
}
