internal import Glibc
internal import Synchronization
internal import VMMCore

/// A program's connection as the host's end of a vsock stream. It keeps no bytes: those that the guest does not take wait in the
/// socket, whose program then waits.
///
/// Threading: any thread; its client is told on the loop's.
final class UnixVsockEnd: VsockEnd {
    private struct State {
        var registration: EventLoop.Registration?
        var interest: Interest = []
        var isClosed = false
        /// Until when the guest may answer.
        var patience: EventLoop.TimerToken?
    }

    let number: UInt64
    private let socket: HostDescriptor
    private let loop: EventLoop
    private let owner: Owner
    private let state = Mutex(State())

    /// Whom it tells of what happens, and of its end.
    struct Owner: Sendable {
        var client: @Sendable () -> (any VsockClient)?
        var closed: @Sendable (UInt64) -> Void
    }

    init(_ number: UInt64, _ socket: HostDescriptor, loop: EventLoop, owner: Owner) {
        self.number = number
        self.socket = socket
        self.loop = loop
        self.owner = owner
    }

    deinit { if let registration = state.withLock({ $0.registration }) { loop.remove(registration) } }

    // MARK: The client's side

    func accepted(hostPort: UInt32) {
        stopWaiting()
        // The first bytes that go to the program: there is room. One that has gone is noticed soon.
        let answer = Array("OK \(hostPort)\n".utf8)
        _ = socket.write(answer, count: answer.count)
    }

    func read(into bytes: inout [UInt8], limit: Int) -> VsockTransfer {
        switch socket.read(into: &bytes, limit: limit) {
        case .count(let count): return .moved(count)
        case .wouldBlock: return wait(for: .readable)
        case .end: return .ended
        case .failed: return .failed
        }
    }

    func write(_ bytes: [UInt8], count: Int) -> VsockTransfer {
        switch socket.write(bytes, count: count) {
        case .count(let count) where count > 0: return .moved(count)
        case .count, .wouldBlock: return wait(for: .writable)
        case .end, .failed(errno: EPIPE): return .ended
        case .failed: return .failed
        }
    }

    func shutDown(_ halves: VsockHalves) {
        if halves.contains(.sends) { socket.shutDown(SHUT_WR) }
        if halves.contains(.receives) { socket.shutDown(SHUT_RD) }
    }

    func close() {
        let registration = state.withLock { state -> EventLoop.Registration?? in
            guard !state.isClosed else { return nil }
            state.isClosed = true
            defer { state.registration = nil }
            return .some(state.registration)
        }
        guard let registration else { return }
        if let registration { loop.remove(registration) }
        stopWaiting()
        // The descriptor may be in use on another thread: it is closed with this object.
        socket.shutDown(SHUT_RDWR)
        owner.closed(number)
    }

    // MARK: The loop's side

    /// Waits until `deadline` for the guest to accept.
    func waitForAnswer(until deadline: Nanoseconds) {
        let patience = loop.schedule(at: deadline) { [weak self] in
            guard let self else { return }
            owner.client()?.abandon(number)
        }
        state.withLock { $0.patience = patience }
    }

    private func stopWaiting() {
        if let patience = state.withLock({ $0.patience.take() }) { loop.cancel(patience) }
    }

    private func wait(for wanted: Interest) -> VsockTransfer {
        state.withLock { state in
            guard !state.isClosed else { return .failed }
            let interest = state.interest.union(wanted)
            do throws(EventLoopError) {
                if let registration = state.registration {
                    try loop.modify(registration, for: interest)
                } else {
                    state.registration = try loop.register(socket.rawValue, for: interest) { [weak self] in
                        self?.ready($0)
                    }
                }
                state.interest = interest
                return .wouldBlock
            } catch {
                // The host has no memory for it: without being told, the stream would stand still.
                return .failed
            }
        }
    }

    private func ready(_ readiness: Readiness) {
        let came = state.withLock { state -> Interest in
            guard let registration = state.registration else { return [] }
            // An end or an error concerns both ways.
            let all = !readiness.isDisjoint(with: [.hangUp, .error])
            var came: Interest = []
            if all || readiness.contains(.readable) { came.insert(.readable) }
            if all || readiness.contains(.writable) { came.insert(.writable) }
            came.formIntersection(state.interest)
            state.interest.subtract(came)
            // It is registered: the host has no reason to refuse.
            try? loop.modify(registration, for: state.interest)
            return came
        }
        guard !came.isEmpty, let client = owner.client() else { return }
        if came.contains(.readable) { client.canRead(number) }
        if came.contains(.writable) { client.canWrite(number) }
    }
}
