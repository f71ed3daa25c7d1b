internal import HostIO
internal import VMM

/// The value of `--disk`: a path, and settings behind commas.
enum DiskArgument {
    /// Source: virtio 1.2 §5.2.6, VIRTIO_BLK_T_GET_ID.
    static let serialLimit = 20

    private enum Key: String, CaseIterable {
        case ro, snapshot, serial, id, aio, direct
    }

    /// All of a command line's disks.
    static func disks(_ arguments: [String]) throws(DiskArgumentError) -> [MachineConfiguration.Disk] {
        var disks: [MachineConfiguration.Disk] = []
        for argument in arguments { disks.append(try disk(argument)) }
        var names: Set<String> = []
        for (number, disk) in disks.enumerated() {
            let name = disk.id ?? "disk\(number)"
            guard names.insert(name).inserted else { throw .repeatedID(name) }
        }
        return disks
    }

    private static func disk(_ argument: String) throws(DiskArgumentError) -> MachineConfiguration.Disk {
        let list = SettingList(argument)
        guard !list.subject.isEmpty else { throw .noPath(argument) }
        var disk = MachineConfiguration.Disk(path: list.subject)
        var seen: Set<Key> = []
        var limits = RateLimitSettings()
        for setting in list.settings {
            do throws(RateLimitSettingError) {
                if try limits.take(setting) { continue }
            } catch {
                throw .badLimit(argument, error)
            }
            guard let key = Key(rawValue: setting.key) else { throw .unknownKey(argument, setting.key) }
            guard seen.insert(key).inserted else { throw .repeatedKey(argument, setting.key) }
            let value = setting.value
            switch key {
            case .ro:
                guard value == nil else { throw .badValue(argument, "ro", wanted: "it takes no value") }
                disk.access = .readOnly
            case .snapshot:
                guard value == "on" || value == "off" else {
                    throw .badValue(argument, "snapshot", wanted: "on or off is wanted")
                }
                if value == "on" { disk.access = .snapshot }
            case .aio:
                guard let engine = value.flatMap(MachineConfiguration.Disk.Engine.init(rawValue:)) else {
                    throw .badValue(argument, "aio", wanted: "auto, io_uring or threads is wanted")
                }
                disk.engine = engine
            case .direct:
                guard value == "on" || value == "off" else {
                    throw .badValue(argument, "direct", wanted: "on or off is wanted")
                }
                disk.isDirect = value == "on"
            case .serial:
                guard let value, (1...serialLimit).contains(value.utf8.count),
                    value.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
                else {
                    throw .badValue(
                        argument, "serial", wanted: "1 to \(serialLimit) printable ASCII characters are wanted")
                }
                disk.serial = value
            case .id:
                guard let value, SettingList.isName(value) else {
                    throw .badValue(argument, "id", wanted: SettingList.nameWords)
                }
                disk.id = value
            }
        }
        if NBDDisk.isURI(disk.path), let setting = [Key.snapshot, .aio, .direct].first(where: seen.contains) {
            throw .notOfServers(argument, setting.rawValue)
        }
        if disk.engine == .ring, disk.access == .snapshot { throw .ringSnapshot(argument) }
        if seen.contains(.ro), list.settings.contains(.init("snapshot=on")) { throw .readOnlySnapshot(argument) }
        do throws(RateLimitSettingError) {
            disk.limits = try limits.limits()
        } catch {
            throw .badLimit(argument, error)
        }
        return disk
    }
}

/// What is wrong with a `--disk`.
enum DiskArgumentError: Error, Hashable {
    case noPath(String)
    case unknownKey(String, String)
    case repeatedKey(String, String)
    case badValue(String, String, wanted: String)
    case badLimit(String, RateLimitSettingError)
    case readOnlySnapshot(String)
    case ringSnapshot(String)
    case notOfServers(String, String)
    case repeatedID(String)
}
