internal import VMMCore

/// A vsock device's queues and streams, and what is under way between them and the host's ends. Each method is one step and calls
/// nobody but queues; `VirtioVsock` performs what it says.
///
/// One thread at a time works for the host's side: it takes the guest's packets and does what is due to the ends. One at a time works for the
/// guest's. Each has that side's claim, and with it the side's piece of bytes. The claim ends only when nothing is left, in the
/// same step that looked.
struct VsockState: ~Copyable {
    static let receiveQueue = 0
    static let transmitQueue = 1
    static let eventQueue = 2

    /// Replies to packets without a stream that wait for a receive buffer. When there are so many, no packet is taken before
    /// the guest has received some (§5.10.6.1).
    static let refusalLimit = 256

    struct Counts {
        var guestStreams: UInt64 = 0
        var hostStreams: UInt64 = 0
        var refusals: UInt64 = 0
        var bytesToHost: UInt64 = 0
        var bytesToGuest: UInt64 = 0
        var waits: UInt64 = 0
    }

    /// What the thread with the claim for the host's side has to do for the packet or stream that it took last.
    enum HostOperation {
        case open(VsockHeader)
        /// Bytes of the piece.
        case writePayload(VsockStream, Int)
        /// Bytes of the piece, which wait in the stream, too.
        case writeWaiting(VsockStream)
    }

    /// A side's claim.
    struct Side {
        /// The one whose chains are taken under the claim.
        let queue: Int
        var isClaimed = false
        var hasCompleted = false

        init(queue: Int) { self.queue = queue }

        mutating func end(_ activation: VirtioActivation) -> QueueClaim.End {
            isClaimed = false
            guard hasCompleted else { return .silent }
            hasCompleted = false
            return .completed(activation.driver, activation.queues[queue])
        }

        mutating func fail(_ activation: VirtioActivation, _ fault: QueueFault) -> QueueClaim.End {
            isClaimed = false
            return .broken(activation.driver, activation.queues[queue], fault)
        }
    }

    let guestCID: UInt64
    var activation: VirtioActivation?
    /// The driver broke a rule: nothing is done before the reset.
    private(set) var isBroken = false
    var table = VsockTable()
    var refusals = VsockQueue<VsockHeader>()
    var counts = Counts()
    /// The packet's that was taken last.
    var header = [UInt8](repeating: 0, count: VsockHeader.size)
    /// The packet's that is being given.
    var packetBytes: [UInt8] = []

    // For the host's side.
    var host = Side(queue: VsockState.transmitQueue)
    var operation: HostOperation?
    /// It took no packet because too many replies wait.
    var isHeldUp = false

    // For the guest's side.
    var guest = Side(queue: VsockState.receiveQueue)
    /// A receive buffer that was taken.
    var buffer: VirtioChain?
    /// Whose bytes are being read, and for how many the guest's credit is taken.
    var pulling: (stream: VsockStream, reserved: UInt32)?
    /// There was no receive buffer.
    var isStarved = false

    /// A reset has cut streams: a driver that comes back, after hibernation say, may believe in them.
    private var wasInterrupted = false

    init(guestCID: UInt64) {
        self.guestCID = guestCID
        packetBytes.reserveCapacity(VsockHeader.size)
    }

    mutating func markBroken() { isBroken = true }

    mutating func activate(_ new: VirtioActivation) {
        activation = new
        isBroken = false
        isStarved = false
        isHeldUp = false
        // Of what use is a buffer before there is a packet, or an event.
        new.queues[Self.receiveQueue].suspendNotifications()
        new.queues[Self.eventQueue].suspendNotifications()
    }

    mutating func reset() {
        forgetBuffer()
        wasInterrupted = wasInterrupted || table.hasEstablished
        table.removeAll()
        refusals.removeAll()
        operation = nil
        pulling = nil
        host.hasCompleted = false
        guest.hasCompleted = false
        activation = nil
    }

    mutating func forgetBuffer() {
        if let chain = buffer.take() { activation?.queues[Self.receiveQueue].discard(chain) }
    }

    // MARK: What the back end tells

    /// False: nobody can answer.
    mutating func request(_ end: any VsockEnd, guestPort: UInt32) -> Bool {
        guard activation != nil, !isBroken, table.request(end, guestPort: guestPort) else { return false }
        counts.hostStreams &+= 1
        return true
    }

    mutating func abandon(_ number: UInt64) {
        guard let stream = table.stream(number), stream.connection.phase == .requested else { return }
        // A guest that has not been asked need not be told.
        let isUnknown = stream.due.contains(.request)
        stream.abort()
        if isUnknown { stream.due = [] }
        table.changed(stream)
    }

    mutating func canRead(_ number: UInt64) {
        guard let stream = table.stream(number) else { return }
        stream.endMayHaveBytes = true
        table.listForGuest(stream)
    }

    mutating func canWrite(_ number: UInt64) {
        guard let stream = table.stream(number) else { return }
        stream.isBlocked = false
        table.listForHost(stream)
    }

    // MARK: Events

    /// Tells the driver that its streams have gone, once it has a buffer for it.
    ///
    /// Source: virtio 1.2 §5.10.6.7, VIRTIO_VSOCK_EVENT_TRANSPORT_RESET.
    mutating func serveEvent() -> QueueClaim.End {
        guard let activation, !isBroken, wasInterrupted else { return .silent }
        let queue = activation.queues[Self.eventQueue]
        while true {
            switch queue.next() {
            case .chain(var chain):
                guard chain.readableSegmentCount == 0 else {
                    return failEvent(activation, queue.refuse(chain, .wrongDirection))
                }
                guard chain.writableBytes >= 4 else {
                    let fault = QueueFault.vsockBufferTooSmall(chain.writableBytes)
                    return failEvent(activation, queue.refuse(chain, fault))
                }
                _ = queue.write(&chain, from: [0, 0, 0, 0], 0..<4)
                queue.complete(chain)
                queue.suspendNotifications()
                wasInterrupted = false
                return .completed(activation.driver, queue)
            case .malformed(let fault): return failEvent(activation, fault)
            case .empty: if !queue.resumeNotifications() { return .silent }
            }
        }
    }

    private mutating func failEvent(_ activation: VirtioActivation, _ fault: QueueFault) -> QueueClaim.End {
        markBroken()
        return .broken(activation.driver, activation.queues[Self.eventQueue], fault)
    }
}
