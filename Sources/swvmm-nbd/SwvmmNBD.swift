internal import Glibc
internal import HostIO
internal import NBD

/// The program behind `swvmm boot --disk nbd://…`: libnbd in a process of its own (docs/adr/0011-nbd-disks-in-a-program.md).
///
/// Standard input is a stream socket to swvmm: an answer first, then requests and replies. Standard output is the memory that data are in. It ends when
/// swvmm closes the socket, or when the server is lost.
@main
struct SwvmmNBD {
    private static let usage: Int32 = 2
    private static let refused: Int32 = 1

    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        guard let uri = arguments.first, arguments.count == 1, let slots = try? NBDSlots(of: STDOUT_FILENO) else {
            StandardError.print("swvmm-nbd: a part of swvmm, which starts it for --disk nbd://…")
            exit(usage)
        }
        // A server may go away while it is written to.
        _ = signal(SIGPIPE, SIG_IGN)
        let connection: NBDConnection
        do throws(NBDConnection.Refusal) {
            connection = try NBDConnection(uri)
        } catch {
            _ = NBDRelay.send(NBDAnswer.refused(error.words).bytes, STDIN_FILENO)
            exit(refused)
        }
        // What connecting took, names, files of keys, sockets, is behind us.
        if let code = Confinement.descriptors.enter() {
            let words = "no seccomp filter: \(HostFacts.describe(errno: code))"
            _ = NBDRelay.send(NBDAnswer.refused(words).bytes, STDIN_FILENO)
            exit(refused)
        }
        let relay = NBDRelay(connection, slots: slots, socket: STDIN_FILENO)
        exit(relay.run() ? 0 : refused)
    }
}
