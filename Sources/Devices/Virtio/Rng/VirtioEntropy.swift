internal import Synchronization
package import VMMCore

/// A virtio entropy device: fills the driver's buffers with random bytes.
///
/// A request gets at most a piece of bytes, whatever it asks for, so that a guest cannot keep the host busy with one; a
/// driver takes fewer than asked for as it comes (§5.4.6.1).
///
/// Threading: any thread; source and driver are called without a lock held. Errors: a driver that breaks a rule of the
/// queues, or offers a readable buffer (§5.4.6.1), gets DEVICE_NEEDS_RESET.
/// Source: virtio 1.2 §5.4.
package final class VirtioEntropy: FixedConfigurationDevice, StatisticsSource {
    /// Most bytes of a request. Linux asks for 64 and for pages.
    package static let bytesPerRequest = 4096
    private static let queueSize: UInt16 = 64

    private let source: any EntropySource
    private let state = Mutex(VirtioEntropyState())
    /// For the thread that has the claim.
    private let piece = Mutex([UInt8](repeating: 0, count: VirtioEntropy.bytesPerRequest))

    /// - Parameter source: the host's, or a sequence that can be repeated.
    package init(source: any EntropySource) { self.source = source }

    package var identity: VirtioIdentity {
        VirtioIdentity(deviceType: 4, features: 0, queueSizes: [Self.queueSize])
    }

    /// There is no configuration space (§5.4.4).
    package var configuration: [UInt8] { [] }

    package func activate(_ activation: VirtioActivation) {
        state.withLock { $0.activate(activation) }
        notify(queue: 0)
    }

    package func reset() { state.withLock { $0.reset() } }

    package var kind: String { "virtio-rng" }

    package var counters: [DeviceCounter] {
        state.withLock { [DeviceCounter("requests", $0.requests), DeviceCounter("bytes", $0.drawnBytes)] }
    }

    package func notify(queue index: Int) {
        guard state.withLock({ $0.takeClaim() }) else { return }
        // Who has the claim is alone with the piece. The next one waits for this lock while the interrupt is raised, at most.
        piece.withLock { piece in
            while true {
                switch state.withLock({ $0.next() }) {
                case .draw(let count):
                    source.fill(&piece, 0..<count)
                    state.withLock { $0.drawn(piece, count: count) }
                case .ended(let end): return end.tellDriver()
                }
            }
        }
    }
}

/// The requests of an entropy device.
struct VirtioEntropyState: ~Copyable {
    enum Step {
        /// Draw so many bytes, then call `drawn(_:count:)`.
        case draw(Int)
        case ended(QueueClaim.End)
    }

    private var claim = QueueClaim()
    private var chain: VirtioChain?
    /// Of all activations.
    private(set) var requests: UInt64 = 0
    private(set) var drawnBytes: UInt64 = 0

    mutating func activate(_ activation: VirtioActivation) { claim.activate(activation.queues[0], activation) }

    mutating func reset() {
        if let chain = chain.take() { claim.last?.queue.discard(chain) }
        claim.reset()
    }

    /// False: another thread has it.
    mutating func takeClaim() -> Bool { claim.take() }

    mutating func next() -> Step {
        switch claim.next() {
        case .chain(let new, let activity):
            guard new.readableSegmentCount == 0 else {
                return .ended(claim.fail(activity.queue.refuse(new, .wrongDirection)))
            }
            let count = Int(min(new.writableBytes, UInt64(VirtioEntropy.bytesPerRequest)))
            chain = consume new
            return .draw(count)
        case .ended(let end): return .ended(end)
        }
    }

    /// Gives the request its bytes. Without effect when the device was reset meanwhile.
    mutating func drawn(_ bytes: [UInt8], count: Int) {
        guard let queue = claim.last?.queue, var request = chain.take() else { return }
        _ = queue.write(&request, from: bytes, 0..<count)
        claim.complete(request)
        requests &+= 1
        drawnBytes &+= UInt64(count)
    }
}
