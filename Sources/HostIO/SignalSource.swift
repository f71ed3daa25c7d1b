internal import CLinux
internal import Glibc
internal import HostBridge
internal import Synchronization
package import VMMCore

/// Brings signals to the event loop, so that the machine can stop in order.
///
/// Make it on the main thread before any other thread starts: it blocks the signals in the calling thread, later threads
/// inherit that, and the loop takes them from a signalfd. A signal that is ignored (nohup) stays ignored. When the same
/// source sees a second signal, the first did not end the machine: the terminal is put back and the process dies of it.
package final class SignalSource: Sendable {
    /// What asks a process to end.
    package static let termination: [Int32] = [SIGINT, SIGTERM, SIGHUP]

    /// Asks for an end with a report, as it does in other programs for one with a core file.
    package static let quit: Int32 = SIGQUIT

    private let loop: EventLoop
    private let descriptor: Int32
    private let registration: EventLoop.Registration

    /// - Parameters:
    ///   - forcesOnRepeat: whether the second signal kills the process.
    ///   - handler: called on the loop's thread with the signal's number. The exit status of a program that it ends is by
    ///     custom 128 + that number.
    package init(
        _ signals: [Int32] = SignalSource.termination, loop: EventLoop, forcesOnRepeat: Bool = true,
        handler: @escaping @Sendable (Int32) -> Void
    ) throws(SignalSourceError) {
        var set = sigset_t()
        // SAFETY: `set` is valid for each call; unknown numbers are refused by sigaddset and left out.
        unsafe sigemptyset(&set)
        for signal in signals { unsafe _ = sigaddset(&set, signal) }
        let reason = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        guard reason == 0 else { throw .hostRefused(errno: reason) }
        let descriptor = unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
        guard descriptor >= 0 else { throw .hostRefused(errno: errno) }

        let arrivals = SignalCount()
        do {
            registration = try loop.register(descriptor, for: .readable) { _ in
                while let signal = SignalSource.next(descriptor) {
                    if arrivals.next() > 1, forcesOnRepeat { SignalSource.die(of: signal) }
                    handler(signal)
                }
            }
        } catch {
            close(descriptor)
            throw .loopRefused(error)
        }
        self.loop = loop
        self.descriptor = descriptor
    }

    deinit {
        loop.remove(registration)
        close(descriptor)
    }

    private static func next(_ descriptor: Int32) -> Int32? {
        var info = signalfd_siginfo()
        // SAFETY: the kernel writes whole records of this size only.
        let count = unsafe read(descriptor, &info, MemoryLayout<signalfd_siginfo>.size)
        return count == MemoryLayout<signalfd_siginfo>.size ? Int32(bitPattern: info.ssi_signo) : nil
    }

    private static func die(of signal: Int32) {
        host_terminal_restore_now()
        _ = Glibc.signal(signal, SIG_DFL)
        var set = sigset_t()
        // SAFETY: `set` is valid for each call.
        unsafe sigemptyset(&set)
        unsafe _ = sigaddset(&set, signal)
        unsafe _ = pthread_sigmask(SIG_UNBLOCK, &set, nil)
        _ = raise(signal)
    }
}

package enum SignalSourceError: Error, Hashable, Sendable {
    case hostRefused(errno: Int32)
    case loopRefused(EventLoopError)
}

private final class SignalCount: Sendable {
    private let count = Atomic<Int>(0)
    func next() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }
}
