import CSupport
import Synchronization

/// Preemptive, fair, tickless: a queue a CPU, one lock for all, and a timer that is set only while someone waits for it.
///
/// A CPU with nothing to do takes a ready thread from another one, or halts. The lock is held across a switch: the thread that
/// goes on releases it.
enum Scheduler {
    private static let lock = SpinLock()
    // SAFETY: under `lock`.
    nonisolated(unsafe) private static var threads: [Thread] = []
    nonisolated(unsafe) private static var nextID = 0
}

// MARK: - Threads

extension Scheduler {
    /// Makes a thread that starts with `body`, and lets it run.
    @discardableResult
    static func spawn(_ name: StaticString, _ body: @escaping () -> Void) -> Thread {
        let thread = makeThread(name, body)
        start(thread)
        return thread
    }

    /// Makes a new thread ready, on this CPU or an idle one.
    static func start(_ thread: Thread) {
        lock.withLock {
            unsafe threads.append(thread)
            place(thread, on: CPUState.current, isNew: true)
        }
        yieldIfNeeded()
    }

    /// Makes a thread that is not in the scheduler's hands: an idle thread.
    static func makeThread(_ name: StaticString, _ body: (() -> Void)?) -> Thread {
        let id = lock.withLock {
            defer { unsafe nextID += 1 }
            return unsafe nextID
        }
        return Thread(id: id, name: name, body: body)
    }

    /// The threads there are, idle ones not among them.
    static var allThreads: [Thread] { lock.withLock { unsafe threads } }

    static var currentThread: Thread {
        let wereOn = CPU.disableInterrupts()
        defer { if wereOn { CPU.enableInterrupts() } }
        return CPUState.current.running
    }

    /// Lets the other ready threads run first.
    static func yield() {
        let wereOn = lock.acquire()
        let cpu = CPUState.current
        if !cpu.isIdle { cpu.queue.yield(now: Clock.now) }
        switchAway(cpu)
        lock.release(wereOn)
    }

    /// Sleeps for at least `nanoseconds`.
    static func sleep(nanoseconds: UInt64) {
        let wereOn = lock.acquire()
        let cpu = CPUState.current
        let thread = cpu.running
        let now = Clock.now
        thread.state = .sleeping
        cpu.timers.add(thread.timer, deadline: now + nanoseconds)
        cpu.queue.block(now: now)
        switchAway(cpu)
        lock.release(wereOn)
    }

    /// Waits for `unpark`; returns at once when one came since the last `park`.
    static func park() {
        let wereOn = lock.acquire()
        let cpu = CPUState.current
        let thread = cpu.running
        if thread.wakePending {
            thread.wakePending = false
        } else {
            thread.state = .parked
            cpu.queue.block(now: Clock.now)
            switchAway(cpu)
        }
        lock.release(wereOn)
    }

    /// As `park`, but for `nanoseconds` at most.
    static func park(nanoseconds: UInt64) {
        let wereOn = lock.acquire()
        let cpu = CPUState.current
        let thread = cpu.running
        if thread.wakePending {
            thread.wakePending = false
        } else {
            let now = Clock.now
            thread.state = .parked
            cpu.timers.add(thread.timer, deadline: now + nanoseconds)
            cpu.queue.block(now: now)
            switchAway(cpu)
        }
        lock.release(wereOn)
    }

    /// Ends a thread's `park`, this one or its next. Also from an interrupt.
    static func unpark(_ thread: Thread) {
        let wereOn = lock.acquire()
        if thread.state == .parked {
            thread.state = .ready
            // It sleeps where it ran; without a deadline nothing is queued.
            CPUState.all[thread.home].timers.cancel(thread.timer)
            place(thread, on: CPUState.all[thread.home], isNew: false)
        } else {
            thread.wakePending = true
        }
        lock.release(wereOn)
        if wereOn { yieldIfNeeded() }
    }

    /// Ends the current thread.
    static func exit() -> Never {
        _ = lock.acquire()
        let cpu = CPUState.current
        cpu.running.state = .ended
        unsafe threads.removeAll { $0 === cpu.running }
        cpu.ended = cpu.running
        cpu.queue.block(now: Clock.now)
        switchAway(cpu)
        Panic.stop("an ended thread ran")
    }
}

// MARK: - Choosing

extension Scheduler {
    /// Makes `thread` ready on its CPU, or on an idle one. Lock held.
    private static func place(_ thread: Thread, on home: CPUState, isNew: Bool) {
        let now = Clock.now
        var cpu = home
        var isNew = isNew
        if !home.isIdle, !thread.isPinned {
            for other in CPUState.all where other.isIdle && other.isOnline {
                cpu = other
                // Virtual times of two queues do not compare: the thread begins anew there.
                isNew = true
                break
            }
        }
        thread.state = .ready
        thread.home = cpu.index
        let shouldSwitch = isNew ? cpu.queue.add(thread, now: now) : cpu.queue.wake(thread, now: now)
        if shouldSwitch || cpu.isIdle { cpu.needsReschedule = true }
        if cpu.index == CPU.currentIndex {
            armTimer(cpu)
        } else {
            // It switches, or sets its timer for the competition.
            CPU.sendInterrupt(.reschedule, to: cpu.index)
        }
    }

    /// Gives the CPU to the next thread. Lock held; the current thread has been put back or blocked.
    private static func switchAway(_ cpu: CPUState) {
        let now = Clock.now
        let previous = cpu.running
        let next = cpu.queue.pickNext(now: now) ?? steal(for: cpu, now: now) ?? cpu.idle
        cpu.needsReschedule = false
        armTimer(cpu)
        if previous.state == .running { previous.state = .ready }
        next.state = .running
        guard next !== previous else { return }
        if next === cpu.idle {
            cpu.idleSince = now
        } else if previous === cpu.idle {
            cpu.idleTime += now - cpu.idleSince
        }
        if !previous.stackIsSound { Panic.stop("stack overflow of a thread", value: UInt64(previous.id)) }
        next.home = cpu.index
        cpu.running = next
        cpu.switches += 1
        Trace.emit(.contextSwitch, UInt64(previous.id), UInt64(next.id))
        switch_context(previous.contextSlot, next.contextSlot)
        finishSwitch()
    }

    /// The first thing after a switch, on the new thread's stack. Lock held.
    static func finishSwitch() {
        let cpu = CPUState.current
        if let ended = cpu.ended {
            cpu.ended = nil
            ended.freeStack()
        }
    }

    /// What a new thread does before its body.
    static func beginThread() {
        finishSwitch()
        lock.release(true)
    }

    /// Takes a thread from the CPU with the most that wait.
    private static func steal(for cpu: CPUState, now: UInt64) -> Thread? {
        var victim: CPUState?
        for other in CPUState.all where other !== cpu && other.queue.readyCount > (victim?.queue.readyCount ?? 0) {
            victim = other
        }
        guard let victim, let thread = victim.queue.give() else { return nil }
        if thread.isPinned {
            victim.queue.adopt(thread, now: now)
            return nil
        }
        cpu.queue.adopt(thread, now: now)
        return cpu.queue.pickNext(now: now)
    }

    /// Sets the CPU's timer for the next sleeper or the end of the current thread's slice. Leaves an earlier one alone.
    ///
    /// A CPU that is about to switch sets it then: the end of a slice that is over would interrupt again and again until then.
    private static func armTimer(_ cpu: CPUState) {
        if cpu.needsReschedule { return }
        var deadline = cpu.timers.nextDeadline ?? .max
        deadline = min(deadline, cpu.queue.preemptionDeadline ?? .max)
        guard deadline != .max, cpu.armedDeadline == 0 || deadline < cpu.armedDeadline else { return }
        cpu.armedDeadline = deadline
        CPU.setTimer(counterValue: Clock.counterValue(at: deadline))
    }
}

// MARK: - Interrupts and idling

extension Scheduler {
    static func timerInterrupt(_ cpu: CPUState) {
        lock.withLock {
            cpu.armedDeadline = 0
            let now = Clock.now
            while let timer = cpu.timers.popExpired(now: now) {
                if let thread = unsafe timer.thread { place(thread, on: cpu, isNew: false) }
            }
            if cpu.queue.mustPreempt(now: now) { cpu.needsReschedule = true }
            armTimer(cpu)
        }
    }

    static func rescheduleInterrupt(_ cpu: CPUState) {
        cpu.reschedules.wrappingAdd(1, ordering: .releasing)
        lock.withLock { armTimer(cpu) }
    }

    /// The current thread gives way, but stays ready.
    static func preempt(_ cpu: CPUState) {
        let wereOn = lock.acquire()
        if !cpu.isIdle { cpu.queue.preempt(now: Clock.now) }
        switchAway(cpu)
        lock.release(wereOn)
    }

    private static func yieldIfNeeded() {
        let wereOn = CPU.disableInterrupts()
        let cpu = CPUState.current
        if cpu.needsReschedule { preempt(cpu) }
        if wereOn { CPU.enableInterrupts() }
    }

    /// What an idle thread does for ever: the end of a CPU's start.
    static func idle() -> Never {
        _ = CPU.disableInterrupts()
        let cpu = CPUState.current
        cpu.idle.state = .running
        cpu.idleSince = Clock.now
        while true {
            if cpu.needsReschedule || cpu.queue.readyCount > 0 { preempt(cpu) }
            // Interrupts are off: what comes now ends the wait.
            CPU.waitForInterrupt()
        }
    }
}

@c(thread_main) public func threadMain() {
    Scheduler.beginThread()
    runBody()
    Scheduler.exit()
}

/// In a function of its own, so that all it holds is released before `exit`, which never returns.
@inline(never)
private func runBody() {
    let thread = Scheduler.currentThread
    let body = thread.body
    thread.body = nil
    body?()
}
