internal import Synchronization
package import VMMCore

/// A virtio memory balloon: gives memory that the guest does not use back to the host.
///
/// What the driver puts into the balloon, and what it reports as free, costs the host nothing until it is touched again, and reads
/// as zeros then. The driver may take pages out of the balloon when it runs out of memory.
///
/// Threading: any thread; memory and driver are called without the state's lock held. `reset` waits for what has begun.
/// Errors: a driver that breaks a rule of the queues, or offers a buffer of the wrong direction, gets DEVICE_NEEDS_RESET; a
/// page that is not RAM is left alone.
/// Source: virtio 1.2 §5.5.
package final class VirtioBalloon: VirtioDevice, StatisticsSource {
    private static let queueSize: UInt16 = 128

    private let memory: GuestMemory
    /// num_pages: what the balloon should have.
    private let target: Mutex<UInt32>
    /// What the driver says that it has.
    private let actual = Mutex<UInt32>(0)
    private let state = Mutex(VirtioBalloonState())
    /// Held by who has a queue's claim: `reset` waits for it.
    private let serving: [Lane]

    private final class Lane: Sendable {
        let lock = Mutex(())
    }

    /// - Parameters:
    ///   - memory: what the device can reach.
    ///   - target: how many bytes of it the balloon should hold.
    package init(memory: GuestMemory, target: UInt64) {
        self.memory = memory
        self.target = Mutex(Self.pages(target))
        serving = (0..<VirtioBalloonState.queueCount).map { _ in Lane() }
    }

    private static func pages(_ size: UInt64) -> UInt32 { UInt32(clamping: size / BalloonPages.size) }

    /// Changes how many bytes of memory the balloon should hold. The driver does it in its own time.
    package func setTarget(_ size: UInt64) {
        let pages = Self.pages(size)
        guard target.withLock({ $0 }) != pages else { return }
        guard let driver = state.withLock({ $0.driver }) else { return target.withLock { $0 = pages } }
        driver.changeConfiguration { target.withLock { $0 = pages } }
    }

    /// How many bytes the driver says that it holds.
    package var actualSize: UInt64 { UInt64(actual.withLock { $0 }) * BalloonPages.size }

    package var identity: VirtioIdentity {
        typealias State = VirtioBalloonState
        return VirtioIdentity(
            deviceType: 5, features: State.statisticsQueue | State.deflateOnOOM | State.pageReporting,
            queueSizes: [UInt16](repeating: Self.queueSize, count: State.queueCount))
    }

    /// le32 num_pages, le32 actual. Source: virtio 1.2 §5.5.4.
    package func readConfiguration(at offset: UInt32, width: AccessWidth) -> UInt32 {
        let words = [target.withLock { $0 }, actual.withLock { $0 }]
        let bytes = words.flatMap { word in (0..<4 as Range<UInt32>).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
        }
        return bytes.readConfiguration(at: offset, width: width)
    }

    package func writeConfiguration(
        _ value: UInt32, at offset: UInt32, width: AccessWidth
    ) -> VirtioConfigurationEffect {
        if offset == 4, width == .word { actual.withLock { $0 = value } }
        return .none
    }

    package func activate(_ activation: VirtioActivation) {
        state.withLock { $0.activate(activation) }
        for index in serving.indices { notify(queue: index) }
    }

    package func notify(queue index: Int) {
        guard state.withLock({ $0.takeClaim(index) }) else { return }
        serving[index].lock.withLock { _ in serve(index) }.tellDriver()
    }

    /// To the claim's end.
    private func serve(_ index: Int) -> QueueClaim.End {
        while true {
            let parts: [GuestBuffer]
            switch state.withLock({ $0.next(index) }) {
            case .discard(let wanted): parts = wanted
            case .ended(let end): return end
            }
            for part in parts where memory.contains(part.address, count: UInt64(part.length)) {
                memory.discard(part.address, count: UInt64(part.length))
            }
            state.withLock { $0.discarded(index) }
        }
    }

    package func reset() {
        state.withLock { $0.reset() }
        for lane in serving { lane.lock.withLock { _ in } }
        actual.withLock { $0 = 0 }
    }

    package var kind: String { "virtio-balloon" }

    /// The guest's own numbers are those of the time before: it is asked for the next ones.
    package var counters: [DeviceCounter] {
        let (counts, told, asked) = state.withLock { ($0.counts, $0.statistics, $0.askForStatistics()) }
        if let (driver, queue) = asked { driver.interrupt(queue) }
        let own = [
            DeviceCounter("inflatedPages", counts.inflatedPages), DeviceCounter("deflatedPages", counts.deflatedPages),
            DeviceCounter("reportedBytes", counts.reportedBytes),
        ]
        let guests = zip(BalloonStatistics.names, told.values).map { DeviceCounter("guest.\($0)", $1 ?? 0) }
        return own + guests
    }
}
