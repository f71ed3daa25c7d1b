internal import Glibc
internal import NetworkFrames
package import VMMCore

/// The program that user networks run in, one a network.
package enum SlirpProcess {
    private static let longestAnswer: UInt32 = 64

    /// Starts it, and waits until it is ready. Call it on a thread that lives as long as the network shall: the program ends with it.
    package static func network(
        _ settings: SlirpSettings, loop: EventLoop, onFailure: @escaping @Sendable (NetworkFailure) -> Void
    ) throws(NetworkError) -> StreamNetwork {
        let (program, socket) = try start(settings)
        // Finished there, on another core. What comes from there needs no second look.
        let properties = NetworkProperties(
            mtu: settings.mtu, transmitOffloads: [.checksum, .tcp4, .tcp6, .ecn], receiveOffloads: .checksum)
        return try StreamNetwork(
            socket: socket, properties, .present, loop: loop, program: program, onFailure: onFailure)
    }

    private static func start(_ settings: SlirpSettings) throws(NetworkError) -> (CompanionProgram, socket: Int32) {
        let program: CompanionProgram
        let socket: Int32
        do throws(CompanionProgram.Refusal) {
            (program, socket) = try CompanionProgram.start("swvmm-slirp", settings.arguments)
        } catch {
            switch error {
            case .noSocketPair(let code): throw .noSocketPair(errno: code)
            case .noProgram(let path, let code): throw .noSlirpProgram(path: path, errno: code)
            }
        }
        do throws(NetworkError) {
            try check(answer(socket), settings, program.path)
            return (program, socket)
        } catch {
            close(socket)
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
        guard CompanionProgram.awaitAnswer(socket), let prefix = CompanionProgram.receive(4, from: socket) else {
            return nil
        }
        let length = prefix.bigWord(at: 0)
        guard (1...longestAnswer).contains(length),
            let text = CompanionProgram.receive(Int(length), from: socket)
        else { return nil }
        return SlirpAnswer(String(decoding: text, as: UTF8.self))
    }
}
