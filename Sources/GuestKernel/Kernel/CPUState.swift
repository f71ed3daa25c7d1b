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
    let trace: TraceRing
    /// Set by the CPU itself when it has started.
    let isOnline = Atomic<Bool>(false)

    init(index: Int, idle: Thread) {
        self.index = index
        self.idle = idle
        running = idle
        idle.home = index
        trace = TraceRing(storage: Heap.permanentStorage(order: 0), cpu: UInt8(truncatingIfNeeded: index))
    }

    // SAFETY: filled before other CPUs start, read only from then on.
    nonisolated(unsafe) private(set) static var all: [CPUState] = []

    static func add(_ state: CPUState) { unsafe all.append(state) }

    @inline(__always)
    static var current: CPUState { unsafe all[CPU.currentIndex] }

    static var onlineCount: Int {
        var count = 0
        for cpu in unsafe all where cpu.isOnline.load(ordering: .acquiring) { count += 1 }
        return count
    }

    var isIdle: Bool { running === idle }
}
