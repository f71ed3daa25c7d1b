/// One stream between a port of the guest and one of the host, from its request to its end. Pure.
///
/// Credit: each side says in every packet how large its buffer is and how much has been taken out of it (both count
/// bytes, modulo 2^32). Neither sends more than the other has room for, so that what this side keeps is bounded by
/// `bufferSize`; a guest that sends more loses the connection.
///
/// Source: virtio 1.2 §5.10.6.3 and §5.10.6.5.
package struct VsockConnection: ~Copyable {
    package enum Phase: Sendable {
        /// The host has asked for it, and the guest has not answered.
        case requested
        case established
        /// Reset by either side, or shut down by both.
        case closed
    }

    /// What is to be done about a packet of the guest.
    package enum Action: Hashable, Sendable {
        case nothing
        /// The guest has accepted the host's request.
        case opened
        /// Give the payload to the host's side.
        case deliver(UInt32)
        /// Answer with VIRTIO_VSOCK_OP_CREDIT_UPDATE.
        case tellCredit
        /// The guest has shut down; `sends` and `receives`: what it still does.
        case halfClosed(sends: Bool, receives: Bool)
        /// The connection has ended; `reset`: the guest is to be told by VIRTIO_VSOCK_OP_RST.
        case ended(reset: Bool)
    }

    package private(set) var phase: Phase
    package private(set) var guestSends = true
    package private(set) var guestReceives = true

    /// Of this side: bytes.
    package let bufferSize: UInt32
    private var received: UInt32 = 0
    package private(set) var forwarded: UInt32 = 0

    private var sent: UInt32 = 0
    private var guestBufferSize: UInt32 = 0
    private var guestForwarded: UInt32 = 0

    /// A connection that the host asks for.
    package init(requestedWithBuffer bufferSize: UInt32) {
        phase = .requested
        self.bufferSize = bufferSize
    }

    /// A connection that the guest has asked for by `request`, and the host's side has accepted.
    package init(accepting request: VsockHeader, buffer bufferSize: UInt32) {
        phase = .established
        self.bufferSize = bufferSize
        guestBufferSize = request.bufferSize
        guestForwarded = request.forwarded
    }

    /// Bytes that the guest has room for. None when its counters make no sense.
    ///
    /// Source: virtio 1.2 §5.10.6.3: peer_free = peer_buf_alloc - (tx_cnt - peer_fwd_cnt).
    package var credit: UInt32 {
        let underway = sent &- guestForwarded
        guard phase == .established, guestReceives, underway <= guestBufferSize else { return 0 }
        return guestBufferSize - underway
    }

    /// Bytes of the guest that the host's side has not taken yet.
    package var buffered: UInt32 { received &- forwarded }

    /// Handles a packet of the guest whose addresses are this connection's and whose type is known.
    package mutating func receive(_ packet: VsockHeader) -> Action {
        guard phase != .closed else { return .nothing }
        guard let operation = VsockHeader.Operation(rawValue: packet.operation) else { return fail() }
        guestBufferSize = packet.bufferSize
        guestForwarded = packet.forwarded
        // Only data packets have a payload.
        guard packet.length == 0 || operation == .data else { return fail() }
        switch (phase, operation) {
        case (_, .reset):
            phase = .closed
            return .ended(reset: false)
        case (.requested, .response):
            phase = .established
            return .opened
        case (.established, .data): return take(packet.length)
        case (.established, .shutdown): return shutDown(packet.flags)
        case (.established, .creditUpdate): return .nothing
        case (.established, .creditRequest): return .tellCredit
        case (.established, .request), (.established, .response), (.requested, _), (.closed, _): return fail()
        }
    }

    /// The host's side has taken `count` bytes of what is buffered.
    package mutating func forward(_ count: UInt32) {
        forwarded &+= min(count, buffered)
    }

    /// `count` bytes go to the guest: not more than `credit`. Returns what may be sent.
    package mutating func send(upTo count: UInt32) -> UInt32 {
        let allowed = min(count, credit)
        sent &+= allowed
        return allowed
    }

    /// Fills in what every packet of the stream says of this side's buffer (§5.10.6.3.1).
    package func stamp(_ packet: inout VsockHeader) {
        packet.bufferSize = bufferSize
        packet.forwarded = forwarded
    }

    private mutating func take(_ length: UInt32) -> Action {
        // A guest that sends after its shutdown, or more than there is room for, would have this side keep without bound.
        guard guestSends, length <= bufferSize - buffered else { return fail() }
        received &+= length
        return length == 0 ? .nothing : .deliver(length)
    }

    /// Shutdown flags are permanent: a later packet can add to them, never take back.
    private mutating func shutDown(_ flags: UInt32) -> Action {
        if flags & VsockHeader.noMoreReceives != 0 { guestReceives = false }
        if flags & VsockHeader.noMoreSends != 0 { guestSends = false }
        guard guestSends || guestReceives else { return fail() }
        return .halfClosed(sends: guestSends, receives: guestReceives)
    }

    private mutating func fail() -> Action {
        phase = .closed
        return .ended(reset: true)
    }
}
