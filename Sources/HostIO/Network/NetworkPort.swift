internal import Glibc
internal import Synchronization
internal import VMMCore

/// What all back ends on a descriptor have in common: their client, whether it has room, and what the event loop waits for.
///
/// Threading: any thread, unless it says the loop's.
final class NetworkPort: Sendable {
    private struct State {
        var client: (any NetworkClient)?
        var offloads: NetworkOffloads = []
        /// The thread that is in a call to the client: the loop's, or none.
        var caller: pthread_t?
        /// The client has refused a frame, and nobody has said since that there is room.
        var isPaused = false
        /// Somebody has said so since the last frame was offered.
        var hasResumed = false
    }

    private struct Watch {
        var registration: EventLoop.Registration?
        var interest: Interest = []
    }

    let descriptor: Int32
    private let loop: EventLoop
    private let state = Monitor(State())
    private let watch = Mutex(Watch())
    private let isOpen = Atomic(true)
    private let resumed: Mutex<EventLoop.Job?> = Mutex(nil)

    /// Closes `descriptor` at its end.
    init(_ descriptor: Int32, loop: EventLoop) {
        self.descriptor = descriptor
        self.loop = loop
    }

    deinit {
        stopWaiting()
        close(descriptor)
    }

    // MARK: The event loop

    /// Calls `ready` on the loop's thread from now on: when the descriptor is ready for what is waited for, to begin with
    /// input, and with `readable` when the client has room again.
    func start(_ ready: @escaping @Sendable (Readiness) -> Void) throws(EventLoopError) {
        let registration = try loop.register(descriptor, for: .readable, handler: ready)
        watch.withLock { $0 = Watch(registration: registration, interest: .readable) }
        resumed.withLock {
            $0 = { [weak self] in
                self?.wait(for: .readable, true)
                ready(.readable)
            }
        }
    }

    func wait(for interest: Interest, _ wanted: Bool) {
        watch.withLock { watch in
            let new = wanted ? watch.interest.union(interest) : watch.interest.subtracting(interest)
            guard let registration = watch.registration, new != watch.interest else { return }
            watch.interest = new
            // It is registered, so the host has no reason to refuse; if it does, the network stands still.
            try? loop.modify(registration, for: new)
        }
    }

    private func stopWaiting() {
        let registration = watch.withLock { watch in
            defer { watch.registration = nil }
            return watch.registration
        }
        if let registration { loop.remove(registration) }
    }

    // MARK: The link

    var isLinkUp: Bool { isOpen.load(ordering: .acquiring) }

    /// Ends the link for good, and tells the client. On the loop's thread. False: it had ended before.
    func endLink() -> Bool {
        guard isOpen.exchange(false, ordering: .acquiringAndReleasing) else { return false }
        stopWaiting()
        tell { client in
            client.linkChanged(isUp: false)
            // What it could not send is dropped from now on.
            client.canSend()
        }
        return true
    }

    // MARK: The client

    func attach(_ client: any NetworkClient, offloads: NetworkOffloads) {
        state.withLock { state in
            state.client = client
            state.offloads = offloads
            state.hasResumed = true
        }
        resume()
    }

    /// Waits for a call to the client that is under way on another thread.
    func detach() {
        let caller = pthread_self()
        state.withLock { $0.client = nil }
        state.waiting { state in
            guard let other = state.caller, pthread_equal(other, caller) == 0 else { return () }
            return nil
        }
        // What it has refused is dropped.
        resume()
    }

    func resume() {
        let wasPaused = state.withLock { state in
            state.hasResumed = true
            defer { state.isPaused = false }
            return state.isPaused
        }
        guard wasPaused, let job = resumed.withLock({ $0 }) else { return }
        loop.perform(job)
    }

    /// What the client can do of the back end's offloads.
    var offloads: NetworkOffloads { state.withLock { $0.offloads } }

    /// Makes a call that carries no frame. On the loop's thread.
    func tell(_ call: (any NetworkClient) -> Void) {
        let client = begin()
        if let client { call(client) }
        end()
    }

    /// One wake-up with input: `body` offers frames, and the client is told afterwards that these were all. On the loop's thread.
    func receive(_ body: () -> Void) {
        let client = begin()
        body()
        // Not when a frame's delivery has detached it.
        if let client, state.withLock({ $0.client === client }) { client.receivedAll() }
        end()
    }

    /// Offers the frame `bytes[range]`; without a client it is dropped. In `receive`. False: keep it until there is room, and wait
    /// for no input before.
    func offer(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        while true {
            let client = state.withLock { state in
                state.hasResumed = false
                return state.client
            }
            guard let client, !client.receive(bytes, range) else { return true }
            let mustWait = state.withLock { state in
                guard !state.hasResumed, state.client != nil else { return false }
                state.isPaused = true
                return true
            }
            if mustWait {
                // Who says by now that there is room has queued a job that turns it on again, after this one.
                wait(for: .readable, false)
                return false
            }
        }
    }

    private func begin() -> (any NetworkClient)? {
        let thread = pthread_self()
        return state.withLock { state in
            state.caller = thread
            return state.client
        }
    }

    private func end() {
        state.withLock { $0.caller = nil }
        state.wakeAll()
    }
}
