internal import VMMCore

extension CPUArgumentError {
    var words: String {
        switch self {
        case .noNumber(let argument): "--cpus \(argument): a number from 1 to \(CPUTopology.limit) is wanted first"
        case .badCount(let argument): "--cpus \(argument): from 1 to \(CPUTopology.limit) vCPUs are possible"
        case .unknownKey(let argument, let key):
            "--cpus \(argument): '\(key)' is none of sockets=N, cores=N (of a socket), threads=N (of a core)"
        case .repeatedKey(let argument, let key): "--cpus \(argument): '\(key)' is there twice"
        case .badPart(let argument, let key):
            "--cpus \(argument): \(key.rawValue): a number from 1 to \(CPUTopology.limit) is wanted"
        case .topology(let argument, .outOfRange(let number)):
            "--cpus \(argument): \(number) is not from 1 to \(CPUTopology.limit)"
        case .topology(let argument, .otherCount(let topology, let wanted)):
            "--cpus \(argument): \(topology.words) make \(topology.count), not \(wanted)"
        }
    }
}

extension CPUModelArgumentError {
    var words: String {
        switch self {
        case .unknownModel(let argument, let name):
            "--cpu \(argument): '\(name)' is none of host (or max), \(CPUModelArgument.levels)"
        case .noSign(let argument, let text): "--cpu \(argument): '\(text)': +FEATURE or -FEATURE is wanted"
        case .unknownFeature(let argument, let name, let suggestion):
            "--cpu \(argument): no feature '\(name)' is known here"
                + (suggestion.map { ", did you mean '\($0)'?" } ?? "; the names are those of Linux's /proc/cpuinfo")
        case .contradiction(let argument, .contradiction(let feature, let missing)):
            feature == missing
                ? "--cpu \(argument): \(feature.rawValue) is added and taken away"
                : "--cpu \(argument): \(feature.rawValue) needs \(missing.rawValue), which is taken away"
        case .arm64Contradiction(let argument, .contradiction(let feature)):
            "--cpu \(argument): \(feature.rawValue) is added and taken away"
        case .twoArchitectures(let argument):
            "--cpu \(argument): \(CPUModelArgument.arm64Features) are features of arm64 CPUs, the others of x86_64 ones"
        }
    }
}

extension CPUTopology {
    /// `2 sockets of 4 cores with 1 thread each`.
    var words: String {
        func words(_ count: Int, _ name: String) -> String { "\(count) \(name)\(count == 1 ? "" : "s")" }
        return "\(words(sockets, "socket")) of \(words(cores, "core")) with \(words(threads, "thread")) each"
    }
}
