internal import VMM

/// The value of `--disk`: a path, and settings behind commas.
enum DiskArgument {
    /// Source: virtio 1.2 §5.2.6, VIRTIO_BLK_T_GET_ID.
    static let serialLimit = 20
    private static let idLimit = 32

    private enum Key: String, CaseIterable {
        case ro, snapshot, serial, id
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
        let parts = parts(of: argument)
        guard let path = parts.first, !path.isEmpty else { throw .noPath(argument) }
        var disk = MachineConfiguration.Disk(path: path)
        var seen: Set<Key> = []
        for part in parts.dropFirst() {
            let pieces = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let key = Key(rawValue: pieces[0]) else { throw .unknownKey(argument, pieces[0]) }
            guard seen.insert(key).inserted else { throw .repeatedKey(argument, pieces[0]) }
            let value = pieces.count > 1 ? pieces[1] : nil
            switch key {
            case .ro:
                guard value == nil else { throw .badValue(argument, "ro", wanted: "it takes no value") }
                disk.access = .readOnly
            case .snapshot:
                guard value == "on" || value == "off" else {
                    throw .badValue(argument, "snapshot", wanted: "on or off is wanted")
                }
                if value == "on" { disk.access = .snapshot }
            case .serial:
                guard let value, (1...serialLimit).contains(value.utf8.count),
                    value.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
                else {
                    throw .badValue(
                        argument, "serial", wanted: "1 to \(serialLimit) printable ASCII characters are wanted")
                }
                disk.serial = value
            case .id:
                guard let value, (1...idLimit).contains(value.utf8.count),
                    value.utf8.allSatisfy(isNameCharacter)
                else {
                    throw .badValue(
                        argument, "id", wanted: "1 to \(idLimit) letters, digits, '-', '_' and '.' are wanted")
                }
                disk.id = value
            }
        }
        if seen.contains(.ro), parts.contains("snapshot=on") { throw .readOnlySnapshot(argument) }
        return disk
    }

    /// Splits at single commas; two stand for one.
    private static func parts(of argument: String) -> [String] {
        var parts = [""]
        var rest = argument[...]
        while let character = rest.popFirst() {
            guard character == "," else {
                parts[parts.count - 1].append(character)
                continue
            }
            if rest.first == "," {
                rest.removeFirst()
                parts[parts.count - 1].append(",")
            } else {
                parts.append("")
            }
        }
        return parts
    }

    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

/// What is wrong with a `--disk`.
enum DiskArgumentError: Error, Hashable {
    case noPath(String)
    case unknownKey(String, String)
    case repeatedKey(String, String)
    case badValue(String, String, wanted: String)
    case readOnlySnapshot(String)
    case repeatedID(String)
}
