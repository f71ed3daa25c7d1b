internal import VMMCore

/// The requests of a pmem device, and whether a flush is under way. Each method is one step and calls nobody but its queue.
struct VirtioPersistentMemoryState: ~Copyable {
    /// What is to be done after a step, without the lock.
    struct Step {
        enum Signal {
            case none
            /// Interrupt the driver if it wants that.
            case interrupt(VirtioDriver, VirtioQueue)
            /// The driver broke a rule.
            case fault(VirtioDriver, VirtioQueue, QueueFault)
        }

        var signal = Signal.none
        /// Have `begin()` called where the host may be waited for.
        var needsFlush = false
    }

    private final class Slot {
        var chain: VirtioChain?
    }

    private enum Flush {
        case idle
        /// Somebody was asked for one.
        case wanted
        /// One is under way for the first slots; the others came later.
        case running(covers: Int)
    }

    /// Source: virtio 1.2 §5.19.6, VIRTIO_PMEM_REQ_TYPE_FLUSH.
    private static let flushType: [UInt8] = [0, 0, 0, 0]
    /// Source: virtio 1.2 §5.19.7.2.1: 0 for success, -1 for failure; le32.
    private static let success: [UInt8] = [0, 0, 0, 0]
    private static let failure: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]

    private var activation: VirtioActivation?
    /// The device was reset: nothing is taken and answered.
    private var isReset = true
    private var isBroken = false
    private var flush = Flush.idle
    /// Requests in the order of their coming, the first `waiting` of them taken.
    private var slots: [Slot] = []
    private var waiting = 0
    private var type: [UInt8] = [0, 0, 0, 0]
    /// Of all activations.
    private(set) var requests: UInt64 = 0
    private(set) var flushes: UInt64 = 0
    /// Requests that were answered by -1.
    private(set) var errors: UInt64 = 0

    /// - Parameter size: requests that can wait.
    init(size: Int) { for _ in 0..<size { slots.append(Slot()) } }

    mutating func activate(_ new: VirtioActivation) {
        activation = new
        isReset = false
        isBroken = false
    }

    /// `forget()` follows when nobody flushes any more.
    mutating func reset() { isReset = true }

    mutating func forget() {
        guard let activation else { return }
        for slot in slots { if let chain = slot.chain.take() { activation.queues[0].discard(chain) } }
        waiting = 0
        flush = .idle
        self.activation = nil
    }

    /// Takes what the driver has made available.
    mutating func take() -> Step {
        guard let activation, !isReset, !isBroken else { return Step() }
        let queue = activation.queues[0]
        var step = Step()
        queue.suspendNotifications()
        while true {
            switch queue.next() {
            case .chain(let chain):
                if let fault = admit(chain, queue, &step, activation) {
                    isBroken = true
                    step.signal = .fault(activation.driver, queue, fault)
                    return step
                }
            case .malformed(let fault):
                isBroken = true
                step.signal = .fault(activation.driver, queue, fault)
                return step
            case .empty:
                if queue.resumeNotifications() { continue }
                return step
            }
        }
    }

    private mutating func admit(
        _ request: consuming VirtioChain, _ queue: VirtioQueue, _ step: inout Step, _ activation: VirtioActivation
    ) -> QueueFault? {
        var chain = request
        guard chain.readableBytes >= UInt64(Self.flushType.count), chain.writableBytes >= UInt64(Self.success.count)
        else { return queue.refuse(chain, .persistentMemoryRequestTooShort) }
        guard waiting < slots.count else { return queue.refuse(chain, .tooManyChains) }
        requests &+= 1
        guard queue.read(&chain, into: &type, 0..<type.count) == type.count, type == Self.flushType else {
            answer(chain, queue, Self.failure)
            step.signal = .interrupt(activation.driver, queue)
            return nil
        }
        slots[waiting].chain = consume chain
        waiting += 1
        if case .idle = flush {
            flush = .wanted
            step.needsFlush = true
        }
        return nil
    }

    private mutating func answer(_ request: consuming VirtioChain, _ queue: VirtioQueue, _ value: [UInt8]) {
        var chain = request
        if value == Self.failure { errors &+= 1 }
        _ = queue.write(&chain, from: value, 0..<value.count)
        queue.complete(chain)
    }

    /// A flush begins: it is for all requests that have come. False: there is nothing to flush for.
    mutating func begin() -> Bool {
        guard !isReset, case .wanted = flush else { return false }
        flush = .running(covers: waiting)
        flushes &+= 1
        return true
    }

    /// The flush has ended: answers the requests that it was for.
    mutating func finish(isDone: Bool) -> Step {
        guard let activation, !isReset, case .running(let covered) = flush else { return Step() }
        let queue = activation.queues[0]
        for slot in slots[0..<covered] {
            if let chain = slot.chain.take() { answer(chain, queue, isDone ? Self.success : Self.failure) }
        }
        // The rest moves up.
        for index in covered..<waiting { slots.swapAt(index - covered, index) }
        waiting -= covered
        flush = waiting > 0 ? .wanted : .idle
        return Step(signal: .interrupt(activation.driver, queue), needsFlush: waiting > 0)
    }
}
