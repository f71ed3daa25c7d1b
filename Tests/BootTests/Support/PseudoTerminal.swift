internal import Glibc
internal import HostSupport

/// A terminal whose user is the test.
final class PseudoTerminal {
    /// The test's end, and the program's.
    let host: Int32
    let user: Int32

    init() throws {
        var host: Int32 = -1
        var user: Int32 = -1
        // SAFETY: both are valid for the call.
        let reason = unsafe host_terminal(&host, &user)
        guard reason == 0 else { throw HostRefusal(call: "open a terminal", errno: reason) }
        self.host = host
        self.user = user
    }

    deinit {
        close(host)
        close(user)
    }

    /// The mode, in a form that can be compared.
    struct Mode: Hashable {
        var flags: [UInt32]
        var characters: [UInt8]
        /// ICANON: the terminal collects lines, as a shell leaves it.
        var isCanonical: Bool { flags[3] & UInt32(ICANON) != 0 }
    }

    var mode: Mode {
        var termios = termios()
        unsafe _ = tcgetattr(user, &termios)
        let characters = unsafe withUnsafeBytes(of: termios.c_cc) { unsafe Array($0) }
        return Mode(
            flags: [termios.c_iflag, termios.c_oflag, termios.c_cflag, termios.c_lflag], characters: characters)
    }
}
