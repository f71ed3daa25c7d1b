internal import VMMCore

/// The control queue: takes a command at a time, says what it is, and answers it. Each method is one step and calls nobody but its
/// `VirtioQueue`.
///
/// One thread at a time has the claim, which ends when nothing is left, in the same step that looked.
struct NetworkControlQueue: ~Copyable {
    enum Step {
        /// Another thread has the claim, or there was nothing to do.
        case none
        /// Perform it, then call `answer(_:)`.
        case perform(NetworkCommand)
        /// The claim has ended: interrupt the driver if it wants that.
        case interrupt(VirtioDriver, VirtioQueue)
        /// The claim has ended: the driver broke a rule.
        case fault(VirtioDriver, VirtioQueue, QueueFault)
    }

    private struct Active {
        let queue: VirtioQueue
        let driver: VirtioDriver
        let features: UInt64
    }

    private var active: Active?
    private var isBroken = false
    private var isClaimed = false
    private var hasCompleted = false
    /// Of the command that is being performed.
    private var chain: VirtioChain?
    private var bytes = [UInt8](repeating: 0, count: NetworkCommand.sizeLimit)

    mutating func activate(_ queue: VirtioQueue, _ activation: VirtioActivation) {
        active = Active(queue: queue, driver: activation.driver, features: activation.features)
        isBroken = false
        hasCompleted = false
    }

    mutating func markBroken() { isBroken = true }

    mutating func reset() {
        if let chain = chain.take() { active?.queue.discard(chain) }
        active = nil
    }

    /// False: another thread has it.
    mutating func claim() -> Bool {
        guard active != nil, !isBroken, !isClaimed else { return false }
        isClaimed = true
        return true
    }

    /// The next step of the claim, which ends with any but `perform`.
    mutating func next() -> Step {
        guard let active, !isBroken else {
            isClaimed = false
            return .none
        }
        active.queue.suspendNotifications()
        while true {
            switch active.queue.next() {
            case .chain(let chain):
                if let step = take(chain, active) { return step }
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

    /// Nil: it was answered.
    private mutating func take(_ chain: consuming VirtioChain, _ active: Active) -> Step? {
        let count = chain.readableBytes
        guard count >= UInt64(NetworkCommand.headerSize), chain.writableBytes > 0 else {
            return fail(active, active.queue.refuse(chain, .networkCommandTooShort))
        }
        let read = active.queue.read(&chain, into: &bytes, 0..<bytes.count)
        let command = NetworkCommand(
            bytes, count: read, isWhole: UInt64(read) == count, features: active.features)
        guard let command else {
            complete(chain, .error, active)
            return nil
        }
        self.chain = consume chain
        return .perform(command)
    }

    /// The command has been performed. Without effect when the device was reset meanwhile.
    mutating func answer(_ acknowledgement: NetworkCommand.Acknowledgement) {
        guard let active, let chain = chain.take() else { return }
        complete(chain, acknowledgement, active)
    }

    private mutating func complete(
        _ chain: consuming VirtioChain, _ acknowledgement: NetworkCommand.Acknowledgement, _ active: Active
    ) {
        active.queue.store(acknowledgement.rawValue, in: chain, at: 0)
        chain.setWritten(1)
        active.queue.complete(chain)
        hasCompleted = true
    }

    private mutating func fail(_ active: Active, _ fault: QueueFault) -> Step {
        isClaimed = false
        isBroken = true
        return .fault(active.driver, active.queue, fault)
    }
}
