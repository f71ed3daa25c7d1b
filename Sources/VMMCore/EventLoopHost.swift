internal import CLinux
internal import Glibc

/// The descriptors behind an `EventLoop`: an epoll set, an eventfd that wakes it and a timerfd. Closed with it.
///
/// Threading: any thread, except `wait`, which belongs to the loop's. The kernel serialises the calls.
final class EventLoopHost: Sendable {
    /// Event tags of the loop's own descriptors; registrations count from `firstTag`.
    static let wakeTag: UInt64 = 0
    static let timerTag: UInt64 = 1
    static let firstTag: UInt64 = 2

    private let epoll: OwnedDescriptor
    private let wakeUp: OwnedDescriptor
    private let timer: OwnedDescriptor

    init() throws(EventLoopError) {
        epoll = try OwnedDescriptor(epoll_create1(Int32(EPOLL_CLOEXEC)), from: .epollCreate)
        wakeUp = try OwnedDescriptor(
            eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK)), from: .eventfd)
        timer = try OwnedDescriptor(
            timerfd_create(CLOCK_MONOTONIC, Int32(TFD_CLOEXEC) | Int32(TFD_NONBLOCK)),
            from: .timerfdCreate)
        try control(EPOLL_CTL_ADD, wakeUp.rawValue, .readable, tag: Self.wakeTag)
        try control(EPOLL_CTL_ADD, timer.rawValue, .readable, tag: Self.timerTag)
    }

    func add(_ descriptor: Int32, _ interest: Interest, tag: UInt64) throws(EventLoopError) {
        try control(EPOLL_CTL_ADD, descriptor, interest, tag: tag)
    }

    func modify(_ descriptor: Int32, _ interest: Interest, tag: UInt64) throws(EventLoopError) {
        try control(EPOLL_CTL_MOD, descriptor, interest, tag: tag)
    }

    /// A descriptor that the caller closed too early is gone from the set already.
    func remove(_ descriptor: Int32) {
        _ = epoll_ctl(epoll.rawValue, EPOLL_CTL_DEL, descriptor, nil)
    }

    private func control(
        _ operation: Int32, _ descriptor: Int32, _ interest: Interest, tag: UInt64
    ) throws(EventLoopError) {
        var events: UInt32 = 0
        if interest.contains(.readable) { events |= EPOLLIN.rawValue | EPOLLRDHUP.rawValue }
        if interest.contains(.writable) { events |= EPOLLOUT.rawValue }
        // SAFETY: `data` could hold a pointer, and holds plain bits here.
        var event = unsafe epoll_event(events: events, data: epoll_data_t(u64: tag))
        // SAFETY: `event` lives through the call.
        guard unsafe epoll_ctl(epoll.rawValue, operation, descriptor, &event) == 0 else {
            switch errno {
            case EPERM: throw .notPollable(descriptor)
            case EBADF: throw .badDescriptor(descriptor)
            case EEXIST: throw .alreadyRegistered(descriptor)
            default: throw .hostRefused(.epollControl, errno: errno)
            }
        }
    }

    /// Waits for events, and replaces the contents of `ready` with them.
    func wait(into ready: inout [ReadyEvent]) {
        ready.removeAll(keepingCapacity: true)
        let batch = 64
        // SAFETY: epoll_wait writes at most `batch` events to the buffer, and returns how many.
        unsafe withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: batch) { buffer in
            guard let first = buffer.baseAddress else { return }
            // EINTR: the loop looks at its work and comes back.
            let count = unsafe epoll_wait(epoll.rawValue, first, Int32(batch), -1)
            for index in 0..<max(0, Int(count)) {
                // SAFETY: the kernel wrote the first `count` events; each member of `data` is plain bits.
                unsafe ready.append(
                    ReadyEvent(tag: buffer[index].data.u64, readiness: Readiness(epollEvents: buffer[index].events)))
            }
        }
    }

    /// Makes `wait` return. Async-signal-safe.
    func wake() {
        // EAGAIN: the counter is full, so that the loop is awake anyway.
        _ = eventfd_write(wakeUp.rawValue, 1)
    }

    func takeWakeUps() {
        var count: eventfd_t = 0
        // SAFETY: `count` is valid for the call.
        unsafe _ = eventfd_read(wakeUp.rawValue, &count)
    }

    /// Sets the time of the next timer event, on CLOCK_MONOTONIC; nil: none.
    func setTimer(_ deadline: Nanoseconds?) {
        var setting = itimerspec()
        if let deadline {
            // All zero would disarm it: a deadline of 0 becomes 1 ns, which is past as well.
            let nanoseconds = max(deadline.rawValue, 1)
            setting.it_value.tv_sec = Int(nanoseconds / 1_000_000_000)
            setting.it_value.tv_nsec = Int(nanoseconds % 1_000_000_000)
        }
        // SAFETY: `setting` lives through the call; no old value is asked for.
        unsafe _ = timerfd_settime(timer.rawValue, Int32(TFD_TIMER_ABSTIME), &setting, nil)
    }

    func takeTimerExpirations() {
        var count: UInt64 = 0
        // SAFETY: a timerfd read writes 8 bytes.
        unsafe _ = read(timer.rawValue, &count, MemoryLayout<UInt64>.size)
    }
}

/// One event that `EventLoopHost.wait` brought.
struct ReadyEvent {
    let tag: UInt64
    let readiness: Readiness
}

extension Readiness {
    fileprivate init(epollEvents events: UInt32) {
        self = []
        if events & EPOLLIN.rawValue != 0 { insert(.readable) }
        if events & EPOLLOUT.rawValue != 0 { insert(.writable) }
        if events & (EPOLLHUP.rawValue | EPOLLRDHUP.rawValue) != 0 { insert(.hangUp) }
        if events & EPOLLERR.rawValue != 0 { insert(.error) }
    }
}

/// A descriptor that is closed at the end of its life.
private final class OwnedDescriptor: Sendable {
    let rawValue: Int32

    init(_ descriptor: Int32, from call: EventLoopError.Call) throws(EventLoopError) {
        guard descriptor >= 0 else { throw .hostRefused(call, errno: errno) }
        rawValue = descriptor
    }

    deinit { close(rawValue) }
}
