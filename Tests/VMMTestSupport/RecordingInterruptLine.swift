internal import Synchronization
internal import VMMCore

/// An interrupt line that records each change of its level.
///
/// Threading: any thread.
package final class RecordingInterruptLine: OrderedInterruptLine {
    private struct State {
        var level = false
        var transitions: [Bool] = []
        var calls = 0
        var input = OrderedInterruptInput()
    }

    private let state = Mutex(State())

    package init() {}

    package func setLevel(_ asserted: Bool) {
        state.withLock { state in
            state.calls += 1
            guard state.level != asserted else { return }
            state.level = asserted
            state.transitions.append(asserted)
        }
    }

    package func setLevel(_ asserted: Bool, order: UInt64) {
        if state.withLock({ $0.input.accepts(order: order) }) { setLevel(asserted) }
    }

    /// The level now. A line starts deasserted.
    package var isAsserted: Bool { state.withLock { $0.level } }

    /// Each change of the level since the start or the last `clear()`, in order.
    package var transitions: [Bool] { state.withLock { $0.transitions } }

    /// How often the line went from deasserted to asserted.
    package var risingEdges: Int { state.withLock { $0.transitions.count { $0 } } }

    /// How often `setLevel` was called, with or without a change.
    package var calls: Int { state.withLock { $0.calls } }

    /// Forgets the transitions and calls; keeps the level.
    package func clear() {
        state.withLock { state in
            state.transitions = []
            state.calls = 0
        }
    }
}
