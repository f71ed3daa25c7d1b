internal import HostIO
internal import VMMCore

/// A network of a session: opened once, used by each of its machines.
struct SessionNetwork: Sendable {
    /// What messages call it.
    let name: String
    /// Six bytes: the guest's.
    let macAddress: [UInt8]
    /// Pairs of queues that a guest is offered.
    let queuePairs: Int
    let backend: any NetworkBackend
    /// Each way.
    var limits = RateLimits()

    /// Ethernet's, and what most of the world has.
    private static let usualMTU: UInt16 = 1500

    /// Opens the networks of a configuration. The host's failures are told to `say` from then on.
    static func open(
        _ configuration: MachineConfiguration, loop: EventLoop, clock: any Clock,
        say: @escaping @Sendable (SessionMessage) -> Void
    ) throws(BootError) -> [SessionNetwork] {
        let log = GuestFaultLog(clock: clock, limitPerSecond: 10) { say(SessionMessage(level: .notice, text: $0)) }
        var networks: [SessionNetwork] = []
        for (number, network) in configuration.networks.enumerated() {
            let name = network.id ?? "net\(number)"
            do throws(NetworkError) {
                let report: @Sendable (NetworkFailure) -> Void = { log.report("\(name): \($0.words)") }
                var backend = try backend(for: network, loop: loop, onFailure: report)
                if let path = network.capturePath {
                    backend = try PacketCapture(of: backend, to: path, onFailure: report)
                }
                networks.append(
                    SessionNetwork(
                        name: name, macAddress: network.macAddress ?? usualAddress(of: number),
                        queuePairs: network.queuePairs, backend: backend,
                        limits: RateLimits(network.limits)))
            } catch {
                throw .network(name: name, error)
            }
        }
        return networks
    }

    private static func backend(
        for network: MachineConfiguration.Network, loop: EventLoop,
        onFailure: @escaping @Sendable (NetworkFailure) -> Void
    ) throws(NetworkError) -> any NetworkBackend {
        switch network.connection {
        case .user(let user):
            let settings = SlirpSettings(
                user, mtu: min(network.mtu ?? SlirpSettings.largestMTU, SlirpSettings.largestMTU))
            return try SlirpProcess.network(settings, loop: loop, onFailure: onFailure)
        case .socket(let path):
            return try StreamNetwork(path: path, mtu: network.mtu ?? usualMTU, loop: loop, onFailure: onFailure)
        case .tap(let name):
            let mtu = network.mtu ?? usualMTU
            guard network.queuePairs > 1 else { return try TapNetwork(name: name, mtu: mtu, loop: loop) }
            return try TapQueues(name: name, count: network.queuePairs, mtu: mtu, loop: loop)
        case .tapDescriptor(let number):
            return try TapNetwork(passed: number, mtu: network.mtu ?? usualMTU, loop: loop)
        }
    }

    /// 52:54:00:12:34:56 for the first, and so on: the same in each run, and locally administered.
    private static func usualAddress(of number: Int) -> [UInt8] {
        let last = 0x12_3456 + number
        return [
            0x52, 0x54, 0x00, UInt8(truncatingIfNeeded: last >> 16), UInt8(truncatingIfNeeded: last >> 8),
            UInt8(truncatingIfNeeded: last),
        ]
    }
}
