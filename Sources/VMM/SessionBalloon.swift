internal import HostIO
internal import Synchronization
internal import VMMCore
internal import VirtioDevices

/// The balloon of a session: what it should hold outlives the guest's resets, and a program of the host can change it meanwhile,
/// by lines at a Unix socket (`BalloonRequest`).
///
/// Threading: any thread; the socket is served on the event loop's.
final class SessionBalloon: Sendable {
    private struct State {
        var target: UInt64
        weak var device: VirtioBalloon?
        /// Of a line that has not come to its end.
        var line = BalloonLine()
    }

    private let memorySize: UInt64
    private let server: StreamServer?
    private let state: Mutex<State>

    private init(target: UInt64, memorySize: UInt64, server: StreamServer?) {
        self.memorySize = memorySize
        self.server = server
        state = Mutex(State(target: target))
    }

    /// Nil: a configuration without a balloon.
    static func open(_ configuration: MachineConfiguration, loop: EventLoop) throws(BootError) -> SessionBalloon? {
        guard let target = configuration.balloonSize else { return nil }
        do throws(TCPServerError) {
            let server: StreamServer? =
                if let path = configuration.balloonSocket { try StreamServer(.path(path), loop: loop) } else { nil }
            let balloon = SessionBalloon(target: target, memorySize: configuration.memorySize, server: server)
            try server?.start(
                .init(
                    connected: { [weak balloon] in balloon?.state.withLock { $0.line = BalloonLine() } },
                    received: { [weak balloon] in balloon?.receive($0) }, disconnected: {}))
            return balloon
        } catch {
            throw .balloonSocket(error)
        }
    }

    /// What a machine's balloon should hold from the start.
    var target: UInt64 { state.withLock { $0.target } }

    /// The balloon of the machine that runs now.
    func attach(_ device: VirtioBalloon) {
        let target = state.withLock { state in
            state.device = device
            return state.target
        }
        // It may have been changed while the device was being made.
        device.setTarget(target)
    }

    /// Takes no client any more.
    func close() { server?.close() }

    private func receive(_ bytes: [UInt8]) {
        for byte in bytes {
            guard let request = state.withLock({ $0.line.take(byte) }) else { continue }
            server?.send(Array(answer(request).utf8))
        }
    }

    private func answer(_ request: BalloonRequest) -> String {
        let device = state.withLock { $0.device }
        switch request {
        case .show: break
        case .setTarget(let size) where size < memorySize:
            state.withLock { $0.target = size }
            device?.setTarget(size)
        case .setTarget, .nonsense: return "refused\n"
        }
        return "target \(target) actual \(device?.actualSize ?? 0)\n"
    }
}

/// What a line at a balloon's socket asks for.
enum BalloonRequest: Hashable {
    /// An empty line: how things are.
    case show
    /// So many bytes.
    case setTarget(UInt64)
    case nonsense
}

/// A line as it comes in. Pure; what a client can make it hold is bounded.
struct BalloonLine {
    /// More than any size has.
    private static let limit = 64
    private var bytes: [UInt8] = []

    /// The request of a line that has ended with this byte.
    mutating func take(_ byte: UInt8) -> BalloonRequest? {
        guard byte == UInt8(ascii: "\n") else {
            if bytes.count <= Self.limit { bytes.append(byte) }
            return nil
        }
        defer { bytes = [] }
        guard bytes.count <= Self.limit else { return .nonsense }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty else { return .show }
        return MemorySize(argument: String(decoding: bytes, as: UTF8.self)).map { .setTarget($0.bytes) } ?? .nonsense
    }
}
