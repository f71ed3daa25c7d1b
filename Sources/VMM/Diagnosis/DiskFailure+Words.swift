internal import HostIO
internal import VMMCore

extension DiskFailure {
    /// For the log: what failed where, and why.
    var words: String {
        let place = length > 0 ? " of \(length) bytes at \(offset)" : ""
        return "\(operation.words)\(place): \(reason.words); the guest gets an I/O error"
    }
}

extension BlockOperation {
    fileprivate var words: String {
        switch self {
        case .read: "a read"
        case .write: "a write"
        case .flush: "a flush"
        case .discard: "a discard"
        case .writeZeroes: "a write of zeros"
        }
    }
}

extension FileTransferError {
    fileprivate var words: String {
        switch self {
        case .endOfFile: "the image has become shorter"
        case .hostRefused(let code): HostFacts.describe(errno: code)
        case .memory: "the buffer is not RAM"
        }
    }
}
