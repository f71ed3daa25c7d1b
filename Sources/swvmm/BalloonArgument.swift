internal import VMM

/// The value of `--balloon`: a size, and settings behind commas.
struct BalloonArgument {
    let size: MemorySize
    /// Of the socket where the size can be changed; nil: none.
    let socket: String?

    init(_ argument: String) throws(BalloonArgumentError) {
        let list = SettingList(argument)
        guard let size = MemorySize(argument: list.subject) else { throw .noSize(argument) }
        var socket: String?
        for setting in list.settings {
            guard setting.key == "socket" else { throw .unknownKey(argument, setting.key) }
            guard socket == nil else { throw .repeatedKey(argument, setting.key) }
            guard let path = setting.value, !path.isEmpty else { throw .noPath(argument) }
            socket = path
        }
        self.size = size
        self.socket = socket
    }
}

/// What is wrong with a `--balloon`.
enum BalloonArgumentError: Error, Hashable {
    case noSize(String)
    case noPath(String)
    case unknownKey(String, String)
    case repeatedKey(String, String)

    var words: String {
        switch self {
        case .noSize(let argument): "--balloon '\(argument)': a size is wanted first: bytes, or with K, M or G"
        case .noPath(let argument): "--balloon \(argument): socket: a path is wanted"
        case .unknownKey(let argument, let key):
            "--balloon \(argument): '\(key)' is not socket=PATH; a comma in the path is written twice"
        case .repeatedKey(let argument, let key): "--balloon \(argument): '\(key)' is there twice"
        }
    }
}
