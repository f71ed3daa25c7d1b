internal import Glibc
internal import HostBridge
internal import NetworkFrames
package import VMMCore

/// The program that user networks run in: one a network, a child of this process, killed with it or with this object.
///
/// It gets one end of a socket pair and nothing else of this process's: no guest memory, no disk, no `/dev/kvm`.
package final class SlirpProcess: Sendable {
    private static let name = "swvmm-slirp"
    /// To load a library and to listen at ports takes milliseconds; on a busy machine more.
    private static let patience: Int32 = 20_000

    private let id: pid_t
    private let ending: Int32

    private init(_ path: String, _ settings: SlirpSettings, socket: Int32) throws(NetworkError) {
        var child = pid_t()
        var descriptor: Int32 = -1
        // SAFETY: each string was made by strdup and lives until the child has its copies; the list ends with nil.
        let words = unsafe ([path] + settings.arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        let reason = unsafe host_spawn(path, words, [socket, STDERR_FILENO, STDERR_FILENO], &child, &descriptor)
        guard reason == 0 else { throw .noSlirpProgram(path: path, errno: reason) }
        id = child
        ending = descriptor
    }

    deinit {
        _ = kill(id, SIGKILL)
        var status: Int32 = 0
        // SAFETY: `status` is valid for the call.
        while unsafe waitpid(id, &status, 0) < 0 && errno == EINTR {}
        close(ending)
    }

    /// Starts it, and waits until it is ready. Call it on a thread that lives as long as the network shall: the program ends with it.
    package static func network(
        _ settings: SlirpSettings, loop: EventLoop, onFailure: @escaping @Sendable (NetworkFailure) -> Void
    ) throws(NetworkError) -> StreamNetwork {
        let (socket, process) = try start(settings)
        // Finished there, on another core. What comes from there needs no second look.
        let properties = NetworkProperties(
            mtu: settings.mtu, transmitOffloads: [.checksum, .tcp4, .tcp6, .ecn], receiveOffloads: .checksum)
        return try StreamNetwork(
            socket: socket, properties, .present, loop: loop, program: process, onFailure: onFailure)
    }

    private static func start(_ settings: SlirpSettings) throws(NetworkError) -> (socket: Int32, SlirpProcess) {
        var ends: [Int32] = [-1, -1]
        // SAFETY: room for two descriptors.
        guard unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0
        else { throw .noSocketPair(errno: errno) }
        do throws(NetworkError) {
            let path = (HostFacts.programDirectory ?? ".") + "/" + name
            let process = try {
                () throws(NetworkError) in
                // The program has a copy of its end: when it ends, the stream does.
                defer { close(ends[1]) }
                return try SlirpProcess(path, settings, socket: ends[1])
            }()
            try check(answer(ends[0]), settings, path)
            return (ends[0], process)
        } catch {
            close(ends[0])
            throw error
        }
    }

    private static func check(
        _ answer: SlirpAnswer?, _ settings: SlirpSettings, _ path: String
    ) throws(NetworkError) {
        switch answer {
        case .ready: return
        case .forwardRefused(let index, let code) where settings.user.forwards.indices.contains(index):
            throw .forwardRefused(settings.user.forwards[index], errno: code)
        case .settingsRefused: throw .slirpRefused
        case .forwardRefused, nil: throw .slirpFailed(path: path)
        }
    }

    /// Its first record, which comes before any frame. Nil: it has ended, or says something else.
    private static func answer(_ socket: Int32) -> SlirpAnswer? {
        guard let prefix = read(4, from: socket) else { return nil }
        let length = prefix.bigWord(at: 0)
        guard (1...64).contains(length), let text = read(Int(length), from: socket) else { return nil }
        return SlirpAnswer(String(decoding: text, as: UTF8.self))
    }

    private static func read(_ count: Int, from socket: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        // SAFETY: one valid entry; the array has `count` bytes.
        guard unsafe poll(&entry, 1, patience) == 1, unsafe recv(socket, &bytes, count, Int32(MSG_WAITALL)) == count
        else { return nil }
        return bytes
    }
}
