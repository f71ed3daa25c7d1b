import Synchronization
import VMMCore

/// Keeps the host's writes to guest memory.
final class WriteRecorder: GuestWriteObserver {
    private let writes = Mutex<[(start: GuestAddress, count: UInt64)]>([])

    func noteWrite(_ address: GuestAddress, count: UInt64) {
        writes.withLock { $0.append((address, count)) }
    }

    /// Bytes written by writes that start in `range`.
    func bytes(in range: GuestRange) -> UInt64 {
        writes.withLock { $0.filter { range.contains($0.start) }.reduce(0) { $0 + $1.count } }
    }
}
