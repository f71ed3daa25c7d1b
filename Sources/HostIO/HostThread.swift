internal import Glibc
internal import HostBridge
internal import Synchronization

/// A named thread of the host.
///
/// The thread starts with every signal blocked but three kinds. The faults of its own instructions (SEGV, BUS, ILL, FPE,
/// TRAP, ABRT, SYS) stay open: blocked, they would kill the process without the handler that restores the terminal. The
/// kick signal, if one is given, stays open so that it interrupts a vCPU's system call. PROF stays open because Swift's
/// crash reporter stops the other threads with it. Signals sent to the process (INT, TERM, HUP, CONT and so on) thus reach
/// the main thread or a `SignalSource`.
package final class HostThread: Sendable {
    private let thread: pthread_t
    private let isJoined = Mutex(false)

    private init(_ thread: pthread_t) { self.thread = thread }

    /// Starts a thread that runs `body` and ends with it.
    ///
    /// - Parameters:
    ///   - name: what `ps` and debuggers show; cut after 15 bytes.
    ///   - kickSignal: a signal that the thread takes.
    package static func start(
        name: String, kickSignal: Int32? = nil, _ body: @escaping @Sendable () -> Void
    ) throws(HostThreadError) -> HostThread {
        let start = Start(name: String(name.prefix(15)), body: body)
        var openSignals: [Int32] = [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS, SIGPROF]
        if let kickSignal { openSignals.append(kickSignal) }

        // The new thread inherits the mask: no signal can hit it before its own code runs.
        var mask = sigset_t()
        var callersMask = sigset_t()
        var thread = pthread_t()
        // SAFETY: the sets and the thread are valid for each call. The retained Start passes to the new thread, which
        // releases it; when none was made, it is released here.
        let reason = { () -> Int32 in
            unsafe sigfillset(&mask)
            for signal in openSignals { unsafe sigdelset(&mask, signal) }
            unsafe pthread_sigmask(SIG_SETMASK, &mask, &callersMask)
            defer { unsafe pthread_sigmask(SIG_SETMASK, &callersMask, nil) }
            let argument = unsafe Unmanaged.passRetained(start)
            let reason = unsafe pthread_create(&thread, nil, threadMain, argument.toOpaque())
            if reason != 0 { unsafe argument.release() }
            return reason
        }()
        guard reason == 0 else { throw .hostRefused(errno: reason) }
        return HostThread(thread)
    }

    /// Waits for the end of the thread. The first call waits; later ones return at once. Not from the thread itself.
    package func join() {
        let isFirst = isJoined.withLock { joined in
            defer { joined = true }
            return !joined
        }
        guard isFirst else { return }
        _ = pthread_join(thread, nil)
    }

    /// Sends `signal` to the thread. Does nothing after `join()`; the thread's end before that is harmless.
    package func send(_ signal: Int32) {
        isJoined.withLock { joined in
            if !joined { _ = pthread_kill(thread, signal) }
        }
    }

    deinit {
        if !isJoined.withLock({ $0 }) { _ = pthread_detach(thread) }
    }
}

private final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

private func threadMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    // SAFETY: `start` passed a retained Start, once.
    let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
    // SAFETY: the bridge reads the string during the call only.
    unsafe host_thread_set_name(start.name)
    start.body()
    return nil
}

package enum HostThreadError: Error, Hashable, Sendable {
    /// `errno` is `pthread_create`'s.
    case hostRefused(errno: Int32)
}
