internal import VMMCore

// For the guest's side: replies, and the bytes of the host's ends.

extension VsockState {
    /// What the thread with the claim does next.
    enum GuestStep {
        /// Read up to so many bytes into the piece.
        case read(any VsockEnd, Int)
        case ended(QueueClaim.End)
    }

    /// False: another thread has the claim, or there can be nothing to do.
    mutating func claimForGuest() -> Bool {
        guard activation != nil, !isBroken, !guest.isClaimed, !isStarved, !refusals.isEmpty || table.hasWorkForGuest
        else { return false }
        guest.isClaimed = true
        return true
    }

    /// The driver notifies of receive buffers, or the queue was started or stopped.
    mutating func buffersCame() {
        guard let activation else { return }
        let queue = activation.queues[Self.receiveQueue]
        // A queue that was stopped alone waits for its chains.
        if buffer != nil, !queue.isRunning { forgetBuffer() }
        guard isStarved else { return }
        isStarved = false
        queue.suspendNotifications()
    }

    /// The next step of the claim. `transfer`: what came of the step before, if that was to read; `yields`: end the claim here, and
    /// claim it again later.
    mutating func serveGuest(_ piece: [UInt8], after transfer: VsockTransfer?, yields: Bool) -> GuestStep {
        if let transfer { finish(transfer, piece) }
        guard let activation, !isBroken else {
            guest.isClaimed = false
            return .ended(.silent)
        }
        guard !yields else { return .ended(guest.end(activation)) }
        while !refusals.isEmpty || table.hasWorkForGuest {
            if let end = takeBuffer(activation) { return end }
            if let refusal = refusals.popFirst() {
                send(refusal, piece, 0, activation)
            } else if let stream = table.nextForGuest(), let step = serve(stream, piece, activation) {
                return step
            }
        }
        return .ended(guest.end(activation))
    }

    /// Sees to it that there is a receive buffer. Not nil: there is none, and the claim has ended.
    private mutating func takeBuffer(_ activation: VirtioActivation) -> GuestStep? {
        guard buffer == nil else { return nil }
        let queue = activation.queues[Self.receiveQueue]
        while true {
            switch queue.next() {
            case .chain(let chain):
                guard chain.readableSegmentCount == 0 else {
                    return failGuest(activation, queue.refuse(chain, .wrongDirection))
                }
                // A buffer that no byte of a stream fits into would be used up for nothing.
                guard chain.writableBytes > UInt64(VsockHeader.size) else {
                    let fault = QueueFault.vsockBufferTooSmall(chain.writableBytes)
                    return failGuest(activation, queue.refuse(chain, fault))
                }
                buffer = consume chain
                return nil
            case .malformed(let fault): return failGuest(activation, fault)
            case .empty:
                if queue.resumeNotifications() { continue }
                isStarved = true
                return .ended(guest.end(activation))
            }
        }
    }

    /// Does what is due to the guest. Nil: nothing, or it is done.
    private mutating func serve(
        _ stream: VsockStream, _ piece: [UInt8], _ activation: VirtioActivation
    ) -> GuestStep? {
        guard let duty = stream.nextForGuest() else {
            table.forgetIfOver(stream)
            return nil
        }
        table.listForGuest(stream)
        switch duty {
        case .packet(let operation, let flags):
            send(packet(of: stream, operation, flags: flags), piece, 0, activation)
            if operation == .reset { table.release(stream) }
            return nil
        case .data(let credit):
            let room = (buffer?.writableBytes ?? 0) - UInt64(VsockHeader.size)
            let limit = stream.connection.send(upTo: UInt32(clamping: min(UInt64(credit), room, UInt64(piece.count))))
            // The end may say otherwise while it is being read.
            stream.endMayHaveBytes = false
            pulling = (stream, limit)
            return .read(stream.end, Int(limit))
        }
    }

    private func packet(
        of stream: VsockStream, _ operation: VsockHeader.Operation, length: UInt32 = 0, flags: UInt32 = 0
    ) -> VsockHeader {
        var packet = VsockHeader(
            from: (VsockHeader.hostCID, stream.ports.host), to: (guestCID, stream.ports.guest), operation,
            length: length, flags: flags)
        stream.connection.stamp(&packet)
        return packet
    }

    /// Takes in what came of reading an end.
    private mutating func finish(_ transfer: VsockTransfer, _ piece: [UInt8]) {
        guard let (stream, reserved) = pulling.take() else { return }
        var count: UInt32 = 0
        if case .moved(let moved) = transfer { count = min(UInt32(clamping: moved), reserved) }
        stream.connection.unsend(reserved - count)
        switch transfer {
        case .moved:
            stream.endMayHaveBytes = true
            // Else the guest has reset the stream meanwhile.
            if let activation, stream.connection.phase == .established {
                send(packet(of: stream, .data, length: count), piece, Int(count), activation)
                counts.bytesToGuest &+= UInt64(count)
            }
        case .wouldBlock: break
        case .ended: stream.connection.shutDownHost(.sends)
        case .failed: stream.abort()
        }
        table.changed(stream)
    }

    /// Puts a packet with the piece's first `count` bytes into the buffer that was taken; it has room for them.
    private mutating func send(
        _ packet: VsockHeader, _ piece: [UInt8], _ count: Int, _ activation: VirtioActivation
    ) {
        guard var chain = buffer.take() else { return }
        let queue = activation.queues[Self.receiveQueue]
        packetBytes.removeAll(keepingCapacity: true)
        packet.encode(to: &packetBytes)
        _ = queue.write(&chain, from: packetBytes, 0..<packetBytes.count)
        if count > 0 { _ = queue.write(&chain, from: piece, 0..<count) }
        queue.complete(chain)
        guest.hasCompleted = true
    }

    private mutating func failGuest(_ activation: VirtioActivation, _ fault: QueueFault) -> GuestStep {
        markBroken()
        return .ended(guest.fail(activation, fault))
    }
}
