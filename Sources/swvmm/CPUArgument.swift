internal import VMMCore

/// The value of `--cpus`: a number, and behind commas how the CPUs are grouped.
enum CPUArgument {
    enum Key: String, CaseIterable {
        case sockets
        case cores
        case threads
    }

    static func topology(_ argument: String) throws(CPUArgumentError) -> CPUTopology {
        let list = SettingList(argument)
        guard let count = number(list.subject) else { throw .noNumber(argument) }
        guard (1...CPUTopology.limit).contains(count) else { throw .badCount(argument) }
        var parts: [Key: Int] = [:]
        for setting in list.settings {
            guard let key = Key(rawValue: setting.key) else { throw .unknownKey(argument, setting.key) }
            guard parts[key] == nil else { throw .repeatedKey(argument, setting.key) }
            guard let part = setting.value.flatMap(number), (1...CPUTopology.limit).contains(part) else {
                throw .badPart(argument, key)
            }
            parts[key] = part
        }
        do throws(CPUTopologyError) {
            return try CPUTopology(
                count: count, sockets: parts[.sockets], cores: parts[.cores], threads: parts[.threads])
        } catch {
            throw .topology(argument, error)
        }
    }

    /// Digits only: a sign is none of a number of CPUs.
    private static func number(_ text: String) -> Int? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
    }
}

/// What is wrong with a `--cpus`.
enum CPUArgumentError: Error, Hashable {
    case noNumber(String)
    case badCount(String)
    case unknownKey(String, String)
    case repeatedKey(String, String)
    case badPart(String, CPUArgument.Key)
    case topology(String, CPUTopologyError)
}
