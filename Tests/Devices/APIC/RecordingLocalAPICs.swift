import Synchronization
import VMMCore

/// Local APICs that keep what an I/O APIC tells them.
///
/// Threading: a test's.
final class RecordingLocalAPICs: IOAPICOutput {
    enum Call: Hashable {
        case announce(Int, UInt64, UInt32)
        case send(UInt64, UInt32)
    }

    private struct State {
        var calls: [Call] = []
        var sent = 0
        var onSend: @Sendable (Int) -> Void = { _ in }
    }

    private let state = Mutex(State())

    /// Called with the number of messages sent so far.
    var onSend: @Sendable (Int) -> Void {
        get { state.withLock { $0.onSend } }
        set { state.withLock { $0.onSend = newValue } }
    }

    func send(_ message: MSI) {
        let (count, body) = state.withLock { state in
            state.calls.append(.send(message.address.rawValue, message.data))
            state.sent += 1
            return (state.sent, state.onSend)
        }
        body(count)
    }

    func announce(_ message: MSI, ofInput input: Int) {
        state.withLock { $0.calls.append(.announce(input, message.address.rawValue, message.data)) }
    }

    /// What came since the start or the last call.
    func take() -> [Call] {
        state.withLock { state in
            defer { state.calls = [] }
            return state.calls
        }
    }
}
