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
    private let inputs = Atomic<UInt32>(0)
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
    var lines: UInt32 { inputs.load(ordering: .sequentiallyConsistent) }

    func setInput(_ bit: UInt32, _ asserted: Bool) {
        guard asserted else {
            inputs.bitwiseAnd(~bit, ordering: .sequentiallyConsistent)
            return
        }
        let old = inputs.bitwiseOr(bit, ordering: .sequentiallyConsistent).oldValue
        if old & bit == 0 { attend(Attention.interrupt) }
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
