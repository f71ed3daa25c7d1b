import KernelCore
import Testing

typealias TestThread = SchedulingEntity

/// A CPU whose threads never sleep unless told: runs the queue by its own deadlines.
final class TestCPU {
    private var queue = FairRunQueue<TestThread>()
    private(set) var now: UInt64 = 1_000
    /// The queue keeps no thread alive: this does.
    private var owned: [TestThread] = []

    deinit {
        queue.block(now: now)
        while queue.pickNext(now: now) != nil { queue.block(now: now) }
    }

    var current: TestThread? { queue.current }
    var readyCount: Int { queue.readyCount }
    var deadline: UInt64? { queue.preemptionDeadline }

    func add(_ thread: TestThread) -> Bool {
        owned.append(thread)
        return queue.add(thread, now: now)
    }
    func wake(_ thread: TestThread) -> Bool { queue.wake(thread, now: now) }
    func remove(_ thread: TestThread) { queue.remove(thread) }
    func setNice(_ nice: Int, of thread: TestThread) { queue.setNice(nice, of: thread, now: now) }
    func yield() { queue.yield(now: now) }
    func preempt() { queue.preempt(now: now) }
    func block() { queue.block(now: now) }
    func give() -> TestThread? { queue.give() }
    func adopt(_ thread: TestThread) -> Bool {
        owned.append(thread)
        return queue.adopt(thread, now: now)
    }
    @discardableResult func pick() -> TestThread? { queue.pickNext(now: now) }
    func pass(_ time: UInt64) {
        now += time
        queue.account(now)
    }
    func turnBack(_ time: UInt64) { queue.account(now - time) }
    func mustPreempt() -> Bool { queue.mustPreempt(now: now) }

    /// Runs until `end` with nothing but preemption at the deadlines.
    func run(until end: UInt64) {
        if current == nil { pick() }
        while now < end, current != nil {
            pass(max(min(deadline ?? end, end), now) - now)
            if mustPreempt() {
                preempt()
                pick()
            }
        }
    }
}

@Suite struct FairRunQueueTests {
    @Test(
        "CPU time is shared in the ratio of the weights",
        arguments: [[0, 0], [0, 5], [-5, 0, 5], [-20, 19], [3, 3, 3, -3]])
    func ratio(nice: [Int]) {
        let cpu = TestCPU()
        let threads = nice.map { _ in TestThread() }
        for (thread, nice) in zip(threads, nice) {
            cpu.setNice(nice, of: thread)
            _ = cpu.add(thread)
        }
        let begin = cpu.now
        cpu.run(until: begin + 100_000_000_000)
        let used = threads.reduce(0) { $0 + $1.cpuTime }
        let weights = threads.reduce(0) { $0 + $1.weight }
        #expect(used == 100_000_000_000)
        for thread in threads {
            let share = Double(thread.cpuTime) / Double(used)
            let fair = Double(thread.weight) / Double(weights)
            #expect(abs(share - fair) < 0.01 * fair + 0.0005, "\(thread.nice): \(share) of \(fair)")
        }
    }

    @Test("one step of nice is a factor of 1.25, and values are cut to -20...19")
    func weights() {
        let cpu = TestCPU()
        let thread = TestThread()
        var last: UInt64 = 0
        for nice in (-20...19).reversed() {
            cpu.setNice(nice, of: thread)
            if last > 0 { #expect(abs(Double(thread.weight) / Double(last) - 1.25) < 0.04) }
            last = thread.weight
        }
        cpu.setNice(-100, of: thread)
        #expect(thread.nice == -20 && thread.weight == last)
        cpu.setNice(.max, of: thread)
        #expect(thread.nice == 19)
    }

    @Test(
        "a lone thread has no deadline; with company the slice is its share of the latency, and never under the granularity"
    )
    func deadline() {
        let cpu = TestCPU()
        let threads = (0..<20).map { _ in TestThread() }
        #expect(cpu.add(threads[0]))
        #expect(cpu.pick() === threads[0] && cpu.deadline == nil && !cpu.mustPreempt())
        #expect(!cpu.add(threads[1]))
        #expect(cpu.deadline == cpu.now + 6_000_000)
        for thread in threads[2...] { _ = cpu.add(thread) }
        #expect(cpu.deadline == cpu.now + 2_000_000)
        cpu.pass(1_999_999)
        #expect(!cpu.mustPreempt())
        cpu.pass(1)
        #expect(cpu.mustPreempt())
        for thread in threads[1...] { cpu.remove(thread) }
        #expect(cpu.deadline == nil && cpu.readyCount == 0)
        cpu.block()
    }

    @Test("a thread that slept preempts a busy one, and cannot save up CPU time")
    func sleeper() {
        let cpu = TestCPU()
        let busy = TestThread()
        let sleeper = TestThread()
        _ = cpu.add(busy)
        _ = cpu.add(sleeper)
        cpu.run(until: cpu.now + 50_000_000)
        while cpu.current !== sleeper { cpu.run(until: cpu.now + 1_000_000) }
        cpu.block()
        cpu.run(until: cpu.now + 10_000_000_000)
        let before = busy.cpuTime
        let slept = sleeper.cpuTime
        #expect(cpu.wake(sleeper))
        cpu.preempt()
        #expect(cpu.pick() === sleeper)
        cpu.run(until: cpu.now + 1_000_000_000)
        // Half each, but for the credit of a few ms.
        #expect(abs(Int64(busy.cpuTime - before) - 500_000_000) < 20_000_000)
        #expect(abs(Int64(sleeper.cpuTime - slept) - 500_000_000) < 20_000_000)
    }

    @Test("threads that come and sleep without end starve nobody", arguments: 1...5 as ClosedRange<UInt64>)
    func noStarvation(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let cpu = TestCPU()
        let victim = TestThread()
        cpu.setNice(5, of: victim)
        _ = cpu.add(victim)
        var sleeping: [TestThread] = []
        var waited: UInt64 = 0
        var lastRun = cpu.now
        for step in 1...20_000 {
            if step % 5 == 0 {
                _ = cpu.add(TestThread())
            }
            while sleeping.count > 3, let thread = sleeping.popLast() { _ = cpu.wake(thread) }
            if cpu.current == nil { cpu.pick() }
            cpu.pass(UInt64.random(in: 1...3_000_000, using: &random))
            if cpu.current === victim {
                waited = max(waited, cpu.now - lastRun)
                lastRun = cpu.now
                cpu.preempt()
            } else if Bool.random(using: &random), let thread = cpu.current {
                cpu.block()
                if Bool.random(using: &random) { sleeping.insert(thread, at: 0) }
            } else {
                cpu.preempt()
            }
        }
        waited = max(waited, cpu.now - lastRun)
        #expect(victim.cpuTime > 0 && waited < 3_000_000_000, "waited \(waited / 1_000_000) ms")
    }

    @Test("yield lets the others go first; a clock that goes back charges nothing")
    func yields() {
        let cpu = TestCPU()
        let threads = (0..<3).map { _ in TestThread() }
        for thread in threads { _ = cpu.add(thread) }
        var order: [Int?] = []
        for _ in 0..<6 {
            let next = cpu.pick()
            order.append(threads.firstIndex { $0 === next })
            cpu.yield()
        }
        #expect(order == [0, 1, 2, 0, 1, 2])
        let thread = cpu.pick()
        cpu.turnBack(500)
        #expect(thread?.cpuTime == 0 && thread?.switches == 3)
    }

    @Test("a thread given to another CPU is neither ahead of nor behind the threads there")
    func migration() {
        let one = TestCPU()
        let two = TestCPU()
        let threads = (0..<4).map { _ in TestThread() }
        for thread in threads { _ = one.add(thread) }
        let lonely = TestThread()
        _ = two.add(lonely)
        one.run(until: one.now + 5_000_000_000)
        two.run(until: two.now + 60_000_000_000)
        for _ in 0..<2 {
            if let thread = one.give() { #expect(!two.adopt(thread)) }
        }
        #expect(one.readyCount == 1 && two.readyCount == 2)
        let before = lonely.cpuTime
        two.run(until: two.now + 3_000_000_000)
        #expect(abs(Int64(lonely.cpuTime - before) - 1_000_000_000) < 30_000_000)
        #expect(one.give() != nil && one.give() == nil)
    }
}
