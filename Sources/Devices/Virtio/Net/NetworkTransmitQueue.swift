internal import NetworkFrames
internal import VMMCore

/// One transmit queue: takes a frame at a time into the host's memory, where nobody changes it any more, checks it, and gives it to
/// the network. Each method is one step and calls nobody but its `VirtioQueue`; `VirtioNetwork` performs what it says.
///
/// One thread at a time transmits: it has the claim, and with it the buffer of the frame. The claim ends when nothing is left, in the
/// same step that looked, or when the network has no room: the frame then waits, in the buffer, for `roomCame()`.
struct NetworkTransmitQueue: ~Copyable {
    /// What became of the frame that the step before said to send.
    enum Sending {
        case none
        case accepted
        case refused
    }

    enum Step {
        /// Another thread has the claim, or there is nothing to do.
        case none
        /// Send the first bytes of the buffer, then take the next step. `flow`: what it belongs to, where somebody wants to know.
        case send(Int, flow: UInt32?)
        /// The claim has ended: interrupt the driver if it wants that.
        case interrupt(VirtioDriver, VirtioQueue)
        /// The claim has ended: the driver broke a rule.
        case fault(VirtioDriver, VirtioQueue, QueueFault)
    }

    private struct Active {
        let queue: VirtioQueue
        let driver: VirtioDriver
        let offloads: NetworkOffloads
        /// Nil: the driver was not told of one.
        let mtu: Int?
        let knowsFlows: Bool
    }

    private var active: Active?
    private var isBroken = false
    private var isClaimed = false
    /// The network had no room for the frame in the buffer.
    private var isBlocked = false
    /// There was room since the frame was given to the network last.
    private var hasRoom = false
    private var hasCompleted = false
    /// Of the frame in the buffer.
    private var chain: VirtioChain?
    private var length = 0
    private var flow: UInt32?
    private(set) var counts = NetworkQueueCounts()

    mutating func activate(
        _ queue: VirtioQueue, _ activation: VirtioActivation, mtu: UInt16, knowsFlows: Bool
    ) {
        let features = activation.features
        active = Active(
            queue: queue, driver: activation.driver, offloads: NetworkFeatures.transmitOffloads(features),
            mtu: features & NetworkFeatures.mtu != 0 ? Int(mtu) : nil, knowsFlows: knowsFlows)
        isBroken = false
        isBlocked = false
        hasCompleted = false
    }

    mutating func markBroken() { isBroken = true }

    mutating func reset() {
        forgetFrame()
        active = nil
    }

    private mutating func forgetFrame() {
        if let chain = chain.take() { active?.queue.discard(chain) }
        isBlocked = false
    }

    /// Takes the claim. False: another thread has it, or the network has no room.
    mutating func claim() -> Bool {
        guard let active, !isBroken else { return false }
        // A queue that was stopped alone waits for its chains.
        if chain != nil, !active.queue.isRunning { forgetFrame() }
        guard !isClaimed, !isBlocked else { return false }
        isClaimed = true
        active.queue.suspendNotifications()
        return true
    }

    /// The network has room again. True: the queue waits for that.
    mutating func roomCame() -> Bool {
        hasRoom = true
        defer { isBlocked = false }
        return isBlocked
    }

    /// The next step of the claim, which ends with any but `send`.
    mutating func next(_ frame: inout [UInt8], after sending: Sending) -> Step {
        guard let active, !isBroken else {
            isClaimed = false
            return .none
        }
        switch sending {
        case .none: break
        case .accepted: frameIsSent(active)
        case .refused:
            // Without a chain the frame is one of before a reset.
            guard chain != nil else { break }
            if hasRoom { return send() }
            isBlocked = true
            counts.waits &+= 1
            return end(active)
        }
        if chain != nil { return send() }
        while true {
            switch active.queue.next() {
            case .chain(let chain):
                if let fault = take(chain, active, &frame) { return fail(active, fault) }
                if self.chain != nil { return send() }
            case .malformed(let fault): return fail(active, fault)
            case .empty:
                if active.queue.resumeNotifications() { continue }
                return end(active)
            }
        }
    }

    /// Copies a chain's frame and looks whether it can be sent: then the chain is kept. What a program of the guest can have put into
    /// a frame's header is no reason to stop the device: such frames are dropped.
    private mutating func take(
        _ chain: consuming VirtioChain, _ active: Active, _ frame: inout [UInt8]
    ) -> QueueFault? {
        guard chain.segmentCount == chain.readableSegmentCount else {
            return active.queue.refuse(chain, .wrongDirection)
        }
        let count = chain.readableBytes
        guard count >= UInt64(NetworkFrame.headerSize) else {
            return active.queue.refuse(chain, .networkHeaderTooShort(count))
        }
        guard count <= UInt64(NetworkFrame.maximumSize) else {
            drop(chain, active)
            return nil
        }
        length = active.queue.read(&chain, into: &frame, 0..<Int(count))
        guard length == Int(count), isGood(&frame, active) else {
            drop(chain, active)
            return nil
        }
        self.chain = consume chain
        return nil
    }

    /// Checks the frame in the buffer, and writes its header as it was understood: what a network gets has been looked at.
    private mutating func isGood(_ frame: inout [UInt8], _ active: Active) -> Bool {
        let range = NetworkFrame.headerSize..<length
        guard let linkSize = FrameLayout.linkHeaderSize(frame, range) else { return false }
        do throws(OffloadFault) {
            var header = try OffloadHeader(frame, at: 0, frameLength: range.count)
            guard active.offloads.allow(header) else { return false }
            // §5.1.4.2: a driver that knows the MTU does not send more.
            if header.segmentation == nil, let mtu = active.mtu, range.count - linkSize > mtu { return false }
            // §5.1.6.2.1: not the driver's to say.
            header.isVerified = false
            header.write(into: &frame, at: 0)
        } catch {
            return false
        }
        flow = active.knowsFlows ? FrameLayout(frame, range)?.flowHash(frame) : nil
        return true
    }

    private mutating func drop(_ chain: consuming VirtioChain, _ active: Active) {
        active.queue.complete(chain)
        hasCompleted = true
        counts.drops &+= 1
    }

    private mutating func send() -> Step {
        hasRoom = false
        return .send(length, flow: flow)
    }

    private mutating func frameIsSent(_ active: Active) {
        guard let chain = chain.take() else { return }
        active.queue.complete(chain)
        hasCompleted = true
        counts.frames &+= 1
        counts.bytes &+= UInt64(length - NetworkFrame.headerSize)
    }

    private mutating func end(_ active: Active) -> Step {
        isClaimed = false
        guard hasCompleted else { return .none }
        hasCompleted = false
        return .interrupt(active.driver, active.queue)
    }

    private mutating func fail(_ active: Active, _ fault: QueueFault) -> Step {
        isClaimed = false
        isBroken = true
        return .fault(active.driver, active.queue, fault)
    }
}
