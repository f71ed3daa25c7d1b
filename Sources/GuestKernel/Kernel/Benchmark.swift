import Synchronization

/// The `bench` command: what the kernel's basic operations cost. Each runs for about 60 ms, however fast the machine is.
enum Benchmark {
    private static var budget: UInt64 { 60_000_000 }
    private static var iterationLimit: Int { 100_000 }

    static func run(_ output: TextOutput) -> CommandStatus {
        report("context switch", contextSwitch(), output)
        report("turn of two busy threads", timeSlice(), output)
        report("timer lateness", timer(), output)
        report("allocate + free, 64 bytes", measure { Heap.free(Heap.allocate(size: 64, alignment: 16)) }, output)
        report("allocate + free, 1 page", measure { Heap.free(Heap.allocatePages(order: 0)) }, output)
        if CPUState.onlineCount > 1 { report("IPI there and back", interprocessorInterrupt(), output) }
        report("trace point, off", measure { Trace.emit(.command) }, output)
        let console = measure(limit: 32) { output.put(0x2E) }
        output.newLine()
        report("console, a character", console, output)
        return .done
    }

    private static func report(_ name: StaticString, _ nanoseconds: UInt64, _ output: TextOutput) {
        output.write(name, column: 28)
        output.write(duration: nanoseconds)
        output.newLine()
    }

    /// The mean time of `operation`, repeated in doubling rounds until a round takes a third of the budget.
    private static func measure(limit: Int = iterationLimit, _ operation: () -> Void) -> UInt64 {
        var count = 4
        while true {
            let start = Clock.now
            for _ in 0..<count { operation() }
            let elapsed = Clock.now - start
            if elapsed > budget / 3 || count * 2 > limit { return elapsed / UInt64(count) }
            count *= 2
        }
    }

    /// Two threads on one CPU that yield to each other; half of a round trip.
    private static func contextSwitch() -> UInt64 {
        let isDone = Flag()
        let me = Scheduler.currentThread
        let other = Thread.pinned("bench") { while !isDone.isSet { Scheduler.yield() } }
        me.isPinned = true
        Scheduler.start(other)
        let time = measure { Scheduler.yield() }
        isDone.set()
        Scheduler.yield()
        me.isPinned = false
        return time / 2
    }

    /// How long a thread that never waits keeps its CPU from another one: what preemption by the timer makes finite.
    private static func timeSlice() -> UInt64 {
        let hasRun = Flag()
        let me = Scheduler.currentThread
        me.isPinned = true
        defer { me.isPinned = false }
        // Behind this one from now on, which has just been given the CPU again.
        Scheduler.sleep(nanoseconds: 1)
        Scheduler.start(Thread.pinned("bench") { hasRun.set() })
        let start = Clock.now
        while !hasRun.isSet { CPU.relax() }
        return Clock.now - start
    }

    /// How much later than asked a sleep of 200 us ends.
    private static func timer() -> UInt64 {
        let pause: UInt64 = 200_000
        let time = measure(limit: 64) { Scheduler.sleep(nanoseconds: pause) }
        return time > pause ? time - pause : 0
    }

    /// From sending an interrupt to seeing that its handler ran on another CPU.
    private static func interprocessorInterrupt() -> UInt64 {
        let me = Scheduler.currentThread
        me.isPinned = true
        defer { me.isPinned = false }
        var target: CPUState?
        for cpu in CPUState.all where cpu.index != me.home && cpu.isOnline { target = cpu }
        guard let target else { return 0 }
        return measure {
            let before = target.reschedules.load(ordering: .acquiring)
            CPU.sendInterrupt(.reschedule, to: target.index)
            while target.reschedules.load(ordering: .acquiring) == before { CPU.relax() }
        }
    }

    /// Something one thread tells another.
    private final class Flag {
        private let value = Atomic<Bool>(false)
        var isSet: Bool { value.load(ordering: .acquiring) }
        func set() { value.store(true, ordering: .releasing) }
    }
}
