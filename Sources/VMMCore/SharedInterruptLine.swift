internal import Synchronization

/// A wire that several devices pull: asserted while at least one of them asserts its end. For level-sensitive inputs.
///
/// Threading: any thread; the wire behind it is set without a lock held.
package final class SharedInterruptLine: Sendable {
    private struct State {
        var asserted = 0
        var output = InterruptOutput()
    }

    private let line: any InterruptLine
    private let state = Mutex(State())

    package init(_ line: any InterruptLine) { self.line = line }

    /// Another device's end, deasserted.
    package func makeEnd() -> any InterruptLine { End(of: self) }

    fileprivate func change(by count: Int) {
        var level = state.withLock { state in
            state.asserted += count
            state.output.want(state.asserted > 0)
            return state.output.beginDelivery()
        }
        while let next = level {
            line.setLevel(next)
            level = state.withLock { $0.output.continueDelivery() }
        }
    }

    private final class End: InterruptLine {
        private let wire: SharedInterruptLine
        private let level = Mutex(false)

        init(of wire: SharedInterruptLine) { self.wire = wire }

        func setLevel(_ asserted: Bool) {
            let isNew = level.withLock { level in
                guard level != asserted else { return false }
                level = asserted
                return true
            }
            if isNew { wire.change(by: asserted ? 1 : -1) }
        }
    }
}
