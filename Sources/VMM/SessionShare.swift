internal import HostIO
internal import VMMCore

/// A shared directory of a session: opened once, used by each of its machines.
struct SessionShare: Sendable {
    /// Who answers the guest's requests.
    enum Server: Sendable {
        /// This process does: what it may reach, and where it works.
        case nineP(SharedDirectory, any HostWorkQueue)
        case virtiofsd(VhostUserServer)
    }

    let tag: String
    let server: Server

    /// Requests of a share that the host works on at once.
    private static let threadCount = 4

    /// Opens the directories of a configuration. virtiofsd ends with the calling thread.
    ///
    /// - Parameter say: told when a server is lost later.
    static func open(
        _ configuration: MachineConfiguration, say: @escaping @Sendable (SessionMessage) -> Void
    ) throws(BootError) -> [SessionShare] {
        var shares: [SessionShare] = []
        // Together they get what one would.
        let limit = SharedDirectory.usualDescriptorLimit / max(1, configuration.shares.count)
        for (number, share) in configuration.shares.enumerated() {
            let server: Server
            switch share.server {
            case .nineP:
                let work = try workQueue(number, configuration)
                do throws(SharedDirectoryError) {
                    let tree = try SharedDirectory(share.path, isReadOnly: share.isReadOnly, descriptorLimit: limit)
                    server = .nineP(tree, work)
                } catch {
                    throw .share(error)
                }
            case .virtiofsd(let path): server = .virtiofsd(try start(path, share, say))
            }
            shares.append(SessionShare(tag: share.tag, server: server))
        }
        return shares
    }

    private static func workQueue(
        _ number: Int, _ configuration: MachineConfiguration
    ) throws(BootError) -> any HostWorkQueue {
        // A run that repeats does one thing after the other.
        if configuration.repeatability != nil { return WorkInTurn() }
        do throws(HostThreadError) {
            return try WorkerThreads(name: "share\(number)-", count: threadCount)
        } catch {
            throw .thread(error)
        }
    }

    private static func start(
        _ program: String?, _ share: MachineConfiguration.Share,
        _ say: @escaping @Sendable (SessionMessage) -> Void
    ) throws(BootError) -> VhostUserServer {
        // Its own words for a directory that is none come late.
        do throws(SharedDirectoryError) {
            _ = try SharedDirectory(share.path, isReadOnly: true)
        } catch {
            throw .share(error)
        }
        do throws(FileSystemProgramError) {
            return try FileSystemProgram.serve(share.path, program: program) { problem in
                let text = "share \(share.tag): virtiofsd \(problem.words); the guest gets no answers from now on"
                say(SessionMessage(level: .notice, text: text))
            }
        } catch {
            throw .shareProgram(tag: share.tag, error)
        }
    }
}

extension VhostUserProblem {
    /// What the program did.
    package var words: String {
        switch self {
        case .ended: "has ended"
        case .silent: "does not answer"
        case .badAnswer: "answered something else than was asked"
        case .refused(let code): "refused a request with \(code)"
        case .hostRefused(let code): "cannot be reached: \(HostFacts.describe(errno: code))"
        }
    }
}
