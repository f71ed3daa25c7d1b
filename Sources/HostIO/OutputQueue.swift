internal import Synchronization
internal import VMMCore

/// The output half of a character channel: a bounded queue that the event loop empties into a descriptor.
///
/// The loop is woken when the queue stops being empty, and takes what has come by then in one piece. A writer that finds
/// the queue full waits until half of it is free. Without a descriptor the output is discarded.
///
/// Threading: any thread. `write` allocates nothing.
final class OutputQueue: Sendable {
    private struct State {
        var ring: ByteRing
        var descriptor: HostDescriptor?
        var registration: EventLoop.Registration?
        /// A flush is queued at the loop, or waits for the descriptor: nobody needs to wake the loop.
        var isFlushPending = false
        var isShutDown = false
        var failure: Int32?
    }

    /// The largest single write, and how many of them before other descriptors get their turn.
    private static let pieceSize = 16 << 10
    private static let piecesPerTurn = 8

    private let loop: EventLoop
    private let capacity: Int
    private let state: Monitor<State>
    /// Held while flushing: pieces leave in their order, also when `drain` helps the loop.
    private let piece = Mutex([UInt8](repeating: 0, count: OutputQueue.pieceSize))

    init(loop: EventLoop, capacity: Int) {
        self.loop = loop
        self.capacity = capacity
        state = Monitor(State(ring: ByteRing(capacity: capacity)))
    }

    deinit { detach() }

    /// `errno` of the write that made the rest of the output go nowhere.
    var failure: Int32? { state.withLock { $0.failure } }

    /// Queues a byte. Waits while the queue is full, unless it is shut down: then a byte too many is dropped.
    func write(_ byte: UInt8) {
        let mustWake = state.waiting { (state: inout State) -> Bool? in
            guard state.descriptor != nil else { return false }
            guard state.ring.append(byte) else { return state.isShutDown ? false : nil }
            defer { state.isFlushPending = true }
            return !state.isFlushPending
        }
        if mustWake { loop.perform { [self] in flush() } }
    }

    /// Ends the wait of all writers, now and from now on. What is queued stays for `drain`.
    func shutdown() {
        state.withLock { $0.isShutDown = true }
        state.wakeAll()
    }

    /// Sends the output to `descriptor` from now on.
    func attach(_ descriptor: HostDescriptor) {
        // No interest yet: the loop hears of the descriptor when it is full for the first time.
        let registration = try? loop.register(descriptor.rawValue, for: []) { [weak self] _ in self?.flush() }
        state.withLock { state in
            state.descriptor = descriptor
            state.registration = registration
            state.failure = nil
        }
    }

    /// Discards what is queued and what comes.
    func detach(failure: Int32? = nil) {
        let (descriptor, registration) = state.withLock { state in
            state.ring.removeAll()
            state.isFlushPending = false
            state.failure = failure
            defer { (state.descriptor, state.registration) = (nil, nil) }
            return (state.descriptor, state.registration)
        }
        // The descriptor is closed after the loop has forgotten it.
        withExtendedLifetime(descriptor) { if let registration { loop.remove(registration) } }
        state.wakeAll()
    }

    /// Writes out what is queued. True when nothing is left at `deadline`, on CLOCK_MONOTONIC.
    func drain(deadline: Nanoseconds) -> Bool {
        let clock = HostClock()
        while true {
            flush()
            guard let descriptor = state.withLock({ $0.ring.isEmpty ? nil : $0.descriptor }) else { return true }
            let now = clock.now
            guard now < deadline else { return false }
            let milliseconds = min((deadline - now).rawValue / 1_000_000 + 1, 100)
            descriptor.waitWritable(milliseconds: Int32(milliseconds))
        }
    }

    private func flush() {
        piece.withLock { piece in
            for _ in 0..<Self.piecesPerTurn {
                let next = state.withLock { state -> (descriptor: HostDescriptor, count: Int)? in
                    guard let descriptor = state.descriptor, !state.ring.isEmpty else {
                        state.isFlushPending = false
                        return nil
                    }
                    return (descriptor, state.ring.copyFirst(into: &piece))
                }
                guard let next else { return waitWritable(false) }
                switch next.descriptor.write(piece, count: next.count) {
                case .count(let written): discard(written)
                case .wouldBlock: return waitWritable(true)
                case .end: return detach()
                case .failed(let errno): return detach(failure: errno)
                }
            }
            loop.perform { [self] in flush() }
        }
    }

    private func discard(_ written: Int) {
        let crossedHalf = state.withLock { state in
            let wasAbove = state.ring.count > capacity / 2
            state.ring.drop(written)
            return wasAbove && state.ring.count <= capacity / 2
        }
        if crossedHalf { state.wakeAll() }
    }

    private func waitWritable(_ wanted: Bool) {
        guard let registration = state.withLock({ $0.registration }) else { return }
        do {
            try loop.modify(registration, for: wanted ? .writable : [])
        } catch {
            // Full, and not pollable: no descriptor known does that. Try again before long.
            guard wanted else { return }
            _ = loop.schedule(at: HostClock().now + .milliseconds(10)) { [weak self] in self?.flush() }
        }
    }
}
