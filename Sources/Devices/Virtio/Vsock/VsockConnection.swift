package import VMMCore

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
        /// Reset by either side, or shut down by both and all bytes handed on.
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
        /// The guest has shut down what `guestHalves` says. Both: the connection ends with `endIfDone()`, once the host's side has
        /// all bytes.
        case shutDown
        /// The connection has ended; `reset`: the guest is to be told by VIRTIO_VSOCK_OP_RST.
        case ended(reset: Bool)
    }

    package private(set) var phase: Phase
    /// What the guest does no more.
    package private(set) var guestHalves: VsockHalves = []
    /// What the host's side does no more.
    package private(set) var hostHalves: VsockHalves = []

    /// Of this side: bytes.
    package let bufferSize: UInt32
    private var received: UInt32 = 0
    package private(set) var forwarded: UInt32 = 0
    /// What the guest knows of `forwarded`.
    private var told: UInt32 = 0

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

    /// Bytes that may be sent: the guest has room for them. None when its counters make no sense.
    ///
    /// Source: virtio 1.2 §5.10.6.3: peer_free = peer_buf_alloc - (tx_cnt - peer_fwd_cnt).
    package var credit: UInt32 {
        let underway = sent &- guestForwarded
        guard phase == .established, !guestHalves.contains(.receives), !hostHalves.contains(.sends),
            underway <= guestBufferSize
        else { return 0 }
        return guestBufferSize - underway
    }

    /// Bytes of the guest that the host's side has not taken yet.
    package var buffered: UInt32 { received &- forwarded }

    /// The guest knows of so little room that it may soon have to wait.
    package var owesCredit: Bool { forwarded &- told >= bufferSize / 2 && phase == .established }

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

    /// `count` bytes of those that might be sent were not.
    package mutating func unsend(_ count: UInt32) { sent &-= count }

    /// Fills in what every packet of the stream says of this side's buffer (§5.10.6.3.1).
    package mutating func stamp(_ packet: inout VsockHeader) {
        packet.bufferSize = bufferSize
        packet.forwarded = forwarded
        told = forwarded
    }

    /// The host's side shuts down. What it does not receive any more counts as taken.
    package mutating func shutDownHost(_ halves: VsockHalves) {
        hostHalves.formUnion(halves)
        if hostHalves.contains(.receives) { forward(buffered) }
    }

    /// Ends a connection that the guest has shut down, when the host's side has all bytes. True: the guest is to be told by
    /// VIRTIO_VSOCK_OP_RST, which is the end of a clean disconnect (§5.10.6.5).
    package mutating func endIfDone() -> Bool {
        guard phase == .established, guestHalves == [.sends, .receives], buffered == 0 else { return false }
        phase = .closed
        return true
    }

    /// Ends the connection at once. False: it had ended.
    package mutating func abort() -> Bool {
        defer { phase = .closed }
        return phase != .closed
    }

    private mutating func take(_ length: UInt32) -> Action {
        // A guest that sends after its shutdown, or more than there is room for, would have this side keep without bound.
        guard !guestHalves.contains(.sends), length <= bufferSize - buffered else { return fail() }
        received &+= length
        guard length > 0 else { return .nothing }
        guard !hostHalves.contains(.receives) else {
            // It was on its way when the host's side shut down.
            forward(length)
            return .nothing
        }
        return .deliver(length)
    }

    /// Shutdown flags are permanent: a later packet can add to them, never take back.
    private mutating func shutDown(_ flags: UInt32) -> Action {
        guestHalves.formUnion(VsockHeader.halves(flags))
        return .shutDown
    }

    private mutating func fail() -> Action {
        phase = .closed
        return .ended(reset: true)
    }
}
