internal import VMMCore

/// The control queue: takes a command at a time, says what it is, and answers it. Each method is one step and calls nobody but its
/// `VirtioQueue`.
struct NetworkControlQueue: ~Copyable {
    enum Step {
        /// Perform it, then call `answer(_:)`.
        case perform(NetworkCommand)
        case ended(QueueClaim.End)
    }

    private var claim = QueueClaim()
    /// Of the command that is being performed.
    private var chain: VirtioChain?
    private var bytes = [UInt8](repeating: 0, count: NetworkCommand.sizeLimit)

    mutating func activate(_ queue: VirtioQueue, _ activation: VirtioActivation) { claim.activate(queue, activation) }

    mutating func markBroken() { claim.markBroken() }

    mutating func reset() {
        if let chain = chain.take() { claim.last?.queue.discard(chain) }
        claim.reset()
    }

    /// False: another thread has it.
    mutating func takeClaim() -> Bool { claim.take() }

    /// The next step of the claim.
    mutating func next() -> Step {
        while true {
            switch claim.next() {
            case .chain(let chain, let activity):
                if let step = take(chain, activity) { return step }
            case .ended(let end): return .ended(end)
            }
        }
    }

    /// Nil: it was answered.
    private mutating func take(_ chain: consuming VirtioChain, _ activity: QueueClaim.Activity) -> Step? {
        let count = chain.readableBytes
        guard count >= UInt64(NetworkCommand.headerSize), chain.writableBytes > 0 else {
            return .ended(claim.fail(activity.queue.refuse(chain, .networkCommandTooShort)))
        }
        let read = activity.queue.read(&chain, into: &bytes, 0..<bytes.count)
        let command = NetworkCommand(
            bytes, count: read, isWhole: UInt64(read) == count, features: activity.features)
        guard let command else {
            complete(chain, .error, activity.queue)
            return nil
        }
        self.chain = consume chain
        return .perform(command)
    }

    /// The command has been performed. Without effect when the device was reset meanwhile.
    mutating func answer(_ acknowledgement: NetworkCommand.Acknowledgement) {
        guard let queue = claim.last?.queue, let chain = chain.take() else { return }
        complete(chain, acknowledgement, queue)
    }

    private mutating func complete(
        _ chain: consuming VirtioChain, _ acknowledgement: NetworkCommand.Acknowledgement, _ queue: VirtioQueue
    ) {
        queue.store(acknowledgement.rawValue, in: chain, at: 0)
        chain.setWritten(1)
        claim.complete(chain)
    }
}
