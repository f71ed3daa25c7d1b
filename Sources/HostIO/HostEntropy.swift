internal import CLinux
internal import Glibc
internal import VMMCore

/// The host's random numbers: getrandom.
///
/// Threading: any thread.
package final class HostEntropy: EntropySource {
    /// So many bytes come at once, and are not interrupted by signals. Source: getrandom(2).
    private static let atOnce = 256

    package init() {}

    package func fill(_ bytes: inout [UInt8], _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        // SAFETY: each call writes into the range, which lies in the array.
        unsafe bytes.withUnsafeMutableBytes { buffer in
            guard let start = buffer.baseAddress else { return }
            var done = range.lowerBound
            while done < range.upperBound {
                let count = unsafe getrandom(start + done, min(Self.atOnce, range.upperBound - done), 0)
                // Waits at most for the host's own start; other failures than EINTR are none of a good call's.
                precondition(count > 0 || errno == EINTR, "the host has no random numbers")
                done += max(count, 0)
            }
        }
    }
}
