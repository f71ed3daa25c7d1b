internal import VMMCore

/// The requests of a 9P device, and which of them are being worked on. Each method is one step and calls nobody but its queue.
///
/// A Tflush is answered here: at once, or when the request that it names has been (9P2000, flush(5)). It can wait for requests
/// only that were taken before it, so that no two wait for each other.
struct VirtioShareState: ~Copyable {
    enum Step {
        /// Have the request in this slot worked on, then take the next step.
        case submit(Int)
        case ended(QueueClaim.End)
    }

    private final class Slot {
        /// Nil while somebody works on it.
        var chain: VirtioChain?
        var header = NinePHeader([UInt8](repeating: 0, count: NinePHeader.size))
        var isTaken = false
        /// The slot of the request that this one, a Tflush, waits for.
        var waitsFor: Int?
    }

    private var claim = QueueClaim()
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

    mutating func activate(_ activation: VirtioActivation) { claim.activate(activation.queues[0], activation) }

    /// Nothing is taken and answered any more; `forget()` when nobody works on a request.
    mutating func reset() { claim.reset() }

    /// Drops what was not worked on.
    mutating func forget() {
        guard let last = claim.last else { return }
        for (index, slot) in slots.enumerated() where slot.isTaken {
            if let chain = slot.chain.take() { last.queue.discard(chain) }
            release(index)
        }
    }

    /// Of all activations.
    var interruptCount: UInt64 { claim.last?.queue.interruptCount ?? 0 }

    private mutating func release(_ index: Int) {
        let slot = slots[index]
        if slot.waitsFor != nil { waitingCount -= 1 }
        slot.waitsFor = nil
        slot.isTaken = false
        free.append(index)
    }

    // MARK: Taking

    /// Takes the claim. False: another thread has it.
    mutating func takeClaim() -> Bool { claim.take() }

    /// The next step of the claim.
    mutating func next() -> Step {
        while true {
            switch claim.next() {
            case .chain(let chain, let activity):
                if let step = begin(chain, activity.queue) { return step }
            case .ended(let end): return .ended(end)
            }
        }
    }

    /// Takes a request in. Nil: it was answered, or waits.
    private mutating func begin(_ chain: consuming VirtioChain, _ queue: VirtioQueue) -> Step? {
        var chain = chain
        let (readable, writable) = (chain.readableBytes, chain.writableBytes)
        guard readable >= UInt64(NinePHeader.size) else {
            return .ended(claim.fail(queue.refuse(chain, .ninePRequestTooShort(readable))))
        }
        guard writable >= UInt64(NineP.errorReplySize) else {
            return .ended(claim.fail(queue.refuse(chain, .ninePReplyTooShort(writable))))
        }
        // A driver that starts its queue again before the old requests have come back can use up all.
        guard let index = free.popLast() else { return .ended(claim.fail(queue.refuse(chain, .tooManyChains))) }
        let count = queue.read(&chain, into: &start, 0..<NinePHeader.size)
        let slot = slots[index]
        slot.isTaken = true
        slot.header = NinePHeader(start)
        guard count == NinePHeader.size, slot.header.type == NinePType.flush.rawValue,
            queue.read(&chain, into: &start, NinePHeader.size..<start.count) == 2
        else {
            slot.chain = consume chain
            return .submit(index)
        }
        let tag = UInt16(start[NinePHeader.size]) | UInt16(start[NinePHeader.size + 1]) << 8
        slot.chain = consume chain
        slot.waitsFor = slots.firstIndex { $0 !== slot && $0.isTaken && $0.header.tag == tag }
        if slot.waitsFor != nil { waitingCount += 1 } else { finishFlush(index, queue) }
        return nil
    }

    /// A copy of the header, for who works on the request in a slot, and its chain.
    func take(_ index: Int) -> VirtioShareRequest? {
        guard let last = claim.last, !claim.isReset, slots.indices.contains(index),
            let chain = slots[index].chain.take()
        else { return nil }
        return VirtioShareRequest(queue: last.queue, header: slots[index].header, chain: chain)
    }

    // MARK: Answering

    /// Completes a request with what was written to its chain, and answers who waits for that. Gives whom to interrupt, if that
    /// is not up to the claim.
    mutating func completed(_ index: Int, _ finished: inout VirtioShareRequest?) -> (VirtioDriver, VirtioQueue)? {
        guard let queue = claim.last?.queue, let request = finished.take() else { return nil }
        guard !claim.isReset else {
            queue.discard(request.chain)
            return nil
        }
        claim.complete(request.chain)
        release(index)
        if waitingCount > 0 { answerFlushes(of: index, queue) }
        return claim.takeInterrupt()
    }

    private mutating func answerFlushes(of index: Int, _ queue: VirtioQueue) {
        var done = [index]
        while let next = done.popLast() {
            for (waiter, slot) in slots.enumerated() where slot.waitsFor == next {
                finishFlush(waiter, queue)
                done.append(waiter)
            }
        }
    }

    private mutating func finishFlush(_ index: Int, _ queue: VirtioQueue) {
        guard var chain = slots[index].chain.take() else { return }
        var writer = NinePWriter(flushReply, limit: flushReply.count)
        let size = writer.finish(type: NinePType.flush.rawValue + 1, tag: slots[index].header.tag)
        flushReply = writer.takeStorage()
        _ = queue.write(&chain, from: flushReply, 0..<size)
        claim.complete(chain)
        release(index)
    }
}

/// A request that somebody works on.
struct VirtioShareRequest: ~Copyable {
    let queue: VirtioQueue
    let header: NinePHeader
    /// Read to the end of the header.
    var chain: VirtioChain
}
