internal import Synchronization
package import VMMCore

/// A deadline that a test looks at, and calls back itself.
///
/// Threading: any thread.
package final class RecordingDeadline: DeadlineScheduler {
    private struct State {
        var deadline: Nanoseconds?
        var calls = 0
    }

    private let state = Mutex(State())

    package init() {}

    package func schedule(at deadline: Nanoseconds) {
        state.withLock { state in
            state.deadline = deadline
            state.calls += 1
        }
    }

    package func cancel() {
        state.withLock { state in
            state.deadline = nil
            state.calls += 1
        }
    }

    /// What is scheduled now.
    package var deadline: Nanoseconds? { state.withLock { $0.deadline } }

    /// How often the deadline was set or given up.
    package var calls: Int { state.withLock { $0.calls } }

    /// Takes the deadline out when it has come by `now`: the caller then calls the device back.
    package func take(at now: Nanoseconds) -> Bool {
        state.withLock { state in
            guard let deadline = state.deadline, deadline <= now else { return false }
            state.deadline = nil
            return true
        }
    }
}
