internal import Glibc
internal import HostBridge

/// A value behind a lock on which threads can wait for a change. (`Mutex` has no condition variable.)
///
/// Threading: any thread. The lock is not recursive.
@safe
package final class Monitor<State>: Sendable {
    @unsafe
    private struct Storage {
        var mutex = unsafe pthread_mutex_t()
        var condition = pthread_cond_t()
        var state: State
    }

    // SAFETY: allocated in init, freed in deinit; the state is touched with the mutex held only.
    private nonisolated(unsafe) let storage: UnsafeMutablePointer<Storage>

    package init(_ state: sending State) {
        // SAFETY: the mutex and the condition never move after they are initialised.
        unsafe storage = .allocate(capacity: 1)
        unsafe storage.initialize(to: Storage(state: state))
        unsafe pthread_mutex_init(&storage.pointee.mutex, nil)
        // Timed waits are by a clock that nobody sets.
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(&storage.pointee.condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        // SAFETY: nobody waits or holds the lock: that would need a reference to self.
        unsafe pthread_cond_destroy(&storage.pointee.condition)
        unsafe pthread_mutex_destroy(&storage.pointee.mutex)
        unsafe storage.deinitialize(count: 1)
        unsafe storage.deallocate()
    }

    @inline(__always)
    package func withLock<Result>(_ body: (inout State) -> Result) -> Result {
        // SAFETY: the mutex is initialised, and the state is exclusive while it is held.
        unsafe pthread_mutex_lock(&storage.pointee.mutex)
        defer { unsafe _ = pthread_mutex_unlock(&storage.pointee.mutex) }
        return unsafe body(&storage.pointee.state)
    }

    /// Calls `body` with the lock held, again after each `wakeAll()` for as long as it returns nil.
    @inline(__always)
    package func waiting<Result>(_ body: (inout State) -> Result?) -> Result {
        // SAFETY: as in withLock; the wait gives the mutex up and takes it again before it returns.
        unsafe pthread_mutex_lock(&storage.pointee.mutex)
        defer { unsafe _ = pthread_mutex_unlock(&storage.pointee.mutex) }
        while true {
            if let result = unsafe body(&storage.pointee.state) { return result }
            unsafe pthread_cond_wait(&storage.pointee.condition, &storage.pointee.mutex)
        }
    }

    /// As `waiting`, for so many seconds at most. Nil: they have passed.
    package func waiting<Result>(atMost seconds: Int, _ body: (inout State) -> Result?) -> Result? {
        var end = timespec()
        // SAFETY: `end` lives; the mutex is held around the body, and given up during the wait only.
        unsafe clock_gettime(CLOCK_MONOTONIC, &end)
        end.tv_sec += seconds
        unsafe pthread_mutex_lock(&storage.pointee.mutex)
        defer { unsafe _ = pthread_mutex_unlock(&storage.pointee.mutex) }
        while true {
            if let result = unsafe body(&storage.pointee.state) { return result }
            let reason = unsafe pthread_cond_timedwait(&storage.pointee.condition, &storage.pointee.mutex, &end)
            if reason == ETIMEDOUT { return unsafe body(&storage.pointee.state) }
        }
    }

    /// Wakes one of those who wait, if any do. With or without the lock held.
    package func wakeOne() {
        // SAFETY: the condition is initialised.
        unsafe _ = pthread_cond_signal(&storage.pointee.condition)
    }

    /// Wakes everyone who waits. With or without the lock held.
    package func wakeAll() {
        // SAFETY: the condition is initialised.
        unsafe _ = pthread_cond_broadcast(&storage.pointee.condition)
    }
}
