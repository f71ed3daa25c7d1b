internal import HostIO
internal import VMM

extension ShareArgumentError {
    var words: String {
        switch self {
        case .badTag(let argument):
            "--share \(argument): TAG=DIR is wanted, the tag of 1 to \(ShareArgument.tagLimit) letters, digits, '-', '_' and '.'"
        case .noPath(let argument): "--share \(argument): a directory is wanted behind the equals sign"
        case .unknownKey(let argument, let key):
            "--share \(argument): '\(key)' is not ro or virtiofsd; a comma in the path is written twice"
        case .repeatedKey(let argument, let key): "--share \(argument): '\(key)' is there twice"
        case .noProgram(let argument): "--share \(argument): a path is wanted behind virtiofsd=, or virtiofsd alone"
        case .readOnlyProgram(let argument):
            "--share \(argument): virtiofsd has no ro; share by 9P, without virtiofsd, or a read-only mount of the directory"
        case .repeatedTag(let tag): "--share: two shares have the tag '\(tag)'"
        }
    }
}

extension SharedDirectoryError {
    /// One line with what would help.
    var words: String {
        switch problem {
        case .notADirectory: "\(path): is no directory, one is wanted to share"
        case .cannotOpen(let code): "\(path): cannot be shared: \(HostFacts.describe(errno: code))"
        case .noOpenat2: "\(path): cannot be shared: the host's Linux is older than 5.6, which has no openat2"
        case .noProc(let code):
            "\(path): cannot be shared: /proc/self/fd: \(HostFacts.describe(errno: code)); mount /proc"
        }
    }
}

extension FileSystemProgramError {
    /// One line with what would help.
    var words: String {
        switch self {
        case .notFound: "no virtiofsd here: install it, name it by virtiofsd=PATH, or share by 9P"
        case .commaInPath(let path): "\(path): QEMU's virtiofsd takes no path with a comma"
        case .cannotStart(let path, let code): "\(path): cannot be started: \(HostFacts.describe(errno: code))"
        case .noSocket(let code): "no socket for virtiofsd: \(HostFacts.describe(errno: code))"
        case .failed(let path, let problem):
            "\(path) \(problem.words); what it printed tells why (QEMU's needs root), or share by 9P"
        }
    }
}
