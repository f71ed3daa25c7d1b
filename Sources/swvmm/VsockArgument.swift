internal import VMM

/// The value of `--vsock`: the guest's context ID and the path of the host's socket, behind commas.
enum VsockArgument {
    /// Those that a guest may have (virtio 1.2 §5.10.4).
    static let guestCIDs: ClosedRange<UInt32> = 3...0xFFFF_FFFE

    static func vsock(_ argument: String) throws(VsockArgumentError) -> MachineConfiguration.Vsock {
        let list = SettingList(argument)
        var cid: UInt32?
        var path: String?
        for setting in [SettingList.Setting(list.subject)] + list.settings {
            switch setting.key {
            case "cid":
                guard cid == nil else { throw .repeatedKey(argument, setting.key) }
                guard let number = setting.value.flatMap(UInt32.init), guestCIDs.contains(number) else {
                    throw .badCID(argument, setting.value ?? "")
                }
                cid = number
            case "path":
                guard path == nil else { throw .repeatedKey(argument, setting.key) }
                guard let value = setting.value, !value.isEmpty else { throw .incomplete(argument) }
                path = value
            default: throw .unknownKey(argument, setting.key)
            }
        }
        guard let cid, let path else { throw .incomplete(argument) }
        return MachineConfiguration.Vsock(guestCID: cid, path: path)
    }
}

/// What is wrong with a `--vsock`.
enum VsockArgumentError: Error, Hashable {
    case badCID(String, String)
    case incomplete(String)
    case unknownKey(String, String)
    case repeatedKey(String, String)

    var words: String {
        switch self {
        case .badCID(let argument, let value):
            "--vsock \(argument): '\(value)' is no guest's context ID: \(VsockArgument.guestCIDs.lowerBound) to \(VsockArgument.guestCIDs.upperBound) are"
        case .incomplete(let argument): "--vsock \(argument): cid=NUMBER,path=PATH is wanted"
        case .unknownKey(let argument, let key):
            "--vsock \(argument): '\(key)' is neither cid nor path; a comma in the path is written twice"
        case .repeatedKey(let argument, let key): "--vsock \(argument): '\(key)' is there twice"
        }
    }
}
