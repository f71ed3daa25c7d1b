internal import Glibc
internal import HostBridge

/// The program that holds the connection to a server of disks: one a disk, a child of this process, killed with it or with this object.
///
/// It gets one end of a socket pair and the slots: no guest memory, no other disk, no `/dev/kvm`.
final class NBDProcess: Sendable {
    private static let name = "swvmm-nbd"
    /// Milliseconds for a server that does not answer.
    private static let patience: Int32 = 20_000

    /// This process's end.
    let socket: Int32
    private let id: pid_t
    private let ending: Int32

    /// Starts it, and waits until it is connected. The program ends with the calling thread.
    static func start(_ uri: String, _ slots: NBDSlots) throws(NBDProblem) -> (NBDProcess, NBDExport) {
        let path = (HostFacts.programDirectory ?? ".") + "/" + name
        let process = try NBDProcess(path, uri, slots)
        switch try process.answer(path) {
        case .ready(let export): return (process, export)
        case .refused(let words): throw .refused(words)
        }
    }

    private init(_ path: String, _ uri: String, _ slots: NBDSlots) throws(NBDProblem) {
        var ends: [Int32] = [-1, -1]
        // SAFETY: room for two descriptors.
        guard unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0
        else { throw .hostRefused(errno: errno) }
        // The program has a copy of its end: when it ends, the stream does.
        defer { close(ends[1]) }
        var child = pid_t()
        var descriptor: Int32 = -1
        // SAFETY: each string was made by strdup and lives until the child has its copies; the list ends with nil.
        let words = unsafe ([path, uri] as [String]).map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        let reason = unsafe host_spawn(path, words, [ends[1], slots.descriptor, STDERR_FILENO], &child, &descriptor)
        guard reason == 0 else {
            close(ends[0])
            throw .noProgram(path: path, errno: reason)
        }
        socket = ends[0]
        id = child
        ending = descriptor
    }

    deinit {
        kill()
        var status: Int32 = 0
        // SAFETY: `status` is valid for the call.
        while unsafe waitpid(id, &status, 0) < 0 && errno == EINTR {}
        close(ending)
        close(socket)
    }

    /// Ends it, and with it the stream. Also when it has ended: it is waited for only by `deinit`.
    func kill() { _ = Glibc.kill(id, SIGKILL) }

    /// Says that no more requests come: it takes leave of the server, and ends.
    func finish() { _ = shutdown(socket, Int32(SHUT_WR)) }

    /// Its first record.
    private func answer(_ path: String) throws(NBDProblem) -> NBDAnswer {
        var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        // SAFETY: one valid entry.
        guard unsafe poll(&entry, 1, Self.patience) == 1 else { throw .noAnswer }
        guard let header = receive(NBDAnswer.headerSize), let length = NBDAnswer.textLength(header),
            let text = receive(length), let answer = NBDAnswer(header: header, text: text)
        else { throw .programFailed(path: path) }
        return answer
    }

    /// Nil: the stream ends before. A record comes as a whole.
    private func receive(_ count: Int) -> [UInt8]? {
        guard count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        // SAFETY: the array has `count` bytes.
        return unsafe recv(socket, &bytes, count, Int32(MSG_WAITALL)) == count ? bytes : nil
    }
}
