internal import VMMCore

// The control queues: their messages touch no channel, so a call does all there is.

extension VirtioConsoleState {
    /// What is left to do of a round of control messages.
    struct ControlOutcome {
        /// Whom to interrupt for both control queues.
        var driver: VirtioDriver?
        var queues: [VirtioQueue] = []
        var fault: (queue: VirtioQueue, fault: QueueFault)?
        /// There may be more: call again.
        var isUnfinished = false
    }

    /// Messages of a round: the lock is not held for longer.
    private static let messagesPerRound = 64

    /// Takes the driver's messages, then sends what is to be sent as far as the driver has buffers for it.
    mutating func serveControl() -> ControlOutcome {
        guard let activation = controlledActivation else { return ControlOutcome() }
        let incoming = activation.queues[Self.controlTransmitQueue]
        let outgoing = activation.queues[Self.controlReceiveQueue]
        var outcome = ControlOutcome(driver: activation.driver, queues: [incoming, outgoing])
        var bytes = [UInt8](repeating: 0, count: ConsoleControl.maximumSize)
        for _ in 0..<Self.messagesPerRound {
            switch incoming.next() {
            case .chain(var chain):
                guard chain.segmentCount == chain.readableSegmentCount else {
                    outcome.fault = (incoming, incoming.refuse(chain, .wrongDirection))
                    return fail(outcome)
                }
                let count = incoming.read(&chain, into: &bytes, 0..<bytes.count)
                incoming.complete(chain)
                control.receive(bytes, count: count)
                continue
            case .malformed(let fault):
                outcome.fault = (incoming, fault)
                return fail(outcome)
            case .empty: break
            }
            guard control.hasMessages(size: size) else { return finish(outcome, incoming) }
            switch outgoing.next() {
            case .chain(var chain):
                guard chain.readableSegmentCount == 0 else {
                    outcome.fault = (outgoing, outgoing.refuse(chain, .wrongDirection))
                    return fail(outcome)
                }
                let count = control.next(into: &bytes, size: size)
                _ = outgoing.write(&chain, from: bytes, 0..<count)
                outgoing.complete(chain)
            case .malformed(let fault):
                outcome.fault = (outgoing, fault)
                return fail(outcome)
            case .empty:
                if !outgoing.resumeNotifications() { return finish(outcome, incoming) }
            }
        }
        outcome.isUnfinished = true
        return outcome
    }

    private func finish(_ outcome: ControlOutcome, _ incoming: VirtioQueue) -> ControlOutcome {
        var outcome = outcome
        outcome.isUnfinished = incoming.resumeNotifications()
        return outcome
    }

    private mutating func fail(_ outcome: ControlOutcome) -> ControlOutcome {
        markBroken()
        return outcome
    }
}
