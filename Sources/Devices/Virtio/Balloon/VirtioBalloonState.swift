internal import VMMCore

/// The queues of a balloon. Each method is one step and calls nobody but its queue.
///
/// One thread at a time works on a queue: it has the claim, which ends only when nothing is left, in the same step that looked.
/// Source: virtio 1.2 §5.5.
struct VirtioBalloonState: ~Copyable {
    static let queueCount = 5
    /// Pages of one request to inflate: Linux has 256. The rest of a longer one is not looked at.
    static let pageLimit = 1 << 14

    /// VIRTIO_BALLOON_F_STATS_VQ, _F_DEFLATE_ON_OOM, _F_PAGE_REPORTING.
    static let statisticsQueue: UInt64 = 1 << 1
    static let deflateOnOOM: UInt64 = 1 << 2
    static let pageReporting: UInt64 = 1 << 5

    enum Step {
        /// Give these parts of memory back to the host, then call `discarded`.
        case discard([GuestBuffer])
        case ended(QueueClaim.End)
    }

    private enum Role {
        case inflate
        case deflate
        case statistics
        case reporting
    }

    private final class Lane {
        var claim = QueueClaim()
        var chain: VirtioChain?
        /// Parts of memory that the chain is about; storage that is used again and again.
        var parts: [GuestBuffer] = []
    }

    private let lanes: [Lane]
    /// The driver's buffer for statistics, which it has filled; nil: it has not, or it was asked anew.
    private var statisticsChain: VirtioChain?
    private(set) var statistics = BalloonStatistics()
    private(set) var counts = BalloonCounts()
    private var piece = [UInt8](repeating: 0, count: 4096)

    init() { lanes = (0..<Self.queueCount).map { _ in Lane() } }

    /// Nil: there is none.
    var driver: VirtioDriver? { lanes[0].claim.isReset ? nil : lanes[0].claim.last?.driver }

    mutating func activate(_ activation: VirtioActivation) {
        for (lane, queue) in zip(lanes, activation.queues) { lane.claim.activate(queue, activation) }
    }

    /// From here on nothing is taken and completed; who has a claim comes to its end.
    mutating func reset() {
        for lane in lanes {
            if let chain = lane.chain.take() { lane.claim.last?.queue.discard(chain) }
            lane.claim.reset()
        }
        if let chain = statisticsChain.take() { lanes[2].claim.last?.queue.discard(chain) }
    }

    /// What a queue is for. §5.5.2 numbers them all; Linux and QEMU leave no gap for a queue whose feature was not agreed on.
    private static func role(of index: Int, features: UInt64) -> Role? {
        switch index {
        case 0: .inflate
        case 1: .deflate
        case 2 where features & statisticsQueue != 0: .statistics
        default: features & pageReporting != 0 ? .reporting : nil
        }
    }

    /// Takes the claim. False: another thread has it, or the queue is for nothing.
    mutating func takeClaim(_ index: Int) -> Bool {
        guard lanes.indices.contains(index), let activity = lanes[index].claim.activity,
            Self.role(of: index, features: activity.features) != nil
        else { return false }
        return lanes[index].claim.take()
    }

    /// The next step of the claim.
    mutating func next(_ index: Int) -> Step {
        let lane = lanes[index]
        while true {
            switch lane.claim.next() {
            case .chain(let chain, let activity):
                let role = Self.role(of: index, features: activity.features)
                let wanted = role == .reporting ? 0 : chain.segmentCount
                guard chain.readableSegmentCount == wanted else {
                    let end = lane.claim.fail(activity.queue.refuse(chain, .wrongDirection))
                    return broken(end)
                }
                if take(chain, role, lane, activity.queue) { return .discard(lane.parts) }
            case .ended(let end): return broken(end)
            }
        }
    }

    /// A driver that broke a rule with one queue has broken the device.
    private func broken(_ end: QueueClaim.End) -> Step {
        if case .broken = end { for lane in lanes { lane.claim.markBroken() } }
        return .ended(end)
    }

    /// Takes a request in. True: there is something to discard.
    private mutating func take(
        _ chain: consuming VirtioChain, _ role: Role?, _ lane: Lane, _ queue: VirtioQueue
    ) -> Bool {
        var chain = chain
        switch role {
        case .inflate:
            lane.parts.removeAll(keepingCapacity: true)
            counts.inflatedPages &+= readPages(&chain, &lane.parts, queue)
            lane.chain = consume chain
            return true
        case .deflate:
            // Its pages come back when they are touched.
            counts.deflatedPages &+= min(chain.readableBytes, UInt64(Self.pageLimit) * 4) / 4
            lane.claim.complete(chain)
            return false
        case .statistics:
            let count = queue.read(&chain, into: &piece, 0..<piece.count)
            statistics = BalloonStatistics(piece, count: count)
            // §5.5.6.3: one buffer is under way; a driver that offers more gets the one before.
            if let old = statisticsChain.take() { lane.claim.complete(old) }
            statisticsChain = consume chain
            return false
        case .reporting:
            lane.parts.removeAll(keepingCapacity: true)
            chain.appendWritable(0..<chain.writableBytes, to: &lane.parts)
            counts.reportedBytes &+= chain.writableBytes
            lane.chain = consume chain
            return true
        case nil:
            // Another driver took over meanwhile, which agreed on less.
            lane.claim.complete(chain)
            return false
        }
    }

    /// Page numbers in units of 4 KiB, whatever the guest's pages are (§5.5.6). Neighbours become one part. Gives how many.
    private mutating func readPages(
        _ chain: inout VirtioChain, _ parts: inout [GuestBuffer], _ queue: VirtioQueue
    ) -> UInt64 {
        var pages = 0
        while pages < Self.pageLimit {
            let count = queue.read(&chain, into: &piece, 0..<piece.count) / 4
            for index in 0..<count {
                let number = piece[index * 4..<index * 4 + 4].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
                BalloonPages.append(number, to: &parts)
            }
            pages += count
            if count < piece.count / 4 { break }
        }
        return UInt64(pages)
    }

    /// Ends a `discard`. Without effect when the device was reset meanwhile.
    mutating func discarded(_ index: Int) {
        if let chain = lanes[index].chain.take() { lanes[index].claim.complete(chain) }
    }

    /// Asks the driver for newer statistics, if it has given some. Gives whom to interrupt.
    mutating func askForStatistics() -> (VirtioDriver, VirtioQueue)? {
        guard let activity = lanes[2].claim.activity, let chain = statisticsChain.take() else { return nil }
        activity.queue.complete(chain)
        return (activity.driver, activity.queue)
    }
}

/// Pages of a balloon. Source: virtio 1.2 §5.5.6: VIRTIO_BALLOON_PFN_SHIFT is 12.
enum BalloonPages {
    static let size: UInt64 = 4096

    /// Adds the page of a number to the last part if it lies behind that.
    static func append(_ number: UInt64, to parts: inout [GuestBuffer]) {
        let address = number * size
        if let last = parts.last, last.length <= UInt32.max - UInt32(size),
            last.address.advanced(by: UInt64(last.length)) == GuestAddress(address)
        {
            parts[parts.count - 1] = GuestBuffer(address: last.address, length: last.length + UInt32(size))
        } else {
            parts.append(GuestBuffer(address: GuestAddress(address), length: UInt32(size)))
        }
    }
}

/// What a balloon has done.
struct BalloonCounts: Hashable {
    var inflatedPages: UInt64 = 0
    var deflatedPages: UInt64 = 0
    var reportedBytes: UInt64 = 0
}

/// What the driver says of the guest's memory: le16 tag and le64 value each. Source: virtio 1.2 §5.5.6.4.
struct BalloonStatistics: Hashable {
    /// By tag, from 0 on; nil: not told.
    private(set) var values = [UInt64?](repeating: nil, count: BalloonStatistics.names.count)

    static let names = [
        "swapIn", "swapOut", "majorFaults", "minorFaults", "freeBytes", "totalBytes", "availableBytes", "cacheBytes",
        "hugeAllocations", "hugeFailures",
    ]
    private static let entrySize = 10

    init() {}

    /// - Parameter count: of the bytes, how many were told.
    init(_ bytes: [UInt8], count: Int) {
        var start = 0
        while start + Self.entrySize <= count {
            let tag = Int(bytes[start]) | Int(bytes[start + 1]) << 8
            let value = bytes[start + 2..<start + 10].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
            // Tags of later editions are left alone.
            if values.indices.contains(tag) { values[tag] = value }
            start += Self.entrySize
        }
    }
}
