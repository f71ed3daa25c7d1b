internal import NetworkFrames
internal import VMMCore

/// One receive queue: puts frames into the buffers that the driver offers. Each method is one step and calls nobody but its
/// `VirtioQueue`; the network's thread is the only one that gives frames.
struct NetworkReceiveQueue: ~Copyable {
    enum Outcome {
        case done
        case dropped
        /// There are not enough buffers: the driver is interrupted for those that it got, and `driverCame()` says when there may be more.
        case full(interrupt: Completed?)
        case fault(VirtioDriver, VirtioQueue, QueueFault)
    }

    /// Whom to interrupt.
    struct Completed {
        let driver: VirtioDriver
        let queue: VirtioQueue
    }

    /// A buffer that the driver offered.
    private final class Slot {
        var chain: VirtioChain?
    }

    private struct Active {
        let queue: VirtioQueue
        let driver: VirtioDriver
        let isMergeable: Bool
    }

    private var active: Active?
    private var isBroken = false
    private var isWaiting = false
    private var hasCompleted = false
    /// Buffers that were taken for a frame which needs more, in their order: the first `held`.
    private var slots: [Slot] = []
    private var held = 0
    /// Of those, in bytes.
    private var capacity: UInt64 = 0
    private var header = [UInt8](repeating: 0, count: OffloadHeader.byteCount)
    private(set) var counts = NetworkQueueCounts()

    mutating func activate(_ queue: VirtioQueue, _ activation: VirtioActivation) {
        let isMergeable = activation.features & NetworkFeatures.mergeableBuffers != 0
        active = Active(queue: queue, driver: activation.driver, isMergeable: isMergeable)
        isBroken = false
        isWaiting = false
        hasCompleted = false
        // Of what use is a buffer before there is a frame.
        queue.suspendNotifications()
    }

    mutating func markBroken() { isBroken = true }

    mutating func reset() {
        forgetBuffers()
        active = nil
    }

    private mutating func forgetBuffers() {
        for index in 0..<held {
            if let chain = slots[index].chain.take() { active?.queue.discard(chain) }
        }
        held = 0
        capacity = 0
    }

    /// The driver notifies, or the queue was started or stopped. True: a frame may be waiting for it.
    mutating func driverCame() -> Bool {
        guard let active else { return false }
        // A queue that was stopped alone waits for its chains.
        if held > 0, !active.queue.isRunning { forgetBuffers() }
        guard isWaiting else { return false }
        isWaiting = false
        active.queue.suspendNotifications()
        return true
    }

    /// Whom to interrupt for all frames since the last call.
    mutating func takeCompleted() -> Completed? {
        guard hasCompleted, !isBroken, let active else { return nil }
        hasCompleted = false
        return Completed(driver: active.driver, queue: active.queue)
    }

    /// Puts the frame `bytes[range]` into buffers, with `offload` as its header.
    mutating func put(_ bytes: [UInt8], _ range: Range<Int>, _ offload: OffloadHeader) -> Outcome {
        guard let active, !isBroken else { return drop() }
        while capacity < UInt64(range.count) {
            // §5.1.6.3.2: without mergeable buffers a frame has one. It stays for the next frame.
            guard held == 0 || active.isMergeable else { return drop() }
            switch active.queue.next() {
            case .chain(let chain): if let fault = hold(chain, active) { return fail(active, fault) }
            case .malformed(let fault): return fail(active, fault)
            case .empty:
                if active.queue.resumeNotifications() { continue }
                guard active.queue.isRunning else {
                    forgetBuffers()
                    return drop()
                }
                isWaiting = true
                counts.waits &+= 1
                return .full(interrupt: takeCompleted())
            }
        }
        fill(bytes, range, offload, active.queue)
        hasCompleted = true
        counts.frames &+= 1
        counts.bytes &+= UInt64(range.count - NetworkFrame.headerSize)
        return .done
    }

    private mutating func hold(_ chain: consuming VirtioChain, _ active: Active) -> QueueFault? {
        guard chain.readableSegmentCount == 0 else { return active.queue.refuse(chain, .wrongDirection) }
        let room = chain.writableBytes
        guard room >= UInt64(NetworkFrame.headerSize) else {
            return active.queue.refuse(chain, .networkBufferTooSmall(room))
        }
        if held == slots.count { slots.append(Slot()) }
        slots[held].chain = consume chain
        held += 1
        capacity += room
        return nil
    }

    /// Spreads the frame over as many of the buffers as it needs; all but the last are full (§5.1.6.4.1).
    private mutating func fill(
        _ bytes: [UInt8], _ range: Range<Int>, _ offload: OffloadHeader, _ queue: VirtioQueue
    ) {
        let count = countNeeded(UInt64(range.count))
        offload.write(into: &header, at: 0, bufferCount: UInt16(clamping: count))
        var position = range.lowerBound + NetworkFrame.headerSize
        for index in 0..<count {
            guard var chain = slots[index].chain.take() else { continue }
            capacity -= chain.writableBytes
            if index == 0 { _ = queue.write(&chain, from: header, 0..<header.count) }
            position += queue.write(&chain, from: bytes, position..<range.upperBound)
            // The driver must see all of them together.
            if index < count - 1 { queue.stage(chain) } else { queue.complete(chain) }
        }
        held -= count
        // Buffers were held for a larger frame that did not come again.
        if held > 0 { slots = Array(slots[count...] + slots[..<count]) }
    }

    private func countNeeded(_ bytes: UInt64) -> Int {
        var room: UInt64 = 0
        for index in 0..<held {
            room += slots[index].chain?.writableBytes ?? 0
            if room >= bytes { return index + 1 }
        }
        return held
    }

    private mutating func drop() -> Outcome {
        counts.drops &+= 1
        return .dropped
    }

    private mutating func fail(_ active: Active, _ fault: QueueFault) -> Outcome {
        isBroken = true
        return .fault(active.driver, active.queue, fault)
    }
}
