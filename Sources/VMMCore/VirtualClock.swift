internal import Synchronization

/// Time that passes with executed instructions, of all vCPUs together, and by jumps while none has anything to execute: the
/// same in each run of the same guest.
///
/// One instruction is one nanosecond: a CPU of 1 GHz and one instruction a cycle, about what guests expect of their delay
/// loops and time slices. Several vCPUs take turns, so each is that much slower, as on one processor.
///
/// Threading: the machine's one thread; any before it starts.
package final class VirtualClock: Clock {
    package static let nanosecondsPerInstruction: UInt64 = 1
    /// 2026-01-01 00:00:00 UTC, the time of day at the start unless another is wanted.
    package static let defaultStartOfDay = Nanoseconds.seconds(1_767_225_600)

    fileprivate typealias Body = @Sendable () -> Void

    private struct State {
        /// The time when `counter` had executed `countAtBase` instructions.
        var base = Nanoseconds.zero
        var countAtBase: UInt64 = 0
        var counter: (any InstructionCounting)?
        /// What was told last: a count that was ahead of itself does not make time run backwards.
        var latest = Nanoseconds.zero
        /// When the run under way ends by itself; zero while there is none.
        var runEnd = Nanoseconds.zero
        var timers = TimerHeap<Body>()

        /// Brings `latest` to the present.
        mutating func update() {
            guard let counter else { return }
            let executed = counter.executedInstructions &- countAtBase
            let (passed, overflow) = executed.multipliedReportingOverflow(by: VirtualClock.nanosecondsPerInstruction)
            latest = max(latest, base + Nanoseconds(overflow ? .max : passed))
        }
    }

    private let startOfDay: Nanoseconds
    private let state = Mutex(State())

    /// - Parameter startOfDay: `realTime` at the start, when `now` is zero.
    package init(startOfDay: Nanoseconds = VirtualClock.defaultStartOfDay) { self.startOfDay = startOfDay }

    package var now: Nanoseconds {
        state.withLock { state in
            state.update()
            return state.latest
        }
    }

    package var realTime: Nanoseconds { startOfDay + now }

    // MARK: What moves it

    /// Time passes with the instructions of `counter` from now on. They end with `end()`.
    package func begin(_ counter: any InstructionCounting) {
        state.withLock { state in
            state.base = state.latest
            state.countAtBase = counter.executedInstructions
            state.counter = counter
        }
    }

    package func end() {
        state.withLock { state in
            state.update()
            state.counter = nil
            state.runEnd = .zero
        }
    }

    /// Lets time pass to `time` at once, while no vCPU has its turn. It does not go back.
    package func jump(to time: Nanoseconds) {
        state.withLock { $0.latest = max($0.latest, time) }
    }

    /// How many of `instructions` can be executed before the next deadline; at least 1 unless `instructions` is 0. A deadline that
    /// the guest sets nearer than that ends the run.
    package func budget(atMost instructions: UInt64) -> UInt64 {
        state.withLock { state in
            state.update()
            var budget = instructions
            if let deadline = state.timers.earliest {
                let left = (deadline - state.latest).rawValue
                budget = min(budget, max(1, left / Self.nanosecondsPerInstruction))
            }
            state.runEnd = state.latest + Nanoseconds(budget)
            return budget
        }
    }

    /// The run that `budget` was asked for is over.
    package func runEnded() { state.withLock { $0.runEnd = .zero } }

    // MARK: Deadlines

    package var nextDeadline: Nanoseconds? { state.withLock { $0.timers.earliest } }

    /// Calls all whose deadline has come: the earliest first, equal ones in the order in which they were scheduled. What they
    /// schedule for now or before is called too, but not more than there were in the beginning.
    package func callDue() {
        let now = now
        for _ in 0..<state.withLock({ $0.timers.count }) {
            guard let body = state.withLock({ $0.timers.takeDue(now) }) else { return }
            body()
        }
    }

    fileprivate func schedule(at deadline: Nanoseconds, _ body: @escaping Body) -> UInt64 {
        let (id, counter) = state.withLock { state in
            let isSooner = deadline < state.runEnd
            return (state.timers.insert(body, at: deadline), isSooner ? state.counter : nil)
        }
        counter?.endBudget()
        return id
    }

    fileprivate func cancel(_ id: UInt64) {
        // The body is destroyed outside the lock.
        let body = state.withLock { $0.timers.cancel(id) }
        _ = consume body
    }
}

extension VirtualClock: DeadlineSource {
    package func makeDeadline() -> any OwnedDeadline { VirtualDeadline(self) }
}

/// A deadline of a virtual clock; its handler is called by `VirtualClock.callDue()`. Threading: as the clock.
final class VirtualDeadline: OwnedDeadline {
    private struct State {
        var id: UInt64?
        var handler: (@Sendable () -> Void)?
    }

    private let clock: VirtualClock
    private let state = Mutex(State())

    init(_ clock: VirtualClock) { self.clock = clock }

    func setHandler(_ handler: (@Sendable () -> Void)?) { state.withLock { $0.handler = handler } }

    func schedule(at deadline: Nanoseconds) {
        replace(with: clock.schedule(at: deadline) { [weak self] in self?.state.withLock { $0.handler }?() })
    }

    func cancel() { replace(with: nil) }

    private func replace(with id: UInt64?) {
        let old = state.withLock { state in
            defer { state.id = id }
            return state.id
        }
        if let old { clock.cancel(old) }
    }
}
