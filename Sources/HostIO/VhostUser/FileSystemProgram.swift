internal import Glibc

/// virtiofsd: the program that serves a directory of the host as a virtio file system.
///
/// Two kinds of it exist, QEMU's, up to 7.2, and the one in Rust that came after it, which take different options.
package enum FileSystemProgram {
    private static let name = "virtiofsd"
    /// What QEMU's says of itself, and the other does not.
    private static let maker = "QEMU Project"
    /// Of what it says of itself, in bytes.
    private static let introductionLimit = 4096
    /// Where distributions put it, besides the PATH.
    private static let directories = ["/usr/libexec", "/usr/lib", "/usr/lib/qemu", "/usr/lib/virtiofsd"]
    /// Queue 0, and one for requests.
    private static let queueCount = 2

    /// Starts it and greets it. It ends with the calling thread.
    ///
    /// - Parameters:
    ///   - directory: what it serves.
    ///   - path: the program; nil: it is looked for.
    ///   - onFailure: told once, on any thread, when it is lost afterwards.
    package static func serve(
        _ directory: String, program path: String?, onFailure: @escaping @Sendable (VhostUserProblem) -> Void
    ) throws(FileSystemProgramError) -> VhostUserServer {
        guard let program = path ?? find() else { throw .notFound }
        let connection = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard connection >= 0 else { throw .noSocket(errno: errno) }
        do throws(FileSystemProgramError) {
            let process = try start(program, directory, connection)
            do throws(VhostUserProblem) {
                return try VhostUserServer(
                    socket: connection, queueCount: queueCount, program: process, onFailure: onFailure)
            } catch {
                throw .failed(path: program, error)
            }
        } catch {
            close(connection)
            throw error
        }
    }

    /// Starts it with a listening socket that `connection` is connected to.
    private static func start(
        _ program: String, _ directory: String, _ connection: Int32
    ) throws(FileSystemProgramError) -> CompanionProgram {
        let listener = try listener()
        // The program has a copy: when it ends, the connection does.
        defer { close(listener.socket) }
        // Before anybody else can: the program takes the first connection, and no other.
        guard unsafe listener.withAddress({ unsafe connect(connection, $0, $1) }) == 0 else {
            throw .noSocket(errno: errno)
        }
        let isQEMU: Bool
        do throws(CompanionProgram.Refusal) {
            isQEMU = try introduction(program).contains(maker)
        } catch {
            throw FileSystemProgramError(error)
        }
        let words = isQEMU ? try qemuWords(directory) : ["--shared-dir=\(directory)", "--log-level=warn"]
        do throws(CompanionProgram.Refusal) {
            return try CompanionProgram(
                program, ["--fd=0"] + words, [listener.socket, STDERR_FILENO, STDERR_FILENO])
        } catch {
            throw FileSystemProgramError(error)
        }
    }

    private static func qemuWords(_ directory: String) throws(FileSystemProgramError) -> [String] {
        // In the words of its option it would end the path.
        guard !directory.utf8.contains(UInt8(ascii: ",")) else { throw .commaInPath(directory) }
        return ["-o", "source=\(directory)", "-o", "log_level=warn"]
    }

    /// What it says of itself when asked for its version; empty when it says nothing.
    private static func introduction(_ program: String) throws(CompanionProgram.Refusal) -> String {
        let (asked, socket) = try CompanionProgram.start(at: program, ["--version"], output: nil)
        defer {
            asked.kill()
            close(socket)
        }
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: introductionLimit)
        while text.count < introductionLimit, CompanionProgram.awaitAnswer(socket) {
            // SAFETY: the array has as many bytes.
            let count = unsafe recv(socket, &piece, piece.count, 0)
            guard count > 0 else { break }
            text += piece[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func find() -> String? {
        // SAFETY: the string is copied at once; nobody here changes the environment.
        let list = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? ""
        let places = list.split(separator: ":").map(String.init) + directories
        return places.map { "\($0)/\(name)" }.first { unsafe access($0, X_OK) == 0 }
    }

    /// A listening socket at an abstract address that the kernel chose: there is no file to clean up.
    private struct Listener {
        let socket: Int32
        var address: sockaddr_un
        var length: socklen_t

        @unsafe func withAddress(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
            // SAFETY: `length` bytes of the structure are the address.
            unsafe withUnsafePointer(to: address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
            }
        }
    }

    private static func listener() throws(FileSystemProgramError) -> Listener {
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw .noSocket(errno: errno) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // With the family alone the kernel chooses. Source: unix(7), "Autobind feature".
        var length = socklen_t(MemoryLayout<sa_family_t>.size)
        var result = unsafe Listener(socket: socket, address: address, length: length).withAddress {
            unsafe bind(socket, $0, $1)
        }
        if result == 0 { result = listen(socket, 1) }
        length = socklen_t(MemoryLayout<sockaddr_un>.size)
        if result == 0 {
            // SAFETY: the structure has room for any Unix address.
            result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe getsockname(socket, $0, &length)
                }
            }
        }
        guard result == 0 else {
            let reason = errno
            close(socket)
            throw .noSocket(errno: reason)
        }
        return Listener(socket: socket, address: address, length: length)
    }
}

/// Why a directory is not served by virtiofsd.
package enum FileSystemProgramError: Error, Hashable, Sendable {
    case notFound
    case commaInPath(String)
    case cannotStart(path: String, errno: Int32)
    case noSocket(errno: Int32)
    /// It was started, and did not become what was wanted. It has said why, perhaps, on standard error.
    case failed(path: String, VhostUserProblem)

    init(_ refusal: CompanionProgram.Refusal) {
        switch refusal {
        case .noSocketPair(let code): self = .noSocket(errno: code)
        case .noProgram(let path, let code): self = .cannotStart(path: path, errno: code)
        }
    }
}
