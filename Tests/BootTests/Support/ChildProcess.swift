internal import Glibc

/// A process of its own process group whose three standard descriptors are given.
///
/// Threading: one thread. It is killed and reaped with this object at the latest.
final class ChildProcess {
    enum Ending: Hashable {
        case exited(Int32)
        case signaled(Int32)
    }

    let id: pid_t
    private(set) var ending: Ending?

    /// - Parameter arguments: the first one is the path of the executable. No signal is blocked or ignored in it.
    init(_ arguments: [String], input: Int32, output: Int32, errors: Int32) throws {
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        var none = sigset_t()
        var all = sigset_t()
        var child = pid_t()
        // Swift's own crash reporter would take seconds, and is not what is tested.
        let environment = ["PATH=/usr/bin:/bin:/usr/sbin:/sbin", "SWIFT_BACKTRACE=enable=no"]
        var argv = unsafe arguments.map { unsafe strdup($0) } + [nil]
        var envp = unsafe environment.map { unsafe strdup($0) } + [nil]
        defer {
            // SAFETY: each was made by strdup, and the child has its copies.
            unsafe (argv + envp).forEach { unsafe free($0) }
        }
        // SAFETY: all objects are live locals, initialised before use and destroyed after it.
        let reason = { () -> Int32 in
            unsafe posix_spawn_file_actions_init(&actions)
            unsafe posix_spawnattr_init(&attributes)
            defer {
                unsafe posix_spawn_file_actions_destroy(&actions)
                unsafe posix_spawnattr_destroy(&attributes)
            }
            for (target, source) in [input, output, errors].enumerated() {
                unsafe posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
            }
            unsafe sigemptyset(&none)
            unsafe sigfillset(&all)
            unsafe posix_spawnattr_setsigmask(&attributes, &none)
            unsafe posix_spawnattr_setsigdefault(&attributes, &all)
            unsafe posix_spawnattr_setpgroup(&attributes, 0)
            let flags = Int32(POSIX_SPAWN_SETPGROUP) | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
            unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
            return unsafe posix_spawn(&child, arguments[0], &actions, &attributes, &argv, &envp)
        }()
        guard reason == 0 else { throw HostRefusal(call: "posix_spawn \(arguments[0])", errno: reason) }
        id = child
    }

    deinit { kill() }

    func send(_ signal: Int32) { if ending == nil { _ = Glibc.kill(id, signal) } }

    /// Ends it, and whatever it started.
    func kill() {
        guard ending == nil else { return }
        _ = Glibc.kill(-id, SIGKILL)
        _ = wait()
    }

    /// Waits without a limit: call it when the process is known to end.
    func wait() -> Ending {
        if let ending { return ending }
        var status: Int32 = 0
        // SAFETY: `status` is valid for the call.
        while unsafe waitpid(id, &status, 0) < 0 && errno == EINTR {}
        let signal = status & 0x7F
        let result: Ending = signal == 0 ? .exited((status >> 8) & 0xFF) : .signaled(signal)
        ending = result
        return result
    }

    /// True when nothing of the process group is left. Only after `wait()`.
    var groupIsGone: Bool { Glibc.kill(-id, 0) != 0 && errno == ESRCH }

    /// The process's resident memory in KiB, as the kernel counts it now: VmRSS of /proc/pid/status.
    var residentKiB: Int? {
        guard let text = try? HostText.read("/proc/\(id)/status"),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") })
        else { return nil }
        return Int(line.filter(\.isNumber))
    }
}

struct HostRefusal: Error, CustomStringConvertible {
    let call: String
    let errno: Int32
    var description: String { "\(call): errno \(errno)" }
}
