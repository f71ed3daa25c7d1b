import Synchronization
import Testing
import VMMCore
import VMMTestSupport

@Suite struct VirtualClockTests {
    /// Executes as many instructions as it is told.
    private final class Counter: InstructionCounting {
        private let state = Mutex<(executed: UInt64, ends: Int)>((0, 0))
        var executedInstructions: UInt64 { state.withLock { $0.executed } }
        var ends: Int { state.withLock { $0.ends } }
        func endBudget() { state.withLock { $0.ends += 1 } }
        func execute(_ count: UInt64) { state.withLock { $0.executed += count } }
        func takeBack(_ count: UInt64) { state.withLock { $0.executed -= count } }
    }

    private let clock = VirtualClock(startOfDay: .seconds(1000))

    private func deadline(_ name: String, _ calls: Recorder<String>) -> any OwnedDeadline {
        let deadline = clock.makeDeadline()
        deadline.setHandler { [clock] in calls.record("\(name) at \(clock.now.rawValue)") }
        return deadline
    }

    @Test("a nanosecond an instruction, of whoever has its turn; between turns time stands still")
    func counts() {
        let (first, second) = (Counter(), Counter())
        second.execute(500)
        #expect(clock.now == .zero)
        clock.begin(first)
        first.execute(30)
        #expect(clock.now == Nanoseconds(30))
        clock.end()
        first.execute(1000)
        #expect(clock.now == Nanoseconds(30))
        clock.begin(second)
        second.execute(12)
        clock.end()
        #expect(clock.now == Nanoseconds(42))
        #expect(clock.realTime == .seconds(1000) + Nanoseconds(42))
    }

    @Test("a jump leads forward only")
    func jumps() {
        clock.jump(to: .seconds(2))
        clock.jump(to: .seconds(1))
        #expect(clock.now == .seconds(2))
    }

    @Test("a count that was ahead of itself does not make time run backwards, nor is anything lost")
    func monotonic() {
        let counter = Counter()
        clock.begin(counter)
        counter.execute(60)
        #expect(clock.now == Nanoseconds(60))
        counter.takeBack(40)
        #expect(clock.now == Nanoseconds(60))
        counter.execute(50)
        #expect(clock.now == Nanoseconds(70))
    }

    @Test("deadlines are called the earliest first, equal ones in the order in which they were set, and none early")
    func order() {
        let calls = Recorder<String>()
        let deadlines = ["a", "b", "c", "d"].map { deadline($0, calls) }
        for (deadline, time) in zip(deadlines, [30, 10, 30, 20] as [UInt64]) {
            deadline.schedule(at: Nanoseconds(time))
        }
        clock.jump(to: Nanoseconds(9))
        clock.callDue()
        #expect(calls.values == [])
        clock.jump(to: Nanoseconds(29))
        clock.callDue()
        #expect(calls.values == ["b at 29", "d at 29"])
        #expect(clock.nextDeadline == Nanoseconds(30))
        clock.jump(to: Nanoseconds(30))
        clock.callDue()
        #expect(calls.values == ["b at 29", "d at 29", "a at 30", "c at 30"])
        #expect(clock.nextDeadline == nil)
    }

    @Test("the last deadline that was set counts, and a cancelled one is not called")
    func replaces() {
        let calls = Recorder<String>()
        let (moved, cancelled) = (deadline("moved", calls), deadline("cancelled", calls))
        moved.schedule(at: Nanoseconds(5))
        moved.schedule(at: Nanoseconds(8))
        cancelled.schedule(at: Nanoseconds(6))
        cancelled.cancel()
        clock.jump(to: Nanoseconds(7))
        clock.callDue()
        #expect(calls.values == [])
        clock.jump(to: Nanoseconds(8))
        clock.callDue()
        #expect(calls.values == ["moved at 8"])
    }

    @Test("a budget ends at the next deadline; one that is due leaves a single instruction")
    func budgets() {
        let calls = Recorder<String>()
        let counter = Counter()
        let deadline = deadline("a", calls)
        deadline.schedule(at: Nanoseconds(100))
        clock.begin(counter)
        #expect(clock.budget(atMost: 1000) == 100)
        #expect(clock.budget(atMost: 60) == 60)
        counter.execute(99)
        #expect(clock.budget(atMost: 1000) == 1)
        counter.execute(5)
        #expect(clock.budget(atMost: 1000) == 1)
        #expect(clock.budget(atMost: 0) == 0)
        clock.end()
    }

    @Test("a deadline set within a run ends the run when it comes before the run's end, else not")
    func endsRun() {
        let counter = Counter()
        let (near, far) = (clock.makeDeadline(), clock.makeDeadline())
        clock.begin(counter)
        #expect(clock.budget(atMost: 1000) == 1000)
        far.schedule(at: Nanoseconds(1000))
        #expect(counter.ends == 0)
        near.schedule(at: Nanoseconds(999))
        #expect(counter.ends == 1)
        clock.runEnded()
        near.schedule(at: Nanoseconds(500))
        #expect(counter.ends == 1)
        clock.end()
    }

    @Test("a handler that always sets itself into the past does not keep the machine")
    func pastDeadlines() {
        let calls = Recorder<Int>()
        let deadline = clock.makeDeadline()
        deadline.setHandler { [weak deadline] in
            calls.record(1)
            deadline?.schedule(at: .zero)
        }
        deadline.schedule(at: .zero)
        clock.callDue()
        clock.callDue()
        #expect(calls.count == 2)
    }
}

@Suite struct RepeatableGeneratorTests {
    private func numbers(_ seed: UInt64, _ stream: UInt64 = 0) -> [UInt64] {
        var generator = RepeatableGenerator(seed: seed, stream: stream)
        return (0..<8).map { _ in generator.next() }
    }

    @Test("the same seed and stream give the same numbers, others give others")
    func repeats() {
        #expect(numbers(1) == numbers(1))
        #expect(numbers(1) != numbers(2))
        #expect(numbers(1, 1) != numbers(1, 2))
        #expect(Set((0..<64).flatMap { numbers($0 / 8, $0 % 8) }).count == 512)
    }
}
