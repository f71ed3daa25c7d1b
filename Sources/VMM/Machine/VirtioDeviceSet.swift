internal import HostIO
internal import VMMCore
internal import VirtioDevices

/// A virtio device of a machine.
package enum VirtioDeviceKind: Hashable, Sendable {
    /// With the session's named ports.
    case console
    case entropy
    /// The session's disk of this number.
    case block(Int)
    /// The session's network of this number.
    case network(Int)
    /// The session's memory balloon.
    case balloon
    /// The session's shared directory of this number.
    case share(Int)
    /// The session's persistent memory of this number.
    case persistentMemory(Int)
    /// The session's vsock, for a guest with this context ID.
    case vsock(cid: UInt32)
}

/// The virtio devices of a machine, whatever transport they are put behind.
struct VirtioDeviceSet: Sendable {
    struct Member: Sendable {
        /// What messages call it.
        var name: String
        var device: any VirtioDevice
    }

    /// What their drivers are offered.
    let rings: VirtioRings
    /// In the order of their kinds.
    private(set) var members: [Member] = []
    private var disconnectors: [@Sendable () -> Void] = []
    /// What counts besides the devices.
    private var counting: [(name: String, source: any StatisticsSource)] = []

    init(
        _ kinds: [VirtioDeviceKind], rings: VirtioRings, memory: GuestMemory, cpuCount: Int, host: HostEnds
    ) {
        self.rings = rings
        for kind in kinds {
            switch kind {
            case .console: addConsole(host)
            case .entropy: add("virtio entropy", VirtioEntropy(source: host.entropy))
            case .block(let number):
                let disk = host.disks[number]
                let storage = limited(disk, host)
                let block = VirtioBlock(storage, serial: disk.serial, memory: memory, queueCount: cpuCount)
                add("virtio \(disk.name)", block) { block.disconnect() }
            case .network(let number):
                let network = host.networks[number]
                let card = VirtioNetwork(
                    limited(network, host), address: network.macAddress, pairCount: network.queuePairs)
                add("virtio \(network.name)", card) { card.disconnect() }
            case .balloon:
                let balloon = VirtioBalloon(memory: memory, target: host.balloon?.target ?? 0)
                host.balloon?.attach(balloon)
                add("virtio balloon", balloon) { balloon.reset() }
            case .persistentMemory(let number):
                let store = host.persistentMemories[number]
                let device = VirtioPersistentMemory(store.file, at: memory.fileRanges[number], work: store.work)
                add("virtio \(store.name)", device) { device.reset() }
            case .vsock(let cid):
                // The session has one where a machine has.
                guard let backend = host.vsock else { continue }
                let vsock = VirtioVsock(backend, guestCID: UInt64(cid))
                add("virtio vsock", vsock) { vsock.disconnect() }
            case .share(let number):
                let share = host.shares[number]
                switch share.server {
                case .nineP(let tree, let work):
                    let device = VirtioShare(tree, tag: share.tag, work: work)
                    add("virtio share \(share.tag)", device) { device.disconnect() }
                case .virtiofsd(let server):
                    let device = VirtioFileSystem(server, tag: share.tag, memory: memory)
                    add("virtio share \(share.tag)", device) { device.disconnect() }
                }
            }
        }
    }

    private mutating func addConsole(_ host: HostEnds) {
        let window = host.isVirtioConsoleChosen ? host.window : nil
        let ports = host.ports.map { VirtioConsole.NamedPort(name: $0.name, channel: $0.server) }
        let console = VirtioConsole(
            channel: host.virtioConsole, isConsole: host.isVirtioConsoleChosen, size: window?.size, ports: ports)
        window?.setHandler { [weak console] size in console?.resize(to: size) }
        add("virtio console", console) {
            window?.setHandler(nil)
            console.disconnect()
        }
    }

    /// The disk's storage, behind its limits if it has any.
    private mutating func limited(_ disk: SessionDisk, _ host: HostEnds) -> any BlockBackend {
        guard !disk.limits.isEmpty else { return disk.storage }
        let deadline = host.deadlines.makeDeadline()
        let storage = LimitedStorage(disk.storage, disk.limits, clock: host.clock, scheduler: deadline)
        deadline.setHandler { [weak storage] in storage?.deadlinePassed() }
        counting.append((name: "virtio \(disk.name)", source: storage))
        return storage
    }

    /// The network's host side, behind its limits if it has any.
    private mutating func limited(_ network: SessionNetwork, _ host: HostEnds) -> any NetworkBackend {
        guard !network.limits.isEmpty else { return network.backend }
        let (sending, receiving) = (host.deadlines.makeDeadline(), host.deadlines.makeDeadline())
        let backend = LimitedNetwork(
            network.backend, network.limits, clock: host.clock, sendDeadline: sending, receiveDeadline: receiving)
        sending.setHandler { [weak backend] in backend?.sendDeadlinePassed() }
        receiving.setHandler { [weak backend] in backend?.receiveDeadlinePassed() }
        counting.append((name: "virtio \(network.name)", source: backend))
        return backend
    }

    private mutating func add(_ name: String, _ device: any VirtioDevice, disconnect: (@Sendable () -> Void)? = nil) {
        members.append(Member(name: name, device: device))
        if let disconnect { disconnectors.append(disconnect) }
    }

    /// What the devices that count have counted.
    var statistics: [DeviceStatistics] {
        let devices = members.compactMap { member in
            (member.device as? any StatisticsSource).map { DeviceStatistics(name: member.name, $0) }
        }
        return devices + counting.map { DeviceStatistics(name: "\($0.name) \($0.source.kind)", $0.source) }
    }

    /// Ends the devices' hold on the host's ends.
    func disconnect() {
        for disconnect in disconnectors { disconnect() }
    }
}

extension MachineConfiguration.Queues {
    var rings: VirtioRings {
        switch self {
        case .split: .split
        case .packed: .packed
        }
    }
}
