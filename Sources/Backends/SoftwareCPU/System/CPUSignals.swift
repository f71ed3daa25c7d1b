internal import Glibc
internal import Synchronization
internal import VMMCore

/// The interrupt inputs of a CPU, as bits.
enum InterruptInputs {
    static let irq: UInt32 = 1
    static let fiq: UInt32 = 2
}

/// What other threads tell a CPU: interrupt levels, kicks, events, power. All methods from any thread, but those that wait.
///
/// How a wake-up is not lost: the waker changes a word, then looks whether the CPU waits; the CPU says that it waits, then
/// looks at the words; both sequentially consistent. The lock closes the gap between that look and the wait.
@safe
final class CPUSignals: Sendable {
    /// Of each input the level in bit 0 and above it the number of that level: see `OrderedInterruptLine`.
    private let irq = Atomic<UInt64>(0)
    private let fiq = Atomic<UInt64>(0)
    private let event = Atomic<Bool>(false)
    private let isWaiting = Atomic<Bool>(false)
    private let state: StateBlock
    /// Keeps the state block's memory for late callers.
    private let storage: HostArray
    // SAFETY: initialized in init, destroyed in deinit, accessed by the pthread functions only.
    private nonisolated(unsafe) let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private nonisolated(unsafe) let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init(_ state: StateBlock, _ storage: HostArray) {
        self.state = state
        self.storage = storage
        // SAFETY: fresh memory for each, and default attributes but for the clock of timed waits.
        unsafe pthread_mutex_init(lock, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        // SAFETY: nobody waits: the waiting thread has a reference.
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(lock)
        unsafe condition.deallocate()
        unsafe lock.deallocate()
    }

    /// The asserted inputs.
    var lines: UInt32 {
        let (irq, fiq) = (irq.load(ordering: .sequentiallyConsistent), fiq.load(ordering: .sequentiallyConsistent))
        return (irq & 1 != 0 ? InterruptInputs.irq : 0) | (fiq & 1 != 0 ? InterruptInputs.fiq : 0)
    }

    /// With an order, a level older than the input's is passed over; without one it is the next.
    func setInput(_ bit: UInt32, _ asserted: Bool, order: UInt64? = nil) {
        let rose = bit == InterruptInputs.irq ? Self.set(irq, asserted, order) : Self.set(fiq, asserted, order)
        if rose { attend(Attention.interrupt) }
    }

    /// Whether the input was low and is high now.
    private static func set(_ input: borrowing Atomic<UInt64>, _ asserted: Bool, _ order: UInt64?) -> Bool {
        var old = input.load(ordering: .sequentiallyConsistent)
        while true {
            let new = order ?? (old >> 1 &+ 1)
            guard new > old >> 1 else { return false }
            let result = input.compareExchange(
                expected: old, desired: new << 1 | (asserted ? 1 : 0), ordering: .sequentiallyConsistent)
            if result.exchanged { return asserted && old & 1 == 0 }
            old = result.original
        }
    }

    /// Makes the engine look up, and wakes it.
    func attend(_ bits: UInt32) {
        state.raiseAttention(bits)
        wake()
    }

    private func wake() {
        guard isWaiting.load(ordering: .sequentiallyConsistent) else { return }
        // SAFETY: see `lock`.
        unsafe pthread_mutex_lock(lock)
        unsafe pthread_cond_signal(condition)
        unsafe pthread_mutex_unlock(lock)
    }

    // MARK: Events

    /// SEV from any CPU, or what counts as an event of this one.
    func setEvent() {
        event.store(true, ordering: .sequentiallyConsistent)
        wake()
    }

    /// Clears the event register and tells whether it was set.
    func takeEvent() -> Bool { event.exchange(false, ordering: .sequentiallyConsistent) }

    // MARK: Waiting, on the CPU's thread

    /// Sleeps until there is something to attend to, or an interrupt input is asserted when `byInterrupt`.
    func wait(byInterrupt: Bool) {
        waitLoop { self.state.attention == 0 && !(byInterrupt && self.lines != 0) }
    }

    /// Sleeps until an event, an interrupt or attention, at most for `microseconds`.
    func waitForEvent(microseconds: Int) {
        var deadline = timespec()
        // SAFETY: the struct lives through the calls.
        unsafe _ = clock_gettime(CLOCK_MONOTONIC, &deadline)
        deadline.tv_nsec += microseconds * 1000
        if deadline.tv_nsec >= 1_000_000_000 {
            deadline.tv_nsec -= 1_000_000_000
            deadline.tv_sec += 1
        }
        isWaiting.store(true, ordering: .sequentiallyConsistent)
        // SAFETY: see `lock`.
        unsafe pthread_mutex_lock(lock)
        if state.attention == 0 && lines == 0 && !event.load(ordering: .sequentiallyConsistent) {
            unsafe _ = pthread_cond_timedwait(condition, lock, &deadline)
        }
        unsafe pthread_mutex_unlock(lock)
        isWaiting.store(false, ordering: .sequentiallyConsistent)
    }

    /// Sleeps until there is something to attend to, at most for `duration`.
    func waitForAttention(atMost duration: Nanoseconds) {
        var deadline = timespec()
        // SAFETY: the struct lives through the calls.
        unsafe _ = clock_gettime(CLOCK_MONOTONIC, &deadline)
        let nanoseconds = duration.rawValue % 1_000_000_000 + UInt64(deadline.tv_nsec)
        deadline.tv_sec += Int(min(duration.rawValue / 1_000_000_000, 1 << 30) + nanoseconds / 1_000_000_000)
        deadline.tv_nsec = Int(nanoseconds % 1_000_000_000)
        isWaiting.store(true, ordering: .sequentiallyConsistent)
        // SAFETY: see `lock`.
        unsafe pthread_mutex_lock(lock)
        while state.attention == 0 {
            guard unsafe pthread_cond_timedwait(condition, lock, &deadline) == 0 else { break }
        }
        unsafe pthread_mutex_unlock(lock)
        isWaiting.store(false, ordering: .sequentiallyConsistent)
    }

    private func waitLoop(while isIdle: () -> Bool) {
        isWaiting.store(true, ordering: .sequentiallyConsistent)
        // SAFETY: see `lock`.
        unsafe pthread_mutex_lock(lock)
        while isIdle() { unsafe _ = pthread_cond_wait(condition, lock) }
        unsafe pthread_mutex_unlock(lock)
        isWaiting.store(false, ordering: .sequentiallyConsistent)
    }
}
