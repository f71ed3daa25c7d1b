internal import VMM

/// The value of `--port`: a name, an equals sign, the path of a socket.
enum PortArgument {
    /// All of a command line's ports.
    static func ports(_ arguments: [String]) throws(PortArgumentError) -> [MachineConfiguration.Port] {
        var ports: [MachineConfiguration.Port] = []
        for argument in arguments { ports.append(try port(argument)) }
        var names: Set<String> = []
        for port in ports {
            guard names.insert(port.name).inserted else { throw .repeatedName(port.name) }
        }
        guard ports.count <= MachineConfiguration.portLimit else { throw .tooMany(ports.count) }
        return ports
    }

    private static func port(_ argument: String) throws(PortArgumentError) -> MachineConfiguration.Port {
        let list = SettingList(argument)
        let subject = SettingList.Setting(list.subject)
        guard SettingList.isName(subject.key) else { throw .badName(argument) }
        guard let path = subject.value, !path.isEmpty else { throw .noPath(argument) }
        if let setting = list.settings.first { throw .unknownKey(argument, setting.key) }
        return MachineConfiguration.Port(name: subject.key, path: path)
    }
}

/// What is wrong with a `--port`.
enum PortArgumentError: Error, Hashable {
    case badName(String)
    case noPath(String)
    case unknownKey(String, String)
    case repeatedName(String)
    case tooMany(Int)

    var words: String {
        switch self {
        case .badName(let argument): "--port \(argument): NAME=SOCKET is wanted; of the name, \(SettingList.nameWords)"
        case .noPath(let argument): "--port \(argument): the path of a socket is wanted behind the equals sign"
        case .unknownKey(let argument, let key):
            "--port \(argument): '\(key)' is no setting; a comma in the path is written twice"
        case .repeatedName(let name): "--port: two ports have the name '\(name)'"
        case .tooMany(let count): "--port: \(count) of them; \(MachineConfiguration.portLimit) are possible"
        }
    }
}
