internal import VMMCore

/// A console's queues and what is under way between them and the channel. Each method is one step and calls nobody but
/// queues; `VirtioConsole` performs what it says.
///
/// One thread at a time transmits, and one receives: it has the claim, and with it the piece of bytes that goes between
/// queue and channel. Who comes meanwhile leaves at once: the claim ends only when nothing is left, in the same step that
/// looked.
struct VirtioConsoleState: ~Copyable {
    static let receiveQueue = 0
    static let transmitQueue = 1
    static let controlReceiveQueue = 2
    static let controlTransmitQueue = 3

    /// What the thread with a claim does next.
    enum Step {
        /// Another thread has the claim, or there was nothing to do.
        case none
        /// Give so many bytes of the piece to the channel, then take the next step.
        case send(Int)
        /// Read up to so many bytes of the channel into the piece, then call `pulled(_:)`.
        case pull(Int)
        /// The claim has ended: interrupt the driver if it wants that.
        case interrupt(VirtioDriver, VirtioQueue)
        /// The claim has ended: the driver broke a rule.
        case fault(VirtioDriver, VirtioQueue, QueueFault)
    }

    /// One direction's progress.
    private struct Direction: ~Copyable {
        var isClaimed = false
        /// The chain that is being read or written.
        var chain: VirtioChain?
        /// Chains were completed since the claim began.
        var hasCompleted = false
    }

    var size: ConsoleSize?
    private var activation: VirtioActivation?
    /// The driver broke a rule: nothing is done before the reset.
    private var isBroken = false
    private var transmission = Direction()
    private var reception = Direction()
    var control = ConsoleControl()
    /// Bytes of the reception's piece that no buffer was there for yet.
    private var pulled = 0..<0
    /// The channel was not found empty since it last had something.
    private var inputMayBeThere = true
    /// Bytes from and to the guest, of all activations.
    private(set) var transmittedBytes: UInt64 = 0
    private(set) var receivedBytes: UInt64 = 0

    init(size: ConsoleSize?) { self.size = size }

    var driver: VirtioDriver? { activation?.driver }

    /// The activation of a driver that uses the control queues, and has broken no rule.
    var controlledActivation: VirtioActivation? {
        guard let activation, !isBroken, Self.isMultiport(activation) else { return nil }
        return activation
    }

    private static func isMultiport(_ activation: VirtioActivation) -> Bool {
        activation.features & VirtioConsoleConfiguration.multiport != 0
    }

    mutating func markBroken() { isBroken = true }

    mutating func activate(_ new: VirtioActivation) {
        activation = new
        isBroken = false
        control = ConsoleControl()
    }

    mutating func reset() {
        if let activation {
            if let chain = transmission.chain.take() { activation.queues[Self.transmitQueue].discard(chain) }
            if let chain = reception.chain.take() { activation.queues[Self.receiveQueue].discard(chain) }
        }
        transmission.hasCompleted = false
        reception.hasCompleted = false
        activation = nil
    }

    mutating func inputArrived() { inputMayBeThere = true }

    // MARK: From the guest

    /// Takes the claim. False: another thread has it.
    mutating func claimTransmission() -> Bool {
        guard activation != nil, !isBroken, !transmission.isClaimed else { return false }
        transmission.isClaimed = true
        return true
    }

    /// The next step of the claim, which ends with any but `send`.
    mutating func transmit(_ piece: inout [UInt8]) -> Step {
        guard let activation, !isBroken else {
            transmission.isClaimed = false
            return .none
        }
        let queue = activation.queues[Self.transmitQueue]
        queue.suspendNotifications()
        while true {
            if var chain = transmission.chain.take() {
                let count = queue.read(&chain, into: &piece, 0..<piece.count)
                if count == piece.count {
                    transmission.chain = consume chain
                } else {
                    queue.complete(chain)
                    transmission.hasCompleted = true
                }
                transmittedBytes &+= UInt64(count)
                if count > 0 { return .send(count) }
            }
            switch queue.next() {
            case .chain(let chain):
                guard chain.segmentCount == chain.readableSegmentCount else {
                    transmission.isClaimed = false
                    return fail(activation, queue, queue.refuse(chain, .wrongDirection))
                }
                transmission.chain = consume chain
            case .malformed(let fault):
                transmission.isClaimed = false
                return fail(activation, queue, fault)
            case .empty:
                if queue.resumeNotifications() { continue }
                return Self.end(&transmission, activation, queue)
            }
        }
    }

    // MARK: To the guest

    /// Takes the claim. False: another thread has it, or there is no input.
    mutating func claimReception() -> Bool {
        guard let activation, !isBroken, !reception.isClaimed, inputMayBeThere || !pulled.isEmpty,
            control.portIsOpen || !Self.isMultiport(activation)
        else { return false }
        reception.isClaimed = true
        return true
    }

    /// The next step of the claim, which ends with any but `pull`.
    mutating func receive(_ piece: [UInt8]) -> Step {
        guard let activation, !isBroken else {
            reception.isClaimed = false
            return .none
        }
        let queue = activation.queues[Self.receiveQueue]
        while true {
            if var chain = reception.chain.take() {
                if !pulled.isEmpty {
                    let count = queue.write(&chain, from: piece, pulled)
                    pulled = pulled.lowerBound + count..<pulled.upperBound
                    receivedBytes &+= UInt64(count)
                } else if chain.writableBytes > 0 {
                    let room = Int(min(chain.writableBytes, UInt64(piece.count)))
                    reception.chain = consume chain
                    guard inputMayBeThere else { return Self.end(&reception, activation, queue) }
                    // The handler may say otherwise while the channel is being read.
                    inputMayBeThere = false
                    return .pull(room)
                }
                queue.complete(chain)
                reception.hasCompleted = true
            }
            switch queue.next() {
            case .chain(let chain):
                guard chain.readableSegmentCount == 0 else {
                    reception.isClaimed = false
                    return fail(activation, queue, queue.refuse(chain, .wrongDirection))
                }
                reception.chain = consume chain
            case .malformed(let fault):
                reception.isClaimed = false
                return fail(activation, queue, fault)
            case .empty:
                if queue.resumeNotifications() { continue }
                return Self.end(&reception, activation, queue)
            }
        }
    }

    /// Ends a `pull` of `room` bytes, of which the channel gave `count`.
    mutating func pulled(_ count: Int, of room: Int) {
        pulled = 0..<count
        // Fewer: it was empty, and will tell when it is not.
        if count == room { inputMayBeThere = true }
    }

    // MARK: Ends of a claim

    private static func end(
        _ direction: inout Direction, _ activation: VirtioActivation, _ queue: VirtioQueue
    ) -> Step {
        direction.isClaimed = false
        guard direction.hasCompleted else { return .none }
        direction.hasCompleted = false
        return .interrupt(activation.driver, queue)
    }

    private mutating func fail(
        _ activation: VirtioActivation, _ queue: VirtioQueue, _ fault: QueueFault
    ) -> Step {
        isBroken = true
        return .fault(activation.driver, queue, fault)
    }
}
