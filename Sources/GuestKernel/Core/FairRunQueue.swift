/// The ready threads of one CPU: each gets CPU time in proportion to its weight.
///
/// A thread's virtual time grows with the CPU time it uses, divided by its weight; the one with the least runs next. A thread that
/// slept comes back at most `sleeperCredit` behind the others, so it runs soon and cannot save up. The queue programs no
/// timer: it says when the current thread must give way (`preemptionDeadline`), and a lone thread has no deadline.
///
/// Time is in one unit throughout, that of `Parameters` (nanoseconds by default), and comes from the caller; a clock that
/// goes back counts as standing still. All operations are O(log n) and allocate nothing. Threading: by the caller's lock.
/// Threads are not kept alive by the queue.
package struct FairRunQueue<Thread: SchedulingEntity>: ~Copyable {
    package struct Parameters: Sendable {
        /// Within this time every ready thread runs once, unless there are many.
        package var latency: UInt64 = 12_000_000
        /// No thread is preempted before, except by one that wakes.
        package var granularity: UInt64 = 2_000_000
        /// A thread that wakes preempts one that is further ahead than this.
        package var wakeupGranularity: UInt64 = 1_000_000
        /// How far behind the others a thread that slept may come back.
        package var sleeperCredit: UInt64 = 6_000_000

        package init() {}
    }

    /// The thread that has the CPU, or nil when it is idle.
    package private(set) var current: Thread?

    private let parameters: Parameters
    private var heap = IntrusiveHeap()
    /// Sum of the weights of the ready threads and the current one.
    private var totalWeight: UInt64 = 0
    /// No thread that is ready for the first time is put before this; it never falls.
    private var floor: UInt64 = 0
    private var sliceStart: UInt64 = 0
    private var accountedUntil: UInt64 = 0

    package init(parameters: Parameters = Parameters()) {
        self.parameters = parameters
        // Room for a sleeper's credit below the first thread.
        floor = parameters.sleeperCredit
    }

    /// Threads waiting for the CPU; the current one is not counted.
    package var readyCount: Int { heap.count }
}

// MARK: - Ready threads

extension FairRunQueue where Thread: SchedulingEntity {
    /// Makes a new thread ready.
    ///
    /// - Returns: true when the CPU should switch now: it is idle.
    @discardableResult
    package mutating func add(_ thread: Thread, now: UInt64) -> Bool {
        account(now)
        // Not before the first in line: new threads without end do not starve those that wait.
        thread.virtualTime = max(floor, heap.first?.key ?? floor)
        enqueue(thread)
        return current == nil
    }

    /// Makes a thread ready that slept.
    ///
    /// - Returns: true when the CPU should switch now: it is idle, or the thread deserves it sooner than the current one.
    @discardableResult
    package mutating func wake(_ thread: Thread, now: UInt64) -> Bool {
        account(now)
        thread.virtualTime = max(thread.virtualTime, floor - parameters.sleeperCredit)
        enqueue(thread)
        guard let current else { return true }
        return thread.virtualTime + current.virtual(parameters.wakeupGranularity) < current.virtualTime
    }

    /// Takes a ready thread out: it was killed. A thread that is not ready here is left alone.
    package mutating func remove(_ thread: Thread) {
        guard thread.isQueued else { return }
        heap.remove(thread)
        totalWeight -= thread.weight
    }

    /// Sets a thread's nice value (cut to -20...19), whether it is ready here, current or neither.
    package mutating func setNice(_ nice: Int, of thread: Thread, now: UInt64) {
        account(now)
        let counts = thread.isQueued || thread === current
        if counts { totalWeight -= thread.weight }
        thread.apply(nice: nice)
        if counts { totalWeight += thread.weight }
    }

    /// Gives the next ready thread away to another CPU's queue; nil when none is ready.
    package mutating func give() -> Thread? {
        let base = floor
        guard let thread = dequeue() else { return nil }
        totalWeight -= thread.weight
        // Virtual time is relative to its queue: what the thread is ahead travels with it.
        thread.virtualTime -= min(thread.virtualTime, base)
        return thread
    }

    /// Takes a thread that another queue gave. Returns true when the CPU should switch now: it is idle.
    @discardableResult
    package mutating func adopt(_ thread: Thread, now: UInt64) -> Bool {
        account(now)
        thread.virtualTime += floor
        enqueue(thread)
        return current == nil
    }
}

// MARK: - The current thread

extension FairRunQueue where Thread: SchedulingEntity {
    /// Gives the CPU to the next thread, which becomes `current`; nil when none is ready: the CPU idles.
    ///
    /// - Precondition: there is no current thread: `preempt`, `yield` or `block` came before.
    package mutating func pickNext(now: UInt64) -> Thread? {
        precondition(current == nil)
        guard let thread = dequeue() else { return nil }
        thread.switches += 1
        current = thread
        sliceStart = now
        accountedUntil = now
        return thread
    }

    /// The current thread goes back among the ready ones.
    package mutating func preempt(now: UInt64) {
        account(now)
        guard let thread = current else { return }
        current = nil
        heap.insert(thread, key: thread.virtualTime)
    }

    /// The current thread goes back behind the first of the ready ones.
    package mutating func yield(now: UInt64) {
        account(now)
        guard let thread = current else { return }
        if let first = heap.first { thread.virtualTime = max(thread.virtualTime, first.key) }
        current = nil
        heap.insert(thread, key: thread.virtualTime)
    }

    /// The current thread sleeps, or has ended: it leaves the queue.
    package mutating func block(now: UInt64) {
        account(now)
        guard let thread = current else { return }
        current = nil
        totalWeight -= thread.weight
    }

    /// Charges the current thread for its time until now. The other methods do it themselves.
    package mutating func account(_ now: UInt64) {
        guard let current, now > accountedUntil else { return }
        let used = now - accountedUntil
        accountedUntil = now
        current.cpuTime += used
        current.virtualTime += current.virtual(used)
        raiseFloor(current.virtualTime)
    }

    /// When the current thread must be preempted: it may be past already. Nil while no other one is ready.
    package var preemptionDeadline: UInt64? {
        guard let current, heap.count > 0 else { return nil }
        let share = parameters.latency * current.weight / totalWeight
        return sliceStart + max(share, parameters.granularity)
    }

    /// True when the current thread's deadline has come.
    package func mustPreempt(now: UInt64) -> Bool {
        guard let deadline = preemptionDeadline else { return false }
        return now >= deadline
    }
}

// MARK: - Order

extension FairRunQueue where Thread: SchedulingEntity {
    private mutating func enqueue(_ thread: Thread) {
        heap.insert(thread, key: thread.virtualTime)
        totalWeight += thread.weight
    }

    private mutating func dequeue() -> Thread? {
        guard let node = heap.removeFirst() else { return nil }
        raiseFloor(min(node.key, current?.virtualTime ?? node.key))
        // SAFETY: only threads of this type are inserted.
        return unsafe unsafeDowncast(node, to: Thread.self)
    }

    /// The least virtual time of all threads here, and never less than before.
    private mutating func raiseFloor(_ running: UInt64) {
        floor = max(floor, min(running, heap.first?.key ?? running))
    }
}
