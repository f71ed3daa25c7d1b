internal import Synchronization
internal import VMMCore

/// A source of bytes that counts: 1, 2, 3, and on.
///
/// Threading: any thread.
package final class CountingEntropy: EntropySource {
    private let count = Mutex(0)

    package init() {}

    package func fill(_ bytes: inout [UInt8], _ range: Range<Int>) {
        for index in range {
            bytes[index] = count.withLock { count in
                count += 1
                return UInt8(truncatingIfNeeded: count)
            }
        }
    }

    /// How many bytes were drawn.
    package var drawn: Int { count.withLock { $0 } }
}
