package import VMMCore

/// Why a network's host side could not be opened.
package enum NetworkError: Error, Hashable, Sendable {
    /// Nobody listens at the path, or it is no socket.
    case cannotConnect(path: String, errno: Int32)
    /// An empty path, or one that is too long for a socket's address.
    case badSocketPath(String, limit: Int)
    case loopRefused(EventLoopError)
    /// The program for user networks, at the path, is not there or cannot be executed.
    case noSlirpProgram(path: String, errno: Int32)
    /// It ended, or said nothing that makes sense, before it was ready.
    case slirpFailed(path: String)
    case slirpRefused
    /// A port of the host cannot be listened at.
    case forwardRefused(UserNetwork.Forward, errno: Int32)
    /// The host does not let us have the tap device.
    case tapRefused(name: String, errno: Int32)
    /// No descriptor of a tap device with vnet headers.
    case noTapDescriptor(Int32, errno: Int32)
    case noSocketPair(errno: Int32)
    /// The file for captured frames.
    case capture(HostFileError)
}

/// What goes wrong with a network that is open: for the log.
package enum NetworkFailure: Error, Hashable, Sendable {
    /// The other end has closed: the link is down from now on.
    case peerClosed
    /// The link is down from now on.
    case linkLost(errno: Int32)
    /// The other end breaks the stream's rules: the link is down from now on.
    case badLength(Int)
    /// Nothing more is captured; frames go on.
    case captureEnded(HostFileError)
}
