internal import VMM

/// The value of `--pmem`: a path, and settings behind commas.
enum PersistentMemoryArgument {
    private enum Key: String, CaseIterable {
        case snapshot, id
    }

    /// All of a command line's persistent memories.
    static func memories(
        _ arguments: [String]
    ) throws(PersistentMemoryArgumentError) -> [MachineConfiguration.PersistentMemory] {
        var memories: [MachineConfiguration.PersistentMemory] = []
        for argument in arguments { memories.append(try memory(argument)) }
        var names: Set<String> = []
        for (number, memory) in memories.enumerated() {
            let name = memory.id ?? "pmem\(number)"
            guard names.insert(name).inserted else { throw .repeatedID(name) }
        }
        return memories
    }

    private static func memory(
        _ argument: String
    ) throws(PersistentMemoryArgumentError) -> MachineConfiguration.PersistentMemory {
        let list = SettingList(argument)
        guard !list.subject.isEmpty else { throw .noPath(argument) }
        var memory = MachineConfiguration.PersistentMemory(path: list.subject)
        var seen: Set<Key> = []
        for setting in list.settings {
            guard let key = Key(rawValue: setting.key) else { throw .unknownKey(argument, setting.key) }
            guard seen.insert(key).inserted else { throw .repeatedKey(argument, setting.key) }
            switch key {
            case .snapshot:
                guard setting.value == "on" || setting.value == "off" else {
                    throw .badValue(argument, "snapshot", wanted: "on or off is wanted")
                }
                memory.isSnapshot = setting.value == "on"
            case .id:
                guard let value = setting.value, SettingList.isName(value) else {
                    throw .badValue(argument, "id", wanted: SettingList.nameWords)
                }
                memory.id = value
            }
        }
        return memory
    }
}

/// What is wrong with a `--pmem`.
enum PersistentMemoryArgumentError: Error, Hashable {
    case noPath(String)
    case unknownKey(String, String)
    case repeatedKey(String, String)
    case badValue(String, String, wanted: String)
    case repeatedID(String)

    var words: String {
        switch self {
        case .noPath(let argument): "--pmem '\(argument)': a path is wanted first"
        case .unknownKey(let argument, let key):
            "--pmem \(argument): '\(key)' is none of snapshot=on, id=NAME; a comma in the path is written twice"
        case .repeatedKey(let argument, let key): "--pmem \(argument): '\(key)' is there twice"
        case .badValue(let argument, let key, let wanted): "--pmem \(argument): \(key): \(wanted)"
        case .repeatedID(let name): "--pmem: two of them are called '\(name)'"
        }
    }
}
