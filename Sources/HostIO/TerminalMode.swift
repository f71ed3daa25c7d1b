internal import Glibc
internal import HostBridge

/// A terminal in raw mode: each key goes to the guest, Ctrl-c and Ctrl-z too, and nothing is echoed.
///
/// The mode it had comes back on every way out: `restore()`, the end of this object, `exit()`, and the signals that end a
/// process, by a handler that then raises the signal again with the action it had (so that the exit status, a core file
/// and Swift's backtrace stay what they were). When the process is stopped by SIGTSTP the shell gets its mode back, and
/// raw mode returns with SIGCONT in the foreground. Output processing stays as it was: "\n" alone still begins a line.
///
/// One at a time in a process. Threading: make and restore it on one thread, best the main one.
package final class TerminalMode: Sendable {
    /// - Parameter descriptor: a terminal; must stay open while the mode lasts.
    package init(raw descriptor: Int32) throws(TerminalError) {
        var saved = termios()
        // SAFETY: `saved` is valid for the call.
        guard unsafe tcgetattr(descriptor, &saved) == 0 else {
            throw errno == ENOTTY ? .notATerminal(descriptor) : .hostRefused(errno: errno)
        }
        var raw = saved
        // SAFETY: `raw` is valid for the call.
        unsafe cfmakeraw(&raw)
        raw.c_oflag = saved.c_oflag
        // SAFETY: both are copied during the call.
        let reason = unsafe host_terminal_arm(descriptor, &saved, &raw)
        switch reason {
        case 0: break
        case EBUSY: throw .alreadyRaw
        default: throw .hostRefused(errno: reason)
        }
    }

    /// Puts the terminal back into the mode it had. Does nothing when that is done.
    package func restore() { _ = host_terminal_disarm() }

    deinit { restore() }
}

package enum TerminalError: Error, Hashable, Sendable {
    case notATerminal(Int32)
    /// Another `TerminalMode` is in force.
    case alreadyRaw
    case hostRefused(errno: Int32)
}
