internal import Synchronization
package import VMMCore

/// The host's side of a vsock that listens where a test says, and whose ends do what a test says.
///
/// Threading: any thread.
package final class ScriptedVsock: VsockBackend {
    private struct State {
        weak var client: (any VsockClient)?
        var listening: Set<UInt32> = []
        var nextNumber: UInt64 = 1
        var whileOpening: (@Sendable () -> Void)?
    }

    /// Ends that were opened for the guest, in their order.
    package let opened = Recorder<End>()
    /// Ends that asked for a stream, in their order.
    package let asked = Recorder<End>()
    package let openedPorts = Recorder<UInt32>()
    package let detached = Recorder<Bool>()
    /// How often it was asked to call back.
    package let calls = Recorder<Bool>()
    private let state = Mutex(State())

    package init() {}

    package func attach(_ client: any VsockClient) { state.withLock { $0.client = client } }

    package func detach() {
        state.withLock { $0.client = nil }
        detached.record(true)
    }

    package func open(hostPort: UInt32) -> (any VsockEnd)? {
        openedPorts.record(hostPort)
        let action = state.withLock { state in
            defer { state.whileOpening = nil }
            return state.whileOpening
        }
        action?()
        guard state.withLock({ $0.listening.contains(hostPort) }) else { return nil }
        let end = makeEnd()
        opened.record(end)
        return end
    }

    package func callBack() { calls.record(true) }

    // MARK: For tests

    /// Calls the client back, as it has asked.
    package func proceed() { state.withLock { $0.client }?.proceed() }

    package func listen(_ port: UInt32) { state.withLock { _ = $0.listening.insert(port) } }

    package func whileOpening(_ action: @escaping @Sendable () -> Void) { state.withLock { $0.whileOpening = action } }

    private func makeEnd() -> End {
        state.withLock { state in
            defer { state.nextNumber += 1 }
            return End(number: state.nextNumber, vsock: self)
        }
    }

    /// A program asks for a stream to a port of the guest. Nil: refused.
    package func connect(guestPort: UInt32) -> End? {
        let end = makeEnd()
        asked.record(end)
        guard let client = state.withLock({ $0.client }) else { return nil }
        return client.connect(end, guestPort: guestPort) ? end : nil
    }

    fileprivate var client: (any VsockClient)? { state.withLock { $0.client } }

    /// One end: keeps what the guest sends, gives what a test says, and has room as a test says.
    package final class End: VsockEnd {
        private struct State {
            var toGuest: [UInt8] = []
            var hasEnded = false
            var isBroken = false
            /// Nil: for all.
            var room: Int?
            var takesNoMore = false
            var received: [UInt8] = []
            var port: UInt32?
            var halves: VsockHalves = []
            var closes = 0
            var whileWriting: (@Sendable () -> Void)?
            var whileReading: (@Sendable () -> Void)?
        }

        package let number: UInt64
        private weak let vsock: ScriptedVsock?
        private let state = Mutex(State())

        fileprivate init(number: UInt64, vsock: ScriptedVsock) {
            self.number = number
            self.vsock = vsock
        }

        package func accepted(hostPort: UInt32) { state.withLock { $0.port = hostPort } }

        package func read(into bytes: inout [UInt8], limit: Int) -> VsockTransfer {
            let action = state.withLock { state in
                defer { state.whileReading = nil }
                return state.whileReading
            }
            action?()
            return state.withLock { state in
                guard !state.isBroken else { return .failed }
                let count = min(limit, state.toGuest.count)
                guard count > 0 else { return state.hasEnded ? .ended : .wouldBlock }
                bytes.replaceSubrange(0..<count, with: state.toGuest.prefix(count))
                state.toGuest.removeFirst(count)
                return .moved(count)
            }
        }

        package func write(_ bytes: [UInt8], count wanted: Int) -> VsockTransfer {
            let action = state.withLock { state in
                defer { state.whileWriting = nil }
                return state.whileWriting
            }
            action?()
            return state.withLock { state in
                guard !state.isBroken else { return .failed }
                guard !state.takesNoMore else { return .ended }
                let count = min(wanted, state.room ?? wanted)
                guard count > 0 else { return .wouldBlock }
                state.room = state.room.map { $0 - count }
                state.received += bytes.prefix(count)
                return .moved(count)
            }
        }

        package func shutDown(_ halves: VsockHalves) { state.withLock { $0.halves.formUnion(halves) } }

        package func close() { state.withLock { $0.closes += 1 } }

        // MARK: For tests

        /// What the guest has sent.
        package var received: [UInt8] { state.withLock { $0.received } }
        /// What the guest does no more, as it was told.
        package var halves: VsockHalves { state.withLock { $0.halves } }
        package var isClosed: Bool { state.withLock { $0.closes > 0 } }
        package var closes: Int { state.withLock { $0.closes } }
        /// Set when the guest has accepted.
        package var hostPort: UInt32? { state.withLock { $0.port } }
        /// Of what was given, not read yet.
        package var unread: Int { state.withLock { $0.toGuest.count } }

        /// The program sends bytes.
        package func give(_ bytes: [UInt8]) {
            state.withLock { $0.toGuest += bytes }
            vsock?.client?.canRead(number)
        }

        /// The program sends no more.
        package func end() {
            state.withLock { $0.hasEnded = true }
            vsock?.client?.canRead(number)
        }

        /// The program has room for so many bytes; nil: for all.
        package func setRoom(_ count: Int?) {
            state.withLock { $0.room = count }
            if count != 0 { vsock?.client?.canWrite(number) }
        }

        /// The program receives no more.
        package func takeNoMore() {
            state.withLock { $0.takesNoMore = true }
            vsock?.client?.canWrite(number)
        }

        package func fail() {
            state.withLock { $0.isBroken = true }
            vsock?.client?.canRead(number)
            vsock?.client?.canWrite(number)
        }

        /// The program waits no longer for the guest's answer.
        package func abandon() { vsock?.client?.abandon(number) }

        package func whileWriting(_ action: @escaping @Sendable () -> Void) {
            state.withLock { $0.whileWriting = action }
        }

        package func whileReading(_ action: @escaping @Sendable () -> Void) {
            state.withLock { $0.whileReading = action }
        }

        package func canRead() { vsock?.client?.canRead(number) }
        package func canWrite() { vsock?.client?.canWrite(number) }
    }
}
