internal import Glibc
internal import HostBridge

/// A program that does a part of this one's work: a child of this process, killed with the thread that started it or with this object.
///
/// Those beside this one get an end of a socket pair as their standard input, and nothing else of this process's but what they are given: no guest memory, no disk, no
/// `/dev/kvm`. What it has to say in words goes to standard error.
package final class CompanionProgram: Sendable {
    enum Refusal: Error, Hashable {
        case noSocketPair(errno: Int32)
        /// It is not there, or cannot be executed.
        case noProgram(path: String, errno: Int32)
    }

    /// Milliseconds until it must have said how it began. To load libraries, to listen, to connect takes some; on a busy machine more.
    private static let patience: Int32 = 20_000

    let path: String
    private let id: pid_t
    private let ending: Int32

    /// One beside this one.
    ///
    /// - Parameter output: what it gets as its standard output.
    /// - Returns: the program, and this process's end of the pair, which is the caller's.
    static func start(
        _ name: String, _ arguments: [String], output: Int32 = STDERR_FILENO
    ) throws(Refusal) -> (CompanionProgram, socket: Int32) {
        try start(at: (HostFacts.programDirectory ?? ".") + "/" + name, arguments, output: output)
    }

    /// - Parameter output: what it gets as its standard output; nil: its end of the pair, as its standard input is.
    /// - Returns: the program, and this process's end of the pair, which is the caller's.
    static func start(
        at path: String, _ arguments: [String], output: Int32?
    ) throws(Refusal) -> (CompanionProgram, socket: Int32) {
        var ends: [Int32] = [-1, -1]
        // SAFETY: room for two descriptors.
        guard unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0
        else { throw .noSocketPair(errno: errno) }
        // The program has a copy of its end: when it ends, the stream does.
        defer { close(ends[1]) }
        do throws(Refusal) {
            return (try CompanionProgram(path, arguments, [ends[1], output ?? ends[1], STDERR_FILENO]), ends[0])
        } catch {
            close(ends[0])
            throw error
        }
    }

    /// One that is beside this one or not, with these as its standard descriptors.
    init(_ path: String, _ arguments: [String], _ standard: [Int32]) throws(Refusal) {
        var child = pid_t()
        var descriptor: Int32 = -1
        // SAFETY: each string was made by strdup and lives until the child has its copies; the list ends with nil.
        let words = unsafe ([path] + arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        let reason = unsafe host_spawn(path, words, standard, &child, &descriptor)
        guard reason == 0 else { throw .noProgram(path: path, errno: reason) }
        self.path = path
        id = child
        ending = descriptor
    }

    deinit {
        kill()
        var status: Int32 = 0
        // SAFETY: `status` is valid for the call.
        while unsafe waitpid(id, &status, 0) < 0 && errno == EINTR {}
        close(ending)
    }

    /// Ends it, and with it the stream. Also when it has ended: it is waited for only by `deinit`.
    func kill() { _ = Glibc.kill(id, SIGKILL) }

    /// Waits until it says something at this end of the pair, or ends. False: neither, for too long.
    static func awaitAnswer(_ socket: Int32) -> Bool {
        var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        // SAFETY: one valid entry.
        return unsafe poll(&entry, 1, patience) == 1
    }

    /// A part of its first record, which comes as a whole. Nil: the stream ends before.
    static func receive(_ count: Int, from socket: Int32) -> [UInt8]? {
        guard count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        // SAFETY: the array has `count` bytes.
        return unsafe recv(socket, &bytes, count, Int32(MSG_WAITALL)) == count ? bytes : nil
    }
}
