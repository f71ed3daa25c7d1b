internal import Synchronization
package import VMMCore

/// A network behind rate limits, each way by itself: a frame that may not pass yet stays where it is, as if there were no room.
///
/// Each frame counts as an operation, and with its bytes. One that passed and found no room on the other side has paid for the
/// next one.
///
/// Threading: any thread. Network and client are called without a lock held that they could want.
package final class LimitedNetwork: NetworkBackend, NetworkClient, StatisticsSource {
    /// One way's progress.
    private struct Way {
        var core: RateLimiterCore
        /// Frames that have paid and did not go.
        var paid = 0
        var delayed: UInt64 = 0

        /// Nil: the frame may go.
        mutating func pass(_ count: Int, at now: Nanoseconds) -> Nanoseconds? {
            if paid > 0 {
                paid -= 1
                return nil
            }
            guard let later = core.pass(bytes: UInt64(max(0, count - NetworkFrame.headerSize)), at: now) else {
                return nil
            }
            delayed &+= 1
            return later
        }
    }

    private let network: any NetworkBackend
    private let clock: any Clock
    private let sendDeadline: any DeadlineScheduler
    private let receiveDeadline: any DeadlineScheduler
    private let sending: Mutex<Way>
    private let receiving: Mutex<Way>
    private let client = Mutex<(any NetworkClient)?>(nil)
    /// Held while the client is called for a deadline: `detach` waits for it.
    private let release = Mutex(())

    /// - Parameters:
    ///   - sendDeadline: of `clock`; its owner has it call `sendDeadlinePassed()`.
    ///   - receiveDeadline: of `clock`; its owner has it call `receiveDeadlinePassed()`.
    package init(
        _ network: any NetworkBackend, _ limits: RateLimits, clock: any Clock,
        sendDeadline: any DeadlineScheduler, receiveDeadline: any DeadlineScheduler
    ) {
        self.network = network
        self.clock = clock
        self.sendDeadline = sendDeadline
        self.receiveDeadline = receiveDeadline
        sending = Mutex(Way(core: RateLimiterCore(limits)))
        receiving = Mutex(Way(core: RateLimiterCore(limits)))
    }

    package var properties: NetworkProperties { network.properties }
    package var isLinkUp: Bool { network.isLinkUp }

    package func attach(_ client: any NetworkClient, offloads: NetworkOffloads) {
        self.client.withLock { $0 = client }
        network.attach(self, offloads: offloads)
    }

    package func detach() {
        network.detach()
        client.withLock { $0 = nil }
        sendDeadline.cancel()
        receiveDeadline.cancel()
        // A call to the client for a deadline has ended.
        release.withLock { _ in }
    }

    // MARK: From the client

    package func send(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        let now = clock.now
        if let later = sending.withLock({ $0.pass(range.count, at: now) }) {
            sendDeadline.schedule(at: later)
            return false
        }
        guard network.send(bytes, range) else {
            sending.withLock { $0.paid += 1 }
            return false
        }
        return true
    }

    package func commit() { network.commit() }

    package func resumeReceiving() { network.resumeReceiving() }

    /// The time has come for a frame that could not be sent.
    package func sendDeadlinePassed() {
        release.withLock { _ in client.withLock { $0 }?.canSend() }
    }

    // MARK: To the client

    package func receive(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        guard let client = client.withLock({ $0 }) else { return true }
        let now = clock.now
        if let later = receiving.withLock({ $0.pass(range.count, at: now) }) {
            // What came before need not wait for the rest.
            client.receivedAll()
            receiveDeadline.schedule(at: later)
            return false
        }
        guard client.receive(bytes, range) else {
            receiving.withLock { $0.paid += 1 }
            return false
        }
        return true
    }

    package func receivedAll() { client.withLock { $0 }?.receivedAll() }

    package func canSend() { client.withLock { $0 }?.canSend() }

    package func linkChanged(isUp: Bool) { client.withLock { $0 }?.linkChanged(isUp: isUp) }

    /// The time has come for a frame that could not be received.
    package func receiveDeadlinePassed() { network.resumeReceiving() }

    package var kind: String { "limits" }

    package var counters: [DeviceCounter] {
        [
            DeviceCounter("delayedSent", sending.withLock { $0.delayed }),
            DeviceCounter("delayedReceived", receiving.withLock { $0.delayed }),
        ]
    }
}
