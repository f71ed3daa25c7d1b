internal import Glibc
internal import HostIO

/// The program behind `swvmm boot --net user`: libslirp in a process of its own (docs/adr/0010-user-networks-in-a-program.md).
///
/// Standard input is a stream socket to swvmm: an answer first, then frames both ways. It ends when swvmm closes it.
@main
struct SwvmmSlirp {
    private static let usage: Int32 = 2
    private static let refused: Int32 = 1

    static func main() {
        guard let settings = SlirpSettings(arguments: Array(CommandLine.arguments.dropFirst())), isSocket(STDIN_FILENO)
        else {
            StandardError.print("swvmm-slirp: a part of swvmm, which starts it for --net user")
            exit(usage)
        }
        // libslirp writes to connections whose other ends are gone.
        _ = signal(SIGPIPE, SIG_IGN)
        guard let relay = SlirpRelay(settings, socket: STDIN_FILENO) else { exit(refused) }
        relay.run()
    }

    private static func isSocket(_ descriptor: Int32) -> Bool {
        var status = stat()
        // SAFETY: `status` is valid for the call.
        return unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
    }
}
