internal import VMMCore

/// A port's two queues and what is under way between them and the channel. Each method is one step and calls nobody but
/// queues; `ConsolePort` performs what it says.
///
/// One thread at a time transmits, and one receives: it has the claim, and with it the piece of bytes that goes between
/// queue and channel. Who comes meanwhile leaves at once: the claim ends only when nothing is left, in the same step that
/// looked.
struct ConsolePortState: ~Copyable {
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

    private let queues: ConsolePortQueues
    private var activation: VirtioActivation?
    private var faults: ConsoleFaults?
    /// The driver has opened the port, or need not.
    var isOpen = false
    private var transmission = Direction()
    private var reception = Direction()
    /// Bytes of the reception's piece that no buffer was there for yet.
    private var pulled = 0..<0
    /// The channel was not found empty since it last had something.
    private var inputMayBeThere = true
    /// Bytes from and to the guest, of all activations.
    private(set) var transmittedBytes: UInt64 = 0
    private(set) var receivedBytes: UInt64 = 0

    init(_ queues: ConsolePortQueues) { self.queues = queues }

    /// There is a driver, and it has broken no rule.
    private var works: Bool { activation != nil && faults?.areSeen == false }

    mutating func activate(_ new: VirtioActivation, _ faults: ConsoleFaults, isOpen: Bool) {
        activation = new
        self.faults = faults
        self.isOpen = isOpen
    }

    mutating func reset() {
        if let activation {
            if let chain = transmission.chain.take() { activation.queues[queues.transmit].discard(chain) }
            if let chain = reception.chain.take() { activation.queues[queues.receive].discard(chain) }
        }
        transmission.hasCompleted = false
        reception.hasCompleted = false
        activation = nil
    }

    mutating func inputArrived() { inputMayBeThere = true }

    // MARK: From the guest

    /// Takes the claim. False: another thread has it.
    mutating func claimTransmission() -> Bool {
        guard works, !transmission.isClaimed else { return false }
        transmission.isClaimed = true
        return true
    }

    /// The next step of the claim, which ends with any but `send`.
    mutating func transmit(_ piece: inout [UInt8]) -> Step {
        guard let activation, works else {
            transmission.isClaimed = false
            return .none
        }
        let queue = activation.queues[queues.transmit]
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
        guard works, isOpen, !reception.isClaimed, inputMayBeThere || !pulled.isEmpty else { return false }
        reception.isClaimed = true
        return true
    }

    /// The next step of the claim, which ends with any but `pull`.
    mutating func receive(_ piece: [UInt8]) -> Step {
        guard let activation, works else {
            reception.isClaimed = false
            return .none
        }
        let queue = activation.queues[queues.receive]
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

    private func fail(_ activation: VirtioActivation, _ queue: VirtioQueue, _ fault: QueueFault) -> Step {
        faults?.see()
        return .fault(activation.driver, queue, fault)
    }
}

/// The queues of a port, by index.
///
/// Source: virtio 1.2 §5.3.2: port 0 has the first two, then come the control queues, then the other ports'.
struct ConsolePortQueues: Hashable {
    let receive: Int
    var transmit: Int { receive + 1 }

    init(port: Int) { receive = port == 0 ? 0 : 2 + 2 * port }
}
