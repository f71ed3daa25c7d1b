internal import Synchronization

/// One epoll loop for consoles, timers and networks: calls handlers when descriptors are ready and deadlines pass.
///
/// Run it with `run()` on a thread of its own. Handlers, timer bodies and jobs are called on that thread, one at a time,
/// without a lock held, so that they may use every method of the loop. They must not block.
///
/// Threading: all methods from any thread. After `remove` or `cancel` on the loop's thread the handler is not called
/// again; on another thread a call that has begun may still be under way.
package final class EventLoop: Sendable {
    package typealias Handler = @Sendable (Readiness) -> Void
    package typealias Job = @Sendable () -> Void

    /// Stands for one registered descriptor. Never used twice.
    package struct Registration: Hashable, Sendable {
        fileprivate let tag: UInt64
    }

    /// Stands for one scheduled timer. Never used twice.
    package struct TimerToken: Hashable, Sendable {
        fileprivate let id: UInt64
    }

    private struct Watch {
        let descriptor: Int32
        let handler: Handler
        /// Whether the epoll set holds the descriptor: not while it has no interest.
        var isInSet: Bool
    }

    private struct State {
        var watches: [UInt64: Watch] = [:]
        var nextTag = EventLoopHost.firstTag
        var timers = TimerHeap<Job>()
        /// What the timerfd is set to.
        var armedDeadline: Nanoseconds?
        var jobs: [Job] = []
        var isStopped = false
    }

    private let host: EventLoopHost
    private let clock = HostClock()
    private let state = Mutex(State())

    package init() throws(EventLoopError) { host = try EventLoopHost() }

    // MARK: Running

    /// Dispatches until `stop()`; returns at once when that came before. Call it on one thread only.
    package func run() {
        var ready: [ReadyEvent] = []
        var jobs: [Job] = []
        while true {
            host.wait(into: &ready)
            for event in ready { dispatch(event) }
            // The empty array with its capacity goes back: queueing a job allocates nothing in the long run.
            state.withLock { swap(&$0.jobs, &jobs) }
            for job in jobs { job() }
            jobs.removeAll(keepingCapacity: true)
            if state.withLock({ $0.isStopped }) { return }
        }
    }

    /// Makes `run()` return after the handler under way and the jobs queued before.
    package func stop() {
        state.withLock { $0.isStopped = true }
        host.wake()
    }

    /// Runs `job` on the loop's thread, in the order of the calls. It is dropped when the loop has stopped.
    package func perform(_ job: @escaping Job) {
        let wasEmpty = state.withLock { state in
            state.jobs.append(job)
            return state.jobs.count == 1
        }
        if wasEmpty { host.wake() }
    }

    private func dispatch(_ event: ReadyEvent) {
        switch event.tag {
        case EventLoopHost.wakeTag:
            host.takeWakeUps()
        case EventLoopHost.timerTag:
            host.takeTimerExpirations()
            runTimers()
        default:
            // Nil: a handler before it in the same batch removed it.
            let handler = state.withLock {
                $0.watches[event.tag]?.isInSet == true ? $0.watches[event.tag]?.handler : nil
            }
            handler?(event.readiness)
        }
    }

    // MARK: Descriptors

    /// Calls `handler` whenever `descriptor` is ready for what `interest` names (level-triggered). The descriptor stays
    /// the caller's: remove it here before it is closed.
    ///
    /// - Parameter interest: when empty, the handler is not called at all, not even for errors.
    /// - Throws: `notPollable` for a regular file and the like, which is always ready.
    package func register(
        _ descriptor: Int32, for interest: Interest, handler: @escaping Handler
    ) throws(EventLoopError) -> Registration {
        let tag = state.withLock { state in
            defer { state.nextTag += 1 }
            state.watches[state.nextTag] = Watch(
                descriptor: descriptor, handler: handler, isInSet: false)
            return state.nextTag
        }
        do {
            try modify(Registration(tag: tag), for: interest)
        } catch {
            _ = state.withLock { $0.watches.removeValue(forKey: tag) }
            throw error
        }
        return Registration(tag: tag)
    }

    /// Replaces the interest of a registration.
    package func modify(_ registration: Registration, for interest: Interest) throws(EventLoopError) {
        try state.withLock { state throws(EventLoopError) in
            guard let watch = state.watches[registration.tag] else { throw .notRegistered }
            switch (watch.isInSet, interest.isEmpty) {
            case (true, true): host.remove(watch.descriptor)
            case (true, false): try host.modify(watch.descriptor, interest, tag: registration.tag)
            case (false, false): try host.add(watch.descriptor, interest, tag: registration.tag)
            case (false, true): break
            }
            state.watches[registration.tag]?.isInSet = !interest.isEmpty
        }
    }

    /// Ends a registration. Does nothing when it has ended before.
    package func remove(_ registration: Registration) {
        // The handler is destroyed outside the lock: what it holds may use the loop in its deinit.
        let removed = state.withLock { state in
            let watch = state.watches.removeValue(forKey: registration.tag)
            if let watch, watch.isInSet { host.remove(watch.descriptor) }
            return watch
        }
        _ = consume removed
    }

    // MARK: Timers

    /// Calls `body` once, when `HostClock.now` reaches `deadline`; soon when that is past.
    package func schedule(at deadline: Nanoseconds, _ body: @escaping Job) -> TimerToken {
        state.withLock { state in
            let id = state.timers.insert(body, at: deadline)
            arm(&state)
            return TimerToken(id: id)
        }
    }

    /// Gives a timer up. False when it has run, is about to, or was cancelled before.
    @discardableResult
    package func cancel(_ token: TimerToken) -> Bool {
        // The body is destroyed outside the lock, as a handler is in `remove`.
        let body = state.withLock { $0.timers.cancel(token.id) }
        return body != nil
    }

    private func runTimers() {
        let now = clock.now
        // Not more than there are now: a body that always schedules itself into the past must not keep descriptors waiting.
        for _ in 0..<state.withLock({ $0.timers.count }) {
            guard let body = state.withLock({ $0.timers.takeDue(now) }) else { break }
            body()
        }
        state.withLock { state in
            // The timerfd has fired: it is set to nothing, unless another thread has set it since; then it is set twice.
            state.armedDeadline = nil
            arm(&state)
        }
    }

    /// Sets the timerfd when the earliest deadline is not what it is set to. A later one is left: it fires, finds nothing
    /// due, and is set anew, which is cheaper than a system call at each cancellation.
    private func arm(_ state: inout State) {
        guard let earliest = state.timers.earliest else { return }
        if let armed = state.armedDeadline, armed <= earliest { return }
        state.armedDeadline = earliest
        host.setTimer(earliest)
    }
}

/// What to wait for on a descriptor.
package struct Interest: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let readable = Interest(rawValue: 1)
    package static let writable = Interest(rawValue: 2)
}

/// What a descriptor is ready for. Hang-ups and errors come unasked.
package struct Readiness: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let readable = Readiness(rawValue: 1)
    package static let writable = Readiness(rawValue: 2)
    /// The other end is gone, or has shut down its half; what it sent before can still be read.
    package static let hangUp = Readiness(rawValue: 4)
    package static let error = Readiness(rawValue: 8)
}

/// What the host refused to an event loop.
package enum EventLoopError: Error, Hashable, Sendable {
    package enum Call: Hashable, Sendable {
        case epollCreate
        case epollControl
        case eventfd
        case timerfdCreate
    }

    case hostRefused(Call, errno: Int32)
    /// Always ready, and refused by epoll: a regular file, a directory, /dev/null.
    case notPollable(Int32)
    case badDescriptor(Int32)
    /// A descriptor can be registered once; `dup` gives it a second name.
    case alreadyRegistered(Int32)
    /// The registration has been removed.
    case notRegistered
}
