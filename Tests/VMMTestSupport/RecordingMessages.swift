internal import Synchronization
package import VMMCore

/// A target of message-signalled interrupts that keeps them for the test.
///
/// Threading: any thread.
package final class RecordingMessages: MSITarget {
    package struct Sent: Hashable, Sendable {
        package let address: UInt64
        package let data: UInt32
        package let device: UInt32

        package init(address: UInt64, data: UInt32, device: UInt32) {
            self.address = address
            self.data = data
            self.device = device
        }
    }

    private let recorded = Mutex<[Sent]>([])

    package init() {}

    package func send(_ message: MSI, from device: UInt32) {
        recorded.withLock { $0.append(Sent(address: message.address.rawValue, data: message.data, device: device)) }
    }

    package var all: [Sent] { recorded.withLock { $0 } }
    package var count: Int { recorded.withLock { $0.count } }

    /// What came since the start or the last call.
    package func take() -> [Sent] {
        recorded.withLock { sent in
            defer { sent = [] }
            return sent
        }
    }
}
