internal import Synchronization
package import VMMCore

/// A clock that stands still until a test moves it.
///
/// Threading: any thread.
package final class ManualClock: Clock {
    private struct State {
        var now: Nanoseconds
        var realTime: Nanoseconds
    }

    private let state: Mutex<State>

    package init(now: Nanoseconds = .zero, realTime: Nanoseconds = .zero) {
        state = Mutex(State(now: now, realTime: realTime))
    }

    package var now: Nanoseconds { state.withLock { $0.now } }
    package var realTime: Nanoseconds { state.withLock { $0.realTime } }

    /// Moves both the monotonic and the wall-clock time on.
    package func advance(by duration: Nanoseconds) {
        state.withLock { state in
            state.now = state.now + duration
            state.realTime = state.realTime + duration
        }
    }

    /// Sets the wall-clock time, as an administrator could: the monotonic time does not notice.
    package func setRealTime(_ time: Nanoseconds) { state.withLock { $0.realTime = time } }
}
