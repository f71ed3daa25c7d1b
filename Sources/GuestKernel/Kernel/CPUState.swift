import Synchronization

/// What the kernel keeps for each CPU. The scheduler's fields are under the scheduler's lock; the rest is the CPU's own.
final class CPUState {
    let index: Int
    /// Threads ready to run here.
    var queue = FairRunQueue<Thread>()
    /// Threads that sleep, having gone to sleep here.
    var timers = TimerQueue<SleepTimer>()
    /// Runs when no other thread is ready; its stack is the one the CPU started on.
    let idle: Thread
    var running: Thread
    /// A thread that has ended and whose stack is to be freed as soon as this CPU is off it.
    var ended: Thread?
    var needsReschedule = false
    /// What the hardware timer is set to, in ns; 0 when it is not set.
    var armedDeadline: UInt64 = 0
    var switches: UInt64 = 0
    var idleSince: UInt64 = 0
    var idleTime: UInt64 = 0
    /// By `InterruptSource`.
    var interruptCounts = [UInt64](repeating: 0, count: InterruptSource.allCases.count)
    /// Reschedule interrupts taken: other CPUs look at it.
    let reschedules = Atomic<UInt64>(0)
    let trace: TraceRing
    private let online = Atomic<Bool>(false)

    init(index: Int, idle: Thread) {
        self.index = index
        self.idle = idle
        running = idle
        idle.home = index
        trace = TraceRing(storage: Heap.permanentStorage(order: 0), cpu: UInt8(truncatingIfNeeded: index))
    }

    // SAFETY: filled before other CPUs start, read only from then on.
    nonisolated(unsafe) private static var states: [CPUState] = []

    static func add(_ state: CPUState) { unsafe states.append(state) }

    /// By index; those that did not start too.
    static var all: [CPUState] { unsafe states }

    @inline(__always)
    static var current: CPUState { unsafe states[CPU.currentIndex] }

    static var onlineCount: Int {
        var count = 0
        for cpu in all where cpu.isOnline { count += 1 }
        return count
    }

    /// True when the CPU has started.
    var isOnline: Bool { online.load(ordering: .acquiring) }

    /// The CPU itself says that it has started; all it has written by then is seen by those who see it online.
    func setOnline() { online.store(true, ordering: .releasing) }

    var isIdle: Bool { running === idle }
}
