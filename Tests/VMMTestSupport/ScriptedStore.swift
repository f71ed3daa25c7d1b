internal import Synchronization
internal import VMMCore

/// A persistent store that counts its flushes, and fails when it is told to. Threading: any thread.
package final class ScriptedStore: PersistentStore {
    private struct State {
        var flushes = 0
        var fails = false
        var duringFlush: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    package init() {}

    package var flushes: Int { state.withLock { $0.flushes } }

    package func fail(_ fails: Bool = true) { state.withLock { $0.fails = fails } }

    /// Called once, in the next flush.
    package func duringFlush(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.duringFlush = body } }

    package func flush() -> Bool {
        let (body, fails) = state.withLock { state in
            state.flushes += 1
            return (state.duringFlush.take(), state.fails)
        }
        body?()
        return !fails
    }
}
