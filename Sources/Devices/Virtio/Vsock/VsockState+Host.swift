internal import VMMCore

// For the host's side: the guest's packets, and what is due to the ends.

extension VsockState {
    /// What the thread with the claim does next.
    enum HostStep {
        /// Ask the back end for an end at this port.
        case open(UInt32)
        /// Write so many bytes of the piece.
        case write(any VsockEnd, Int)
        case accept(any VsockEnd, hostPort: UInt32)
        case shutDown(any VsockEnd, VsockHalves)
        case close(any VsockEnd)
        case ended(QueueClaim.End)
    }

    /// What came of the step before.
    enum HostResult {
        case none
        case opened((any VsockEnd)?)
        case wrote(VsockTransfer)
    }

    /// False: another thread has the claim, or there can be nothing to do.
    mutating func claimForHost() -> Bool {
        guard let activation, !isBroken, !host.isClaimed else { return false }
        host.isClaimed = true
        activation.queues[Self.transmitQueue].suspendNotifications()
        return true
    }

    /// There is something to do for the host's side, and nobody at it.
    var hasWorkForHost: Bool {
        guard activation != nil, !isBroken, !host.isClaimed else { return false }
        return table.hasWorkForHost || isHeldUp && refusals.count < Self.refusalLimit
    }

    /// The next step of the claim. `yields`: end it here, and claim it again later.
    mutating func serveHost(_ piece: inout [UInt8], after result: HostResult, yields: Bool) -> HostStep {
        if let unwanted = finish(result, piece) { return .close(unwanted) }
        guard let activation, !isBroken else {
            host.isClaimed = false
            return .ended(.silent)
        }
        guard !yields else { return .ended(host.end(activation)) }
        while true {
            if let stream = table.nextForHost() {
                if let step = serve(stream, &piece) { return step }
                continue
            }
            isHeldUp = refusals.count >= Self.refusalLimit
            guard !isHeldUp else { return .ended(host.end(activation)) }
            let queue = activation.queues[Self.transmitQueue]
            switch queue.next() {
            case .chain(let chain):
                if let step = take(chain, activation, &piece) { return step }
            case .malformed(let fault): return failHost(activation, fault)
            case .empty:
                if queue.resumeNotifications() { continue }
                return .ended(host.end(activation))
            }
        }
    }

    /// Does what is due to the stream's end. Nil: nothing.
    private mutating func serve(_ stream: VsockStream, _ piece: inout [UInt8]) -> HostStep? {
        let duty = stream.nextForHost()
        // Its end may be due to the guest.
        table.listForGuest(stream)
        guard let duty else { return nil }
        table.listForHost(stream)
        switch duty {
        case .accept: return .accept(stream.end, hostPort: stream.ports.host)
        case .shutDown(let halves): return .shutDown(stream.end, halves)
        case .write:
            operation = .writeWaiting(stream)
            stream.isBlocked = true
            return .write(stream.end, stream.waiting.copyFirst(into: &piece))
        case .close:
            table.forgetIfOver(stream)
            return .close(stream.end)
        }
    }

    // MARK: Packets

    /// Takes a packet of the guest. Not nil: a step comes of it at once.
    private mutating func take(
        _ chain: consuming VirtioChain, _ activation: VirtioActivation, _ piece: inout [UInt8]
    ) -> HostStep? {
        let queue = activation.queues[Self.transmitQueue]
        guard chain.segmentCount == chain.readableSegmentCount else {
            return failHost(activation, queue.refuse(chain, .wrongDirection))
        }
        let size = chain.readableBytes
        guard size >= UInt64(VsockHeader.size), queue.read(&chain, into: &header, 0..<header.count) == header.count,
            let packet = VsockHeader(header)
        else { return failHost(activation, queue.refuse(chain, .vsockHeaderTooShort(size))) }
        host.hasCompleted = true
        switch VsockScreening(packet, payload: size - UInt64(VsockHeader.size), guestCID: guestCID) {
        case .drop: queue.complete(chain)
        case .refuse:
            queue.complete(chain)
            refuse(packet)
        case .accept:
            let ports = VsockPorts(guest: packet.sourcePort, host: packet.destinationPort)
            guard let stream = table.stream(at: ports) else {
                queue.complete(chain)
                return takeStray(packet)
            }
            let action = stream.connection.receive(packet)
            // The connection lets nothing through that is longer than its buffer, or the piece.
            var count = 0
            if case .deliver(let length) = action {
                count = queue.read(&chain, into: &piece, 0..<min(Int(length), piece.count))
            }
            queue.complete(chain)
            return act(action, stream, piece, count)
        }
        return nil
    }

    private mutating func refuse(_ packet: VsockHeader) {
        refusals.append(packet.refusal)
        counts.refusals &+= 1
    }

    /// A packet that belongs to no stream.
    private mutating func takeStray(_ packet: VsockHeader) -> HostStep? {
        switch VsockHeader.Operation(rawValue: packet.operation) {
        case .reset: return nil
        case .request where packet.length == 0 && !table.isFull:
            operation = .open(packet)
            return .open(packet.destinationPort)
        default:
            refuse(packet)
            return nil
        }
    }

    private mutating func act(
        _ action: VsockConnection.Action, _ stream: VsockStream, _ piece: [UInt8], _ count: Int
    ) -> HostStep? {
        switch action {
        case .nothing: break
        case .opened: stream.isAcceptDue = true
        case .deliver:
            counts.bytesToHost &+= UInt64(count)
            guard stream.waiting.isEmpty, !stream.isBlocked else {
                stream.waiting.append(piece, 0..<count)
                break
            }
            operation = .writePayload(stream, count)
            stream.isBlocked = true
            return .write(stream.end, count)
        case .tellCredit: stream.due.insert(.credit)
        case .shutDown: break
        case .ended(reset: true):
            stream.due = .reset
            stream.drop()
        case .ended(reset: false):
            stream.wasReset()
            table.release(stream)
        }
        // Any packet may have brought credit.
        table.changed(stream)
        return nil
    }

    // MARK: Results

    /// Takes in what came of the last step. Gives an end that nobody wants any more.
    private mutating func finish(_ result: HostResult, _ piece: [UInt8]) -> (any VsockEnd)? {
        let operation = operation.take()
        switch (operation, result) {
        case (.open(let request), .opened(let end)):
            guard let end else {
                refuse(request)
                return nil
            }
            guard table.accept(request, end) else {
                refuse(request)
                return end
            }
            counts.guestStreams &+= 1
            return nil
        // The device was reset meanwhile.
        case (nil, .opened(let end)): return end
        case (.writePayload(let stream, let count), .wrote(let transfer)):
            let rest: Range<Int>
            if case .moved(let written) = transfer { rest = min(written, count)..<count } else { rest = 0..<count }
            guard stream.connection.phase == .established || stream.connection.guestHalves.contains(.sends) else {
                // Reset meanwhile.
                return nil
            }
            stream.waiting.append(piece, rest)
            settle(transfer, stream, count - rest.count)
        case (.writeWaiting(let stream), .wrote(let transfer)):
            var written = 0
            if case .moved(let count) = transfer { written = min(count, stream.waiting.count) }
            stream.waiting.removeFirst(written)
            settle(transfer, stream, written)
        default: break
        }
        return nil
    }

    private mutating func settle(_ transfer: VsockTransfer, _ stream: VsockStream, _ written: Int) {
        switch transfer {
        case .moved:
            stream.isBlocked = false
            stream.connection.forward(UInt32(clamping: written))
        case .wouldBlock: counts.waits &+= 1
        case .ended: stream.endStopsReceiving()
        case .failed:
            stream.abort()
            stream.drop()
        }
        table.changed(stream)
    }

    private mutating func failHost(_ activation: VirtioActivation, _ fault: QueueFault) -> HostStep {
        markBroken()
        return .ended(host.fail(activation, fault))
    }
}
