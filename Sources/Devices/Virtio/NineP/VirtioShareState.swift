internal import VMMCore

/// The requests of a 9P device, and which of them are being worked on. Each method is one step and calls nobody but its queue.
///
/// One thread at a time takes requests: it has the claim, which ends only when nothing is left, in the same step that looked.
/// A Tflush is answered here: at once, or when the request that it names has been (9P2000, flush(5)). It can wait for requests
/// only that were taken before it, so that no two wait for each other.
struct VirtioShareState: ~Copyable {
    enum Step {
        /// Another thread has the claim, or there was nothing to do.
        case none
        /// Have the request in this slot worked on, then take the next step.
        case submit(Int)
        /// The claim has ended: interrupt the driver if it wants that.
        case interrupt(VirtioDriver, VirtioQueue)
        /// The claim has ended: the driver broke a rule.
        case fault(VirtioDriver, VirtioQueue, QueueFault)
    }

    private final class Slot {
        /// Nil while somebody works on it.
        var chain: VirtioChain?
        var header = NinePHeader([UInt8](repeating: 0, count: NinePHeader.size))
        var isTaken = false
        /// The slot of the request that this one, a Tflush, waits for.
        var waitsFor: Int?
    }

    private struct Active {
        let queue: VirtioQueue
        let driver: VirtioDriver
    }

    private var active: Active?
    /// Of former activations.
    private var pastInterrupts: UInt64 = 0
    /// The device was reset: what completes now is nobody's.
    private var isReset = true
    private var isBroken = false
    private var isClaimed = false
    private var hasCompleted = false
    private var slots: [Slot] = []
    private var free: [Int] = []
    private var waitingCount = 0
    /// A header, and the tag that a Tflush names.
    private var start = [UInt8](repeating: 0, count: NinePHeader.size + 2)
    private var flushReply = [UInt8](repeating: 0, count: NinePHeader.size)

    /// - Parameter size: requests that can be under way.
    init(size: Int) {
        for index in (0..<size).reversed() {
            slots.append(Slot())
            free.append(index)
        }
    }

    mutating func activate(_ activation: VirtioActivation) {
        active = Active(queue: activation.queues[0], driver: activation.driver)
        isReset = false
        isBroken = false
        hasCompleted = false
    }

    /// Nothing is taken and answered any more; `forget()` when nobody works on a request.
    mutating func reset() { isReset = true }

    /// Drops what was not worked on.
    mutating func forget() {
        guard let active else { return }
        for (index, slot) in slots.enumerated() where slot.isTaken {
            if let chain = slot.chain.take() { active.queue.discard(chain) }
            release(index)
        }
        pastInterrupts = interruptCount
        self.active = nil
    }

    var interruptCount: UInt64 { active?.queue.interruptCount ?? pastInterrupts }

    private mutating func release(_ index: Int) {
        let slot = slots[index]
        if slot.waitsFor != nil { waitingCount -= 1 }
        slot.waitsFor = nil
        slot.isTaken = false
        free.append(index)
    }

    // MARK: Taking

    /// Takes the claim. False: another thread has it.
    mutating func claim() -> Bool {
        guard let active, !isReset, !isBroken, !isClaimed else { return false }
        isClaimed = true
        active.queue.suspendNotifications()
        return true
    }

    /// The next step of the claim, which ends with any but `submit`.
    mutating func next() -> Step {
        guard let active, !isReset, !isBroken else {
            isClaimed = false
            return .none
        }
        while true {
            switch active.queue.next() {
            case .chain(let chain):
                if let step = begin(chain, active) { return step }
            case .malformed(let fault): return fail(active, fault)
            case .empty:
                if active.queue.resumeNotifications() { continue }
                isClaimed = false
                guard hasCompleted else { return .none }
                hasCompleted = false
                return .interrupt(active.driver, active.queue)
            }
        }
    }

    /// Takes a request in. Nil: it was answered, or waits.
    private mutating func begin(_ chain: consuming VirtioChain, _ active: Active) -> Step? {
        var chain = chain
        let (readable, writable) = (chain.readableBytes, chain.writableBytes)
        guard readable >= UInt64(NinePHeader.size) else {
            return fail(active, active.queue.refuse(chain, .ninePRequestTooShort(readable)))
        }
        guard writable >= UInt64(NineP.errorReplySize) else {
            return fail(active, active.queue.refuse(chain, .ninePReplyTooShort(writable)))
        }
        // A driver that starts its queue again before the old requests have come back can use up all.
        guard let index = free.popLast() else { return fail(active, active.queue.refuse(chain, .tooManyChains)) }
        let count = active.queue.read(&chain, into: &start, 0..<NinePHeader.size)
        let slot = slots[index]
        slot.isTaken = true
        slot.header = NinePHeader(start)
        guard count == NinePHeader.size, slot.header.type == NinePType.flush.rawValue,
            active.queue.read(&chain, into: &start, NinePHeader.size..<start.count) == 2
        else {
            slot.chain = consume chain
            return .submit(index)
        }
        let tag = UInt16(start[NinePHeader.size]) | UInt16(start[NinePHeader.size + 1]) << 8
        slot.chain = consume chain
        slot.waitsFor = slots.firstIndex { $0 !== slot && $0.isTaken && $0.header.tag == tag }
        if slot.waitsFor != nil { waitingCount += 1 } else { finishFlush(index, active) }
        return nil
    }

    /// A copy of the header, for who works on the request in a slot, and its chain.
    func take(_ index: Int) -> VirtioShareRequest? {
        guard let active, !isReset, slots.indices.contains(index), let chain = slots[index].chain.take() else {
            return nil
        }
        return VirtioShareRequest(queue: active.queue, header: slots[index].header, chain: chain)
    }

    // MARK: Answering

    /// Completes a request with what was written to its chain, and answers who waits for that. Gives whom to interrupt, if that
    /// is not up to the claim.
    mutating func completed(_ index: Int, _ finished: inout VirtioShareRequest?) -> (VirtioDriver, VirtioQueue)? {
        guard let active, let request = finished.take() else { return nil }
        guard !isReset else {
            active.queue.discard(request.chain)
            return nil
        }
        active.queue.complete(request.chain)
        release(index)
        if waitingCount > 0 { answerFlushes(of: index, active) }
        guard !isClaimed else {
            hasCompleted = true
            return nil
        }
        return (active.driver, active.queue)
    }

    private mutating func answerFlushes(of index: Int, _ active: Active) {
        var done = [index]
        while let next = done.popLast() {
            for (waiter, slot) in slots.enumerated() where slot.waitsFor == next {
                finishFlush(waiter, active)
                done.append(waiter)
            }
        }
    }

    private mutating func finishFlush(_ index: Int, _ active: Active) {
        guard var chain = slots[index].chain.take() else { return }
        var writer = NinePWriter(flushReply, limit: flushReply.count)
        let size = writer.finish(type: NinePType.flush.rawValue + 1, tag: slots[index].header.tag)
        flushReply = writer.takeStorage()
        _ = active.queue.write(&chain, from: flushReply, 0..<size)
        active.queue.complete(chain)
        hasCompleted = true
        release(index)
    }

    private mutating func fail(_ active: Active, _ fault: QueueFault) -> Step {
        isClaimed = false
        isBroken = true
        return .fault(active.driver, active.queue, fault)
    }
}

/// A request that somebody works on.
struct VirtioShareRequest: ~Copyable {
    let queue: VirtioQueue
    let header: NinePHeader
    /// Read to the end of the header.
    var chain: VirtioChain
}
