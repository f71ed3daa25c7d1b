internal import CLinux
internal import Glibc

/// The host's clocks, read through the vDSO, `threadTime` by a system call. Threading: any thread.
package struct HostClock: Clock {
    package init() {}

    /// CLOCK_MONOTONIC: what `EventLoop`'s deadlines count in.
    package var now: Nanoseconds { Self.read(CLOCK_MONOTONIC) }

    /// CLOCK_REALTIME; zero when the host's clock stands before 1970.
    package var realTime: Nanoseconds { Self.read(CLOCK_REALTIME) }

    /// CPU time of the thread that asks.
    package var threadTime: Nanoseconds { Self.read(CLOCK_THREAD_CPUTIME_ID) }

    private static func read(_ clock: clockid_t) -> Nanoseconds {
        var time = timespec()
        // SAFETY: `time` is a valid timespec for the call; these clocks always exist on Linux.
        unsafe _ = clock_gettime(clock, &time)
        guard time.tv_sec >= 0 else { return .zero }
        return .seconds(UInt64(time.tv_sec)) + Nanoseconds(UInt64(time.tv_nsec))
    }
}
