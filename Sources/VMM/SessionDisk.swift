internal import HostIO
internal import VMMCore

/// A disk of a session: opened and locked once, used by each of its machines. What a snapshot's guest wrote is still there
/// after a reset.
struct SessionDisk: Sendable {
    let name: String
    let serial: String
    let storage: any BlockBackend
    let limits: RateLimits

    /// What its storage has counted since the session began; nil: it does not count.
    var statistics: DeviceStatistics? {
        (storage as? any StatisticsSource).map { DeviceStatistics(name: name, $0) }
    }

    /// Opens the disks of a configuration. The host's failures are told to `say` from then on.
    static func open(
        _ configuration: MachineConfiguration, clock: any Clock, say: @escaping @Sendable (SessionMessage) -> Void
    ) throws(BootError) -> [SessionDisk] {
        // A disk that fails each request must not flood the terminal.
        let log = GuestFaultLog(clock: clock, limitPerSecond: 10) { say(SessionMessage(level: .notice, text: $0)) }
        var disks: [SessionDisk] = []
        for (number, disk) in configuration.disks.enumerated() {
            let name = disk.id ?? "disk\(number)"
            do throws(DiskError) {
                let isRepeatable = configuration.repeatability != nil
                let storage: any BlockBackend =
                    NBDDisk.isURI(disk.path)
                    ? try served(disk, name, isRepeatable: isRepeatable, log, say)
                    : try raw(disk, name, isRepeatable: isRepeatable, log, say)
                disks.append(
                    SessionDisk(name: name, serial: disk.serial, storage: storage, limits: RateLimits(disk.limits)))
            } catch {
                throw .disk(error)
            }
        }
        return disks
    }

    private static func raw(
        _ disk: MachineConfiguration.Disk, _ name: String, isRepeatable: Bool, _ log: GuestFaultLog,
        _ say: (SessionMessage) -> Void
    ) throws(DiskError) -> RawDisk {
        let path = disk.path
        let access: RawDisk.Access =
            switch disk.access {
            case .readWrite: .readWrite
            case .readOnly: .readOnly
            case .snapshot: .snapshot
            }
        // A run that repeats does one thing after the other.
        let engine: RawDisk.Engine =
            switch disk.engine {
            case _ where isRepeatable: .inTurn
            case .automatic: .automatic
            case .ring: .ring
            case .threads: .threads
            }
        let storage = try RawDisk(path, access, engine: engine, direct: disk.isDirect) { failure in
            log.report("\(name) (\(path)): \(failure.words)")
        }
        if let reason = storage.ringRefusal {
            let text = "\(name): no io_uring on this host (\(HostFacts.describe(errno: reason))): threads do its work"
            say(SessionMessage(level: .detail, text: text))
        }
        return storage
    }

    private static func served(
        _ disk: MachineConfiguration.Disk, _ name: String, isRepeatable: Bool, _ log: GuestFaultLog,
        _ say: @escaping @Sendable (SessionMessage) -> Void
    ) throws(DiskError) -> NBDDisk {
        let uri = disk.path
        guard !isRepeatable else { throw DiskError(path: uri, problem: .export(.notRepeatable)) }
        return try NBDDisk(uri, isReadOnly: disk.access == .readOnly) { failure in
            log.report("\(name) (\(uri)): \(failure.words)")
        } onLoss: { loss in
            let words =
                switch loss {
                case .disconnected: "the connection is lost"
                case .givenUp: "the server does not answer, and is given up"
                }
            let text = "\(name) (\(uri)): \(words); the guest gets I/O errors from now on"
            say(SessionMessage(level: .notice, text: text))
        }
    }
}

extension RateLimits {
    init(_ limits: MachineConfiguration.RateLimits) {
        self.init(
            operations: limits.operations.map { RateLimit(rate: $0, burst: limits.operationsBurst) },
            bytes: limits.bytes.map { RateLimit(rate: $0, burst: limits.bytesBurst) })
    }
}
