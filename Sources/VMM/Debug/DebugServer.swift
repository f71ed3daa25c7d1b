internal import Debugger
internal import HostIO
internal import Synchronization
internal import VMMCore

/// A session's debugger port: one client at a time, whose connection outlives the guest's resets.
///
/// It has an event loop and a thread of its own, since a debugger's request waits for vCPU threads. Threading: `begin` and `end` on the
/// session's thread; everything else happens on the loop's.
final class DebugServer: Sendable {
    private struct State {
        var target: (any DebugTarget)?
        /// Why the machine stands still; nil: it runs, or is on its way.
        var standstill: (vcpu: VCPUIndex, cause: StopCause)?
        var session: DebugSession?
        /// A client is connected, and waits for the machine to stand still.
        var isAwaited = false
        /// The client went while the machine ran: it is being stopped to take the stop points back.
        var isReleasing = false
    }

    private let loop: EventLoop
    private let thread: HostThread
    private let server: StreamServer
    private let state = Mutex(State())
    private let say: @Sendable (SessionMessage) -> Void

    init(_ address: ListeningAddress, say: @escaping @Sendable (SessionMessage) -> Void) throws(BootError) {
        self.say = say
        let loop: EventLoop
        do throws(EventLoopError) { loop = try EventLoop() } catch { throw .eventLoop(error) }
        self.loop = loop
        do throws(TCPServerError) { server = try StreamServer(address, loop: loop) } catch { throw .debugger(error) }
        do throws(HostThreadError) {
            thread = try HostThread.start(name: "gdb") { loop.run() }
        } catch {
            throw .thread(error)
        }
        do throws(TCPServerError) {
            try server.start(
                .init(
                    connected: { [weak self] in self?.clientCame() },
                    received: { [weak self] in self?.receive($0) },
                    disconnected: { [weak self] in self?.clientLeft() }))
        } catch {
            close()
            throw .debugger(error)
        }
    }

    var address: ListeningAddress { server.address }

    /// Ends the thread. The last thing that is called.
    func close() {
        loop.stop()
        thread.join()
        server.close()
    }

    // MARK: From the session

    /// A machine is about to start. Returns when it has the stop points of a debugger that is there.
    ///
    /// - Parameter held: it is to stand still before its first instruction.
    func begin(_ target: any DebugTarget, held: Bool) {
        onLoop { [self] in
            let mustStop = state.withLock { state in
                state.target = target
                state.standstill = nil
                state.isReleasing = false
                state.session?.replaceTarget(target)
                return held || state.isAwaited
            }
            if mustStop { target.control(.stop) }
        }
    }

    /// The machine has ended; after a reset another one will begin.
    func end(exitCode: UInt8, willReset: Bool) {
        onLoop { [self] in
            state.withLock { state in
                state.target = nil
                state.standstill = nil
                if !willReset { state.session?.notice(.ended(exitCode: exitCode)) }
            }
            flush()
            if !willReset { server.disconnect() }
        }
    }

    /// What the machine tells, from any thread.
    func post(_ event: TargetEvent) { loop.perform { [self] in handle(event) } }

    private func onLoop(_ body: @escaping @Sendable () -> Void) {
        let done = Monitor(false)
        loop.perform {
            body()
            done.withLock { $0 = true }
            done.wakeAll()
        }
        done.waiting { $0 ? () : nil }
    }

    // MARK: From the machine

    private func handle(_ event: TargetEvent) {
        guard case .stopped(let vcpu, let cause) = event else { return }
        enum Next { case nothing, release }
        let next: Next = state.withLock { state in
            guard let target = state.target else { return .nothing }
            if state.isReleasing {
                state.isReleasing = false
                if !state.isAwaited { return .release }
            }
            state.standstill = (vcpu, cause)
            if state.isAwaited {
                state.isAwaited = false
                state.session = DebugSession(target, stoppedAt: vcpu, cause)
            } else {
                state.session?.notice(event)
            }
            return .nothing
        }
        if next == .release { release() }
        flush()
        if state.withLock({ $0.session != nil }) { server.setReading(true) }
    }

    // MARK: From the client

    private func clientCame() {
        say(SessionMessage(level: .detail, text: "a debugger connected"))
        let target = state.withLock { state -> (any DebugTarget)? in
            guard let target = state.target else {
                state.isAwaited = true
                return nil
            }
            if let (vcpu, cause) = state.standstill {
                state.session = DebugSession(target, stoppedAt: vcpu, cause)
                return nil
            }
            state.isAwaited = true
            return target
        }
        // It says nothing before the machine stands still.
        if state.withLock({ $0.isAwaited }) { server.setReading(false) }
        target?.control(.stop)
    }

    private func receive(_ bytes: [UInt8]) {
        let ending = state.withLock { state -> DebugSession.Ending? in
            state.session?.receive(bytes)
            if state.session?.isGuestRunning == true { state.standstill = nil }
            return state.session?.ending
        }
        flush()
        guard ending != nil else { return }
        state.withLock { $0.session = nil }
        say(SessionMessage(level: .detail, text: "the debugger let go"))
        server.disconnect()
    }

    private func clientLeft() {
        say(SessionMessage(level: .detail, text: "the debugger's connection ended"))
        let target = state.withLock { state -> (any DebugTarget)? in
            let session = state.session
            state.session = nil
            if state.isAwaited {
                // The machine is being stopped for it.
                state.isAwaited = false
                state.isReleasing = true
                return nil
            }
            guard let session else { return nil }
            state.isReleasing = true
            return session.isGuestRunning ? state.target : nil
        }
        if let target { return target.control(.stop) }
        let standsStill = state.withLock { $0.standstill != nil && $0.isReleasing }
        guard standsStill else { return }
        state.withLock { $0.isReleasing = false }
        release()
    }

    /// No stop point stays, and the guest goes on.
    private func release() {
        let target = state.withLock { state in
            state.standstill = nil
            return state.target
        }
        guard let target else { return }
        _ = target.setStopPoints([])
        target.control(.resume(Array(repeating: .run, count: target.vcpuCount)))
    }

    private func flush() {
        let bytes = state.withLock { $0.session?.takeOutput() ?? [] }
        if !bytes.isEmpty { server.send(bytes) }
    }
}

extension MachineConfiguration.DebuggerAddress {
    var listening: ListeningAddress {
        switch self {
        case .port(let port): .port(port)
        case .unix(let path): .path(path)
        }
    }
}

extension ListeningAddress {
    /// As gdb's `target remote` takes it.
    var words: String {
        switch self {
        case .port(let port): ":\(port)"
        case .path(let path): path
        }
    }
}
