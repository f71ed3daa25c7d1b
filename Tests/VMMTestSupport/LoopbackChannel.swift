internal import Synchronization
internal import VMMCore

/// A character channel whose far end is the test: collects output, is fed input.
///
/// Threading: any thread. The input handler runs on the thread that calls `feed`, without a lock held.
package final class LoopbackChannel: ConnectedChannel {
    private struct State {
        var output: [UInt8] = []
        var input: [UInt8] = []
        var handler: (@Sendable () -> Void)?
        var connectionChanges: UInt64 = 0
        var connectionHandler: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    package init() {}

    package func write(_ byte: UInt8) { state.withLock { $0.output.append(byte) } }

    package func read() -> UInt8? {
        state.withLock { state in state.input.isEmpty ? nil : state.input.removeFirst() }
    }

    package func setInputHandler(_ handler: (@Sendable () -> Void)?) { state.withLock { $0.handler = handler } }

    package var connectionChanges: UInt64 { state.withLock { $0.connectionChanges } }

    package func setConnectionHandler(_ handler: (@Sendable () -> Void)?) {
        state.withLock { $0.connectionHandler = handler }
    }

    /// The other side comes, or goes, so many times in all, and then the handler is called.
    package func changeConnection(times: UInt64 = 1) {
        let handler = state.withLock { state in
            state.connectionChanges += times
            return state.connectionHandler
        }
        handler?()
    }

    /// Everything written since the start or the last `clearOutput()`.
    package var output: [UInt8] { state.withLock { $0.output } }

    /// `output` as text; bytes that are not UTF-8 show as U+FFFD.
    package var outputText: String { String(decoding: output, as: UTF8.self) }

    package func clearOutput() { state.withLock { $0.output = [] } }

    /// How much of the input the device has not read yet.
    package var pendingInput: [UInt8] { state.withLock { $0.input } }

    /// Adds input, and calls the handler when there was none before.
    package func feed(_ bytes: some Sequence<UInt8>) {
        let added = Array(bytes)
        let handler: (@Sendable () -> Void)? = state.withLock { state in
            let notify = state.input.isEmpty && !added.isEmpty
            state.input += added
            return notify ? state.handler : nil
        }
        handler?()
    }

    package func feed(_ text: String) { feed(text.utf8) }
}
