internal import Glibc

/// A thread of the host that a test waits for with a limit, so that a lost wake-up fails a test instead of hanging it.
package final class HostThread: Sendable {
    @safe
    private final class Start: Sendable {
        let body: @Sendable () -> Void
        // SAFETY: initialized before the thread starts, used through sem_* only, which are thread-safe.
        nonisolated(unsafe) let finished: UnsafeMutablePointer<sem_t>

        init(body: @escaping @Sendable () -> Void) {
            self.body = body
            unsafe finished = .allocate(capacity: 1)
            unsafe _ = sem_init(finished, 0, 0)
        }

        deinit {
            unsafe _ = sem_destroy(finished)
            unsafe finished.deallocate()
        }
    }

    private let start: Start

    package init(_ body: @escaping @Sendable () -> Void) {
        let start = Start(body: body)
        self.start = start
        var thread = pthread_t()
        // SAFETY: the retained start object is taken over, and released, by the new thread.
        let argument = unsafe Unmanaged.passRetained(start).toOpaque()
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                start.body()
                unsafe _ = sem_post(start.finished)
                return nil
            }, argument)
        precondition(result == 0, "the host gave no thread")
        _ = pthread_detach(thread)
    }

    /// True when the body ended within `seconds`. Call it once.
    package func finishes(within seconds: Int) -> Bool {
        var deadline = timespec()
        unsafe _ = clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += seconds
        while true {
            if unsafe sem_timedwait(start.finished, &deadline) == 0 { return true }
            if errno != EINTR { return false }
        }
    }
}

/// True when `condition` came true within 20 s.
package func waits(until condition: () -> Bool) -> Bool {
    var now = timespec()
    unsafe _ = clock_gettime(CLOCK_MONOTONIC, &now)
    let deadline = now.tv_sec + 20
    while !condition() {
        sched_yield()
        unsafe _ = clock_gettime(CLOCK_MONOTONIC, &now)
        if now.tv_sec > deadline { return false }
    }
    return true
}
