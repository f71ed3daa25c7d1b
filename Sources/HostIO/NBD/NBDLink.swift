internal import Glibc
internal import VMMCore

/// A disk's requests on their way to the program with the connection, and its replies.
///
/// Threading: any thread; clients are called without the lock held.
final class NBDLink: Sendable {
    /// Seconds for requests under way when their client has to go: a server that takes longer is given up.
    private static let drainPatience = 10
    /// Seconds for the program to take leave of the server.
    private static let closePatience = 2

    private let process: NBDProcess
    private let slots: NBDSlots
    private let state: Monitor<NBDDiskState>
    private let onFailure: @Sendable (DiskFailure) -> Void
    private let onLoss: @Sendable (NBDLoss) -> Void

    init(
        _ process: NBDProcess, _ slots: NBDSlots, _ state: sending NBDDiskState,
        onFailure: @escaping @Sendable (DiskFailure) -> Void, onLoss: @escaping @Sendable (NBDLoss) -> Void
    ) {
        self.process = process
        self.slots = slots
        self.state = Monitor(state)
        self.onFailure = onFailure
        self.onLoss = onLoss
    }

    /// Starts the thread that takes replies; `close` ends it.
    func start() throws(HostThreadError) -> HostThread {
        try HostThread.start(name: "nbd") { [self] in takeReplies() }
    }

    /// Ends the thread and the connection. Without requests under way.
    func close(_ thread: HostThread) {
        state.withLock { $0.isClosing = true }
        process.finish()
        let isEnded: Void? = state.waiting(atMost: Self.closePatience) { $0.isLost ? () : nil }
        if isEnded == nil { process.kill() }
        thread.join()
    }

    var counters: [DeviceCounter] {
        state.withLock { [DeviceCounter("requests", $0.requests), DeviceCounter("messages", $0.messages)] }
    }

    // MARK: Requests

    func submit(_ request: consuming BlockRequest, _ client: any BlockClient) {
        let waiting = WaitingRequest(request: request, client: client)
        state.withLock { $0.add(waiting, slots) }
        finishEnded()
    }

    func commit() { state.withLock { send(&$0) } }

    func drain(_ client: any BlockClient) {
        let abandoned = state.withLock { state in
            state.drainers += 1
            send(&state)
            return state.takeWaiting(of: client)
        }
        for var waiting in abandoned { client.completed(waiting.takeRequest(), .abandoned) }
        let end = { (state: inout NBDDiskState) -> Void? in
            if state.has(client) { return nil }
            state.drainers -= 1
            return ()
        }
        if state.waiting(atMost: Self.drainPatience, end) != nil { return }
        state.withLock { $0.isGivenUp = true }
        process.kill()
        state.waiting(end)
    }

    /// At most a record a slot is on its way: the socket has room for them. What fails shows as the end of the stream.
    private func send(_ state: inout NBDDiskState) {
        guard !state.output.isEmpty else { return }
        state.messages &+= 1
        var done = 0
        while done < state.output.count {
            // SAFETY: the rest of the array.
            let count = unsafe state.output.withUnsafeBytes { buffer in
                unsafe Glibc.send(
                    process.socket, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done,
                    Int32(MSG_NOSIGNAL))
            }
            guard count > 0 || (count < 0 && errno == EINTR) else { break }
            done += max(0, count)
        }
        state.output.removeAll(keepingCapacity: true)
    }

    /// Gives back what has ended, which makes room for what waits.
    private func finishEnded() {
        while true {
            guard let (index, ended) = state.withLock({ $0.takeEnded() }) else { return }
            if let error = ended.error {
                onFailure(
                    DiskFailure(
                        operation: ended.request.operation, offset: ended.request.offset,
                        length: ended.request.length, reason: error))
            }
            ended.client.completed(ended.request, ended.error == nil ? .done : .failed)
            let hasDrainers = state.withLock { state in
                state.release(index)
                state.proceed(slots)
                send(&state)
                return state.drainers > 0
            }
            if hasDrainers { state.wakeAll() }
        }
    }

    // MARK: Replies

    private func takeReplies() {
        var bytes = [UInt8](repeating: 0, count: NBDChannel.slotCount * NBDReply.size)
        var held = 0
        while true {
            // SAFETY: the rest of the array.
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe recv(process.socket, buffer.baseAddress.map { unsafe $0 + held }, buffer.count - held, 0)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            held += count
            var start = 0
            var isGood = true
            while isGood, held - start >= NBDReply.size {
                isGood = take(NBDReply(bytes, at: start))
                start += NBDReply.size
            }
            guard isGood else { break }
            state.withLock { state in
                state.proceed(slots)
                send(&state)
            }
            finishEnded()
            bytes.replaceSubrange(0..<held - start, with: Array(bytes[start..<held]))
            held -= start
        }
        lose()
    }

    /// False: it answers what was not asked.
    private func take(_ reply: NBDReply) -> Bool {
        guard let piece = state.withLock({ $0.piece(reply.slot) }) else { return false }
        var error: FileTransferError? = reply.errno == 0 ? nil : .hostRefused(errno: reply.errno)
        if piece.isRead, error == nil {
            do throws(GuestMemoryError) {
                // SAFETY: the slot is the request's until `ended`; whatever the program stores there meanwhile is the guest's then.
                let bytes = unsafe UnsafeRawBufferPointer(slots.bytes(Int(reply.slot), Int(piece.range.length)))
                unsafe try piece.memory.copyIn(bytes, to: piece.buffers, range: piece.range)
            } catch let failure {
                error = .memory(failure)
            }
        }
        state.withLock { $0.ended(reply.slot, error) }
        return true
    }

    /// The program is gone, and the connection with it.
    private func lose() {
        process.kill()
        let loss: NBDLoss? = state.withLock { state in
            state.lose(slots)
            if state.isClosing { return nil }
            return state.isGivenUp ? .givenUp : .disconnected
        }
        if let loss { onLoss(loss) }
        finishEnded()
        state.wakeAll()
    }
}
