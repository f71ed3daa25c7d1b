import Synchronization

/// Where devices say that the guest broke a rule. Rate-limited per line, so that a hostile guest cannot flood the host.
///
/// Threading: any thread. The sink is called outside the lock.
package final class GuestFaultLog: Sendable {
    private struct State {
        var windowStart = Nanoseconds.zero
        var linesInWindow = 0
        var suppressed: UInt64 = 0
        var told: Set<UInt64> = []
    }

    /// How many faults are told once each: what a guest can be curious about, and a page of lines.
    package static let onceLimit = 64

    private let clock: any Clock
    private let limitPerSecond: Int
    private let sink: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// - Parameter limitPerSecond: lines let through in each second; the rest is counted and told with the next line.
    package init(clock: any Clock, limitPerSecond: Int = 10, sink: @escaping @Sendable (String) -> Void) {
        self.clock = clock
        self.limitPerSecond = limitPerSecond
        self.sink = sink
    }

    /// Reports a fault that comes again and again and says no more then: once for each key, however fast, and for so many
    /// keys as `onceLimit`.
    package func reportOnce(_ key: UInt64, _ message: @autoclosure () -> String) {
        let (isNew, isLast) = state.withLock { state in
            guard state.told.count < Self.onceLimit, state.told.insert(key).inserted else { return (false, false) }
            return (true, state.told.count == Self.onceLimit)
        }
        guard isNew else { return }
        sink(isLast ? "\(message()) (no more of these are told)" : message())
    }

    /// Reports one fault. `message` is built only when the line is let through.
    package func report(_ message: @autoclosure () -> String) {
        let now = clock.now
        let (passes, suppressedBefore): (Bool, UInt64) = state.withLock { state in
            if now - state.windowStart >= .seconds(1) {
                state.windowStart = now
                state.linesInWindow = 0
            }
            guard state.linesInWindow < limitPerSecond else {
                state.suppressed &+= 1
                return (false, 0)
            }
            state.linesInWindow += 1
            defer { state.suppressed = 0 }
            return (true, state.suppressed)
        }
        guard passes else { return }
        sink(suppressedBefore > 0 ? "\(message()) (\(suppressedBefore) earlier messages left out)" : message())
    }
}
