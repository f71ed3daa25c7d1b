internal import HostIO
internal import VMMCore

extension NetworkFailure {
    /// For the log: what happened, and what follows from it.
    var words: String {
        switch self {
        case .peerClosed: "the other end has closed; the link is down"
        case .linkLost(let code): "\(HostFacts.describe(errno: code)); the link is down"
        case .badLength(let length):
            "the other end sends a frame of \(length) bytes, which is none; the link is down"
        case .captureEnded(let error):
            switch error.problem {
            case .cannotWrite(let code):
                "\(error.path): cannot be written: \(HostFacts.describe(errno: code)); nothing more is captured"
            default: "\(error.path): nothing more is captured"
            }
        }
    }
}
