internal import Synchronization
internal import VMMCore

/// The control queues, and what is told through them. The messages touch no channel, so a call does all there is.
struct ConsoleControlState {
    static let receiveQueue = 2
    static let transmitQueue = 3

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

    var size: ConsoleSize?
    var control: ConsoleControl
    private(set) var activation: VirtioActivation?
    private var faults: ConsoleFaults?

    init(size: ConsoleSize?, _ control: ConsoleControl) {
        self.size = size
        self.control = control
    }

    mutating func activate(_ new: VirtioActivation, _ faults: ConsoleFaults) {
        activation = new
        self.faults = faults
        control.restart()
    }

    mutating func reset() { activation = nil }

    /// The activation of a driver that uses the control queues, and has broken no rule.
    private var controlled: VirtioActivation? {
        guard let activation, faults?.areSeen == false, Self.isMultiport(activation) else { return nil }
        return activation
    }

    static func isMultiport(_ activation: VirtioActivation) -> Bool {
        activation.features & VirtioConsoleConfiguration.multiport != 0
    }

    /// Takes the driver's messages, then sends what is to be sent as far as the driver has buffers for it.
    mutating func serve() -> ControlOutcome {
        guard let activation = controlled else { return ControlOutcome() }
        let incoming = activation.queues[Self.transmitQueue]
        let outgoing = activation.queues[Self.receiveQueue]
        var outcome = ControlOutcome(driver: activation.driver, queues: [incoming, outgoing])
        var bytes = [UInt8](repeating: 0, count: control.maximumSize)
        for _ in 0..<Self.messagesPerRound {
            switch incoming.next() {
            case .chain(var chain):
                guard chain.segmentCount == chain.readableSegmentCount else {
                    outcome.fault = (incoming, incoming.refuse(chain, .wrongDirection))
                    return fail(outcome)
                }
                let count = incoming.read(&chain, into: &bytes, 0..<ConsoleControl.headerSize)
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

    private func fail(_ outcome: ControlOutcome) -> ControlOutcome {
        faults?.see()
        return outcome
    }
}

/// Whether a driver broke a rule, in whatever queue: then nothing is done in any of them before the reset. One for each
/// activation, so that what is seen late is not held against the next driver.
final class ConsoleFaults: Sendable {
    private let seen = Atomic(false)

    /// Only other threads' queues must see it, some time: no ordering.
    var areSeen: Bool { seen.load(ordering: .relaxed) }
    func see() { seen.store(true, ordering: .relaxed) }
}
