internal import CLinux
internal import Glibc
internal import HostBridge
internal import Synchronization
package import VMMCore

/// A program at the other end of a vhost-user connection, which serves a device's queues.
///
/// Requests go one at a time and are answered before the next, where the program can answer. A program that says nothing for
/// `patience`, or something else than an answer, is given up: the connection is closed.
///
/// Threading: any thread. Events come on the loop's thread once `attach` was called.
/// Source: the vhost-user protocol of QEMU (docs/interop/vhost-user).
package final class VhostUserServer: EventQueueServer {
    private struct State {
        var handler: (@Sendable (QueueServerEvent) -> Void)?
        /// Of each queue's interrupts, then of the connection.
        var registrations: [EventLoop.Registration] = []
        var loop: EventLoop?
        var isDead = false
    }

    /// Keeps the program alive, if it is ours.
    private let program: CompanionProgram?
    private let onFailure: @Sendable (VhostUserProblem) -> Void
    private let socket: Int32
    private let patience: Int32
    /// A pair of eventfds a queue: the program is notified by one, and asks for interrupts by the other.
    private let kicks: [Int32]
    private let calls: [Int32]
    /// What the program knows, without vhost-user's own.
    package let features: UInt64
    private let hasProtocolFeatures: Bool
    private let answersAll: Bool
    private let state = Mutex(State())
    /// Held while the program is asked something. The indices of the queues that it serves.
    private let conversation = Mutex<[UInt16]>([])

    /// Greets the program.
    ///
    /// - Parameters:
    ///   - socket: a connected Unix stream socket; it is this object's from here on.
    ///   - queueCount: queues of the device.
    ///   - patience: milliseconds for an answer. To end a queue waits for the requests that are under way, on a disk perhaps.
    ///   - onFailure: told once, when the program is lost.
    package init(
        socket: Int32, queueCount: Int, program: CompanionProgram? = nil, patience: Int32 = 20_000,
        onFailure: @escaping @Sendable (VhostUserProblem) -> Void
    ) throws(VhostUserProblem) {
        self.socket = socket
        self.program = program
        self.patience = patience
        self.onFailure = onFailure
        kicks = (0..<queueCount).map { _ in eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK)) }
        calls = (0..<queueCount).map { _ in eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK)) }
        guard (kicks + calls).allSatisfy({ $0 >= 0 }) else { throw .hostRefused(errno: EMFILE) }
        let line = VhostUserLine(socket: socket, patience: patience)
        let offered = try line.number(.getFeatures)
        try line.send(.setOwner)
        features = offered & ~VhostUserFeature.protocolFeatures
        hasProtocolFeatures = offered & VhostUserFeature.protocolFeatures != 0
        var accepted: UInt64 = 0
        if hasProtocolFeatures {
            accepted = try line.number(.getProtocolFeatures) & VhostUserFeature.replyAck
            try line.send(.setProtocolFeatures(accepted))
        }
        answersAll = accepted & VhostUserFeature.replyAck != 0
    }

    deinit {
        detach()
        for descriptor in kicks + calls + [socket] where descriptor >= 0 { close(descriptor) }
    }

    /// Hears of interrupts, and of the program's end, on `loop`.
    package func attach(to loop: EventLoop) throws(EventLoopError) {
        var registrations: [EventLoop.Registration] = []
        for (index, call) in calls.enumerated() {
            registrations.append(
                try loop.register(call, for: .readable) { [weak self] _ in
                    self?.interrupt(UInt16(truncatingIfNeeded: index), call)
                })
        }
        registrations.append(
            try loop.register(socket, for: .readable) { [weak self] readiness in self?.hear(readiness) })
        state.withLock { state in
            state.loop = loop
            state.registrations = registrations
        }
    }

    private func detach() {
        let (loop, registrations) = state.withLock { ($0.loop.take(), $0.registrations) }
        for registration in registrations { loop?.remove(registration) }
    }

    package func setHandler(_ handler: (@Sendable (QueueServerEvent) -> Void)?) {
        state.withLock { $0.handler = handler }
    }

    package func events(ofQueue index: UInt16) -> QueueEvents? {
        guard Int(index) < kicks.count else { return nil }
        return QueueEvents(doorbell: kicks[Int(index)], interrupt: calls[Int(index)]) { [weak self] side, isBound in
            if side == .interrupt { self?.setReading(!isBound, ofQueue: index) }
        }
    }

    /// Whether the loop looks at a queue's interrupts: two readers would make two interrupts of one, or none. What comes meanwhile is
    /// kept in the eventfd.
    private func setReading(_ isReading: Bool, ofQueue index: UInt16) {
        let (loop, registrations) = state.withLock { ($0.loop, $0.registrations) }
        guard let loop, registrations.indices.contains(Int(index)) else { return }
        // Fails only when the program is lost.
        try? loop.modify(registrations[Int(index)], for: isReading ? .readable : [])
    }

    private func interrupt(_ queue: UInt16, _ call: Int32) {
        var count: UInt64 = 0
        // SAFETY: room for the eight bytes of an eventfd.
        guard unsafe read(call, &count, 8) == 8 else { return }
        state.withLock { $0.handler }?(.interrupt(queue: queue))
    }

    /// Something comes from the program: its end, or an answer, which is for the thread that asked. Nothing else comes unasked.
    private func hear(_ readiness: Readiness) {
        if readiness.contains(.hangUp) || readiness.contains(.error) { return lose(.ended) }
        let isUnasked = conversation.withLockIfAvailable { _ in
            VhostUserLine(socket: socket, patience: 0).hasSomething
        }
        if isUnasked == true { lose(.badAnswer) }
    }

    /// The program is lost; only the first to say so counts.
    private func lose(_ problem: VhostUserProblem) {
        let handler: (@Sendable (QueueServerEvent) -> Void)?
        let isNews: Bool
        (handler, isNews) = state.withLock { state in
            defer { state.isDead = true }
            return (state.handler, !state.isDead)
        }
        guard isNews else { return }
        detach()
        // What it does with the guest's memory is not known: with the connection, it ends.
        _ = shutdown(socket, Int32(SHUT_RDWR))
        onFailure(problem)
        handler?(.ended)
    }

    // MARK: Queues

    package func start(_ queues: [ServedQueue], features: UInt64, memory: GuestMemory) -> Bool {
        converse { (line, served) throws(VhostUserProblem) in
            let own = hasProtocolFeatures ? VhostUserFeature.protocolFeatures : 0
            try line.send(.setFeatures(features & self.features | own))
            try line.send(.setMemoryTable(memory.shareableRegions))
            for queue in queues where Int(queue.index) < kicks.count {
                setReading(true, ofQueue: queue.index)
                try line.send(.setQueueSize(queue))
                try line.send(.setQueueBase(queue))
                try line.send(.setQueueAddress(queue))
                try line.send(.setQueueCall(queue.index, calls[Int(queue.index)]))
                try line.send(.setQueueKick(queue.index, kicks[Int(queue.index)]))
                served.append(queue.index)
                if hasProtocolFeatures { try line.send(.setQueueEnable(queue.index, true)) }
            }
        }
    }

    package func notify(queue index: UInt16) {
        guard Int(index) < kicks.count else { return }
        var one: UInt64 = 1
        // SAFETY: the eight bytes of an eventfd. One that is full tells as much.
        unsafe _ = write(kicks[Int(index)], &one, 8)
    }

    package func stop() {
        _ = converse { (line, served) throws(VhostUserProblem) in
            while let queue = served.popLast() { _ = try line.number(.getQueueBase(queue)) }
        }
    }

    private func converse(
        _ body: (VhostUserLine, inout [UInt16]) throws(VhostUserProblem) -> Void
    ) -> Bool {
        let problem: VhostUserProblem? = conversation.withLock { served in
            guard !state.withLock({ $0.isDead }) else { return .ended }
            do throws(VhostUserProblem) {
                try body(VhostUserLine(socket: socket, patience: patience, answersAll: answersAll), &served)
                return nil
            } catch {
                return error
            }
        }
        guard let problem else { return true }
        lose(problem)
        return false
    }
}

/// Why a program that should serve queues does not.
package enum VhostUserProblem: Error, Hashable, Sendable {
    /// It has ended, or closed the connection.
    case ended
    /// It has not answered in time.
    case silent
    /// What came is no answer to what was asked.
    case badAnswer
    /// It has answered that it cannot.
    case refused(UInt64)
    case hostRefused(errno: Int32)
}

/// One request and one answer after the other, on a socket.
struct VhostUserLine {
    let socket: Int32
    /// Milliseconds.
    let patience: Int32
    /// Requests without an answer of their own are answered by 0 for success.
    var answersAll = false

    /// Sends a request that has no answer of its own.
    func send(_ message: VhostUserMessage) throws(VhostUserProblem) {
        try put(message, needsReply: answersAll)
        guard answersAll else { return }
        let result = try UInt64(littleEndianBytes: answer(to: message.request, length: 8))
        guard result == 0 else { throw .refused(result) }
    }

    /// Asks for a number. One of a queue is the second half of eight bytes; it is not looked at by itself.
    func number(_ message: VhostUserMessage) throws(VhostUserProblem) -> UInt64 {
        try put(message, needsReply: false)
        return try UInt64(littleEndianBytes: answer(to: message.request, length: 8))
    }

    private func put(_ message: VhostUserMessage, needsReply: Bool) throws(VhostUserProblem) {
        let bytes = message.bytes(needsReply: needsReply)
        // SAFETY: both arrays have as many elements as is said.
        let reason = unsafe host_send_descriptors(
            socket, bytes, bytes.count, message.descriptors, Int32(message.descriptors.count))
        guard reason == 0 else { throw reason == EPIPE || reason == ECONNRESET ? .ended : .hostRefused(errno: reason) }
    }

    private func answer(to request: VhostUserRequest, length: Int) throws(VhostUserProblem) -> [UInt8] {
        let header = try receive(VhostUserMessage.headerSize)
        guard VhostUserMessage.answerLength(header, to: request) == length else { throw .badAnswer }
        return try receive(length)
    }

    /// There are bytes to read, or the end, within the time that the program has.
    var hasSomething: Bool {
        while true {
            var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            // SAFETY: one valid entry.
            let ready = unsafe poll(&entry, 1, patience)
            if ready >= 0 || errno != EINTR { return ready == 1 }
        }
    }

    private func receive(_ count: Int) throws(VhostUserProblem) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            guard hasSomething else { throw .silent }
            // SAFETY: the array has `count` bytes, of which `done` are filled.
            let received = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe recv(socket, buffer.baseAddress.map { unsafe $0 + done }, count - done, 0)
            }
            if received < 0, errno == EINTR || errno == EAGAIN { continue }
            guard received > 0 else { throw .ended }
            done += received
        }
        return bytes
    }
}
