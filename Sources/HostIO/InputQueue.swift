internal import Synchronization
internal import VMMCore

/// The input half of a character channel: the event loop reads a descriptor into a bounded queue.
///
/// Threading: any thread. The input handler and commands are called on the loop's thread, without a lock held.
final class InputQueue: Sendable {
    private struct State {
        var ring: ByteRing
        var handler: (@Sendable () -> Void)?
        var filter: EscapeFilter?
        var descriptor: HostDescriptor?
        var registration: EventLoop.Registration?
        /// Reading stopped because the queue is full.
        var isPaused = false
        var hasEnded = false
    }

    private static let pieceSize = 4096

    private let loop: EventLoop
    private let capacity: Int
    private let onCommand: (@Sendable (EscapeFilter.Command) -> Void)?
    private let onEnd: (@Sendable () -> Void)?
    private let state: Monitor<State>
    /// Held while reading: pieces arrive in their order.
    private let piece = Mutex([UInt8](repeating: 0, count: InputQueue.pieceSize))

    /// - Parameters:
    ///   - onCommand: when given, input goes through an `EscapeFilter`. Reading then never pauses, so that a user can
    ///     always leave: input that the full queue cannot take is dropped, as a terminal does.
    ///   - onEnd: called once a descriptor has no more input, on the loop's thread.
    init(
        loop: EventLoop, capacity: Int, onCommand: (@Sendable (EscapeFilter.Command) -> Void)? = nil,
        onEnd: (@Sendable () -> Void)? = nil
    ) {
        self.loop = loop
        self.capacity = capacity
        self.onCommand = onCommand
        self.onEnd = onEnd
        state = Monitor(State(ring: ByteRing(capacity: capacity), filter: onCommand == nil ? nil : EscapeFilter()))
    }

    deinit { detach() }

    var hasEnded: Bool { state.withLock { $0.hasEnded } }

    func setHandler(_ handler: (@Sendable () -> Void)?) {
        // The old handler is destroyed outside the lock.
        let old = state.withLock { state in
            defer { state.handler = handler }
            return state.handler
        }
        _ = consume old
    }

    /// The next byte. Reading goes on once half of a full queue is free.
    func read() -> UInt8? {
        let (byte, mustResume) = state.withLock { state in
            let byte = state.ring.popFirst()
            let mustResume = state.isPaused && state.ring.count <= capacity / 2
            if mustResume { state.isPaused = false }
            return (byte, mustResume)
        }
        if mustResume { loop.perform { [self] in resume() } }
        return byte
    }

    /// The next byte; waits for one while there is a descriptor that may give it. Nil: there will be none.
    func readWaiting() -> UInt8? {
        let (byte, mustResume) = state.waiting { (state: inout State) -> (UInt8?, Bool)? in
            guard let byte = state.ring.popFirst() else { return state.descriptor == nil ? (nil, false) : nil }
            let mustResume = state.isPaused && state.ring.count <= capacity / 2
            if mustResume { state.isPaused = false }
            return (byte, mustResume)
        }
        if mustResume { loop.perform { [self] in resume() } }
        return byte
    }

    /// Reads from `descriptor` from now on. Input that is queued already stays.
    func attach(_ descriptor: HostDescriptor) {
        // Nil: a regular file, which is always ready. Jobs then take the place of events.
        let registration = try? loop.register(descriptor.rawValue, for: .readable) { [weak self] _ in self?.pump() }
        state.withLock { state in
            state.descriptor = descriptor
            state.registration = registration
            state.isPaused = false
            state.hasEnded = false
        }
        if registration == nil { loop.perform { [weak self] in self?.pump() } }
    }

    /// Reads no more. What is queued can still be read.
    func detach() {
        let (descriptor, registration) = state.withLock { state in
            defer { (state.descriptor, state.registration) = (nil, nil) }
            return (state.descriptor, state.registration)
        }
        state.wakeAll()
        // The descriptor is closed after the loop has forgotten it.
        withExtendedLifetime(descriptor) { if let registration { loop.remove(registration) } }
    }

    func removeAll() { state.withLock { $0.ring.removeAll() } }

    private func resume() {
        if let registration = state.withLock({ $0.registration }) {
            try? loop.modify(registration, for: .readable)
        } else {
            pump()
        }
    }

    /// Reads one piece, on the loop's thread.
    private func pump() {
        let (descriptor, room) = state.withLock { state in
            // The filter can give back one byte more than it takes: a Ctrl-a kept from before.
            (state.descriptor, state.filter == nil ? state.ring.free : Self.pieceSize)
        }
        guard let descriptor else { return }
        let (outcome, delivery) = piece.withLock { piece in
            let outcome = descriptor.read(into: &piece, limit: room)
            guard case .count(let count) = outcome else { return (outcome, Delivery()) }
            return (outcome, deliver(piece, count: count))
        }
        state.wakeAll()
        delivery.handler?()
        for command in delivery.commands { onCommand?(command) }
        switch outcome {
        case .count: continueReading()
        case .wouldBlock: break
        case .end, .failed:
            detach()
            state.withLock { $0.hasEnded = true }
            onEnd?()
        }
    }

    private struct Delivery {
        var handler: (@Sendable () -> Void)?
        var commands: [EscapeFilter.Command] = []
    }

    private func deliver(_ piece: [UInt8], count: Int) -> Delivery {
        state.withLock { state in
            var delivery = Delivery()
            let wasEmpty = state.ring.isEmpty
            for byte in piece.prefix(count) {
                switch state.filter?.consume(byte) ?? .byte(byte) {
                case .nothing: break
                case .byte(let byte): state.ring.append(byte)
                case .bytes(let first, let second):
                    state.ring.append(first)
                    state.ring.append(second)
                case .command(let command): delivery.commands.append(command)
                }
            }
            if wasEmpty && !state.ring.isEmpty { delivery.handler = state.handler }
            return delivery
        }
    }

    private func continueReading() {
        let (isFull, registration) = state.withLock { state in
            if state.ring.isFull && state.filter == nil { state.isPaused = true }
            return (state.isPaused, state.registration)
        }
        if let registration {
            if isFull { try? loop.modify(registration, for: []) }
            // The guest may have emptied the queue in between: then `resume` is on its way behind us.
        } else if !isFull {
            loop.perform { [weak self] in self?.pump() }
        }
    }
}
