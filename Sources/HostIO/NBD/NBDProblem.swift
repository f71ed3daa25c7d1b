/// Why a server's disk is one no more.
package enum NBDLoss: Hashable, Sendable {
    /// The server has gone, or the way to it.
    case disconnected
    /// It did not answer when a client had to go.
    case givenUp
}

/// Why a server's disk could not be opened.
package enum NBDProblem: Error, Hashable, Sendable {
    /// The program for such disks cannot be started.
    case noProgram(path: String, errno: Int32)
    case programFailed(path: String)
    case hostRefused(errno: Int32)
    /// In libnbd's words.
    case refused(String)
    case noAnswer
    /// `ro` would do.
    case notWritable
    case empty
    /// Not a whole number of sectors of 512 bytes.
    case notSectorSized(UInt64)
    /// It takes no requests as small as a guest may send.
    case blocksTooLarge(UInt64)
    /// A server answers when it likes.
    case notRepeatable
}
