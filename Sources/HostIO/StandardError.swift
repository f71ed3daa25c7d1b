internal import Glibc

/// Lines for the user on the process's standard error.
package enum StandardError {
    /// Opens `/dev/null` for those of the three standard descriptors that the parent closed: the next file, pipe or device
    /// opened would take the number, and the guest's console be written to it. Call it first of all.
    package static func openMissingDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // SAFETY: a constant path. The lowest free number is `descriptor`: those below it are open.
            _ = unsafe open("/dev/null", O_RDWR)
        }
    }

    /// Writes `text` and a line end in one piece. On a terminal, which may be in raw mode, lines end in CR LF.
    package static func print(_ text: String) {
        var bytes: [UInt8] = []
        let isTerminal = isatty(STDERR_FILENO) == 1
        for byte in (text + "\n").utf8 {
            if byte == UInt8(ascii: "\n") && isTerminal { bytes.append(UInt8(ascii: "\r")) }
            bytes.append(byte)
        }
        var written = 0
        while written < bytes.count {
            // SAFETY: the rest of the array, which outlives the call.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe write(STDERR_FILENO, buffer.baseAddress.map { unsafe $0 + written }, bytes.count - written)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            written += count
        }
    }
}
