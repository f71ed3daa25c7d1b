internal import NetworkFrames
internal import Synchronization
package import VMMCore

/// A virtio network device on a network's host side.
///
/// It offers the offloads that the network has, and does none itself. Frames go out on the thread that notifies, or on the network's
/// when that had no room; they come in on the network's thread. Each queue keeps its frames' order.
///
/// Threading: any thread; network and driver are called without a lock held that the network's thread takes. Errors: frames that
/// nobody can make sense of are dropped and counted; a driver that breaks a rule of the queues gets DEVICE_NEEDS_RESET.
/// Source: virtio 1.2 §5.1.
package final class VirtioNetwork: VirtioDevice, NetworkClient, StatisticsSource {
    /// Entries of a queue that frames go by. A large frame takes some forty receive buffers of Linux.
    package static let queueSize: UInt16 = 1024
    package static let controlQueueSize: UInt16 = 64
    /// Most pairs of queues: beyond that the network is what limits.
    package static let pairLimit = 8

    private let backend: any NetworkBackend
    /// The same, if it has a queue for each of ours.
    private let multiQueue: (any MultiQueueNetwork)?
    private let properties: NetworkProperties
    private let transmitters: [Transmitter]
    private let receivers: [Receiver]
    private let reception: Mutex<NetworkReception>
    private let control = Mutex(NetworkControlQueue())
    private let status = Mutex(Status())
    /// The device is attached to the network. Held while that changes; the network's thread does not take it.
    private let attachment = Mutex(false)
    /// The control queue's index: the driver's choice of multiqueue moves it.
    private let controlIndex: Atomic<Int>
    /// The transmit queue that gets room first: each in its turn.
    private let firstInTurn = Atomic<Int>(0)

    /// Of all queues.
    private let notifications = EventCounter()

    private final class Transmitter: Sendable {
        let state = Mutex(NetworkTransmitQueue())
        /// For the thread that has the claim.
        let frame = Mutex([UInt8](repeating: 0, count: NetworkFrame.maximumSize))
    }

    private final class Receiver: Sendable {
        let state = Mutex(NetworkReceiveQueue())
    }

    private struct Status {
        var driver: VirtioDriver?
        var features: UInt64 = 0
        /// The driver was asked to tell others of itself, and has not said that it did.
        var isAnnouncing = false
        /// For statistics, also after a reset.
        var queues: [VirtioQueue] = []
    }

    /// - Parameters:
    ///   - address: six bytes.
    ///   - pairCount: pairs of queues: one for each vCPU is best; at most `pairLimit` are made.
    package init(_ backend: any NetworkBackend, address: [UInt8], pairCount: Int) {
        precondition(address.count == EthernetAddress.byteCount)
        self.backend = backend
        multiQueue = backend as? any MultiQueueNetwork
        properties = backend.properties
        let pairs = max(1, min(pairCount, Self.pairLimit))
        transmitters = (0..<pairs).map { _ in Transmitter() }
        receivers = (0..<pairs).map { _ in Receiver() }
        reception = Mutex(NetworkReception(address: EthernetAddress(address, at: 0)))
        controlIndex = Atomic(2 * pairs)
    }

    package var identity: VirtioIdentity {
        VirtioIdentity(
            deviceType: 1, features: NetworkFeatures.offered(properties, pairs: receivers.count),
            queueSizes: receivers.flatMap { _ in [Self.queueSize, Self.queueSize] } + [Self.controlQueueSize],
            requirements: NetworkFeatures.requirements)
    }

    package func readConfiguration(at offset: UInt32, width: AccessWidth) -> UInt32 {
        let isAnnouncing = status.withLock { $0.isAnnouncing }
        return VirtioNetworkConfiguration(
            address: reception.withLock { $0.address },
            status: (backend.isLinkUp ? VirtioNetworkConfiguration.linkUp : 0)
                | (isAnnouncing ? VirtioNetworkConfiguration.announce : 0),
            pairs: UInt16(truncatingIfNeeded: receivers.count), mtu: properties.mtu
        ).read(at: offset, width: width)
    }

    /// Nothing can be written (§5.1.4): the address is set by a command.
    package func writeConfiguration(
        _ value: UInt32, at offset: UInt32, width: AccessWidth
    ) -> VirtioConfigurationEffect { .none }

    // MARK: Life cycle

    package func activate(_ activation: VirtioActivation) {
        let features = activation.features
        let hasPairs = features & NetworkFeatures.multiQueue != 0
        // §5.1.2: without multiqueue there is one pair, and the control queue comes third.
        let pairs = hasPairs ? receivers.count : 1
        controlIndex.store(2 * pairs, ordering: .relaxed)
        reception.withLock { $0.activate(features, mtu: properties.mtu) }
        status.withLock {
            $0 = Status(driver: activation.driver, features: features, queues: activation.queues)
        }
        for pair in 0..<pairs {
            receivers[pair].state.withLock { $0.activate(activation.queues[2 * pair], activation) }
            transmitters[pair].state.withLock {
                $0.activate(
                    activation.queues[2 * pair + 1], activation, mtu: properties.mtu, knowsFlows: hasPairs)
            }
        }
        if features & NetworkFeatures.controlQueue != 0 {
            control.withLock { $0.activate(activation.queues[2 * pairs], activation) }
        }
        attachment.withLock { isAttached in
            isAttached = true
            backend.attach(self, offloads: NetworkFeatures.receiveOffloads(features))
        }
        for pair in 0..<pairs { transmit(pair) }
        converse()
    }

    package func notify(queue index: Int) {
        notifications.add()
        let controlIndex = controlIndex.load(ordering: .relaxed)
        guard index >= 0, index < controlIndex else {
            if index == controlIndex { converse() }
            return
        }
        if index % 2 == 1 {
            transmit(index / 2)
        } else if receivers[index / 2].state.withLock({ $0.driverCame() }) {
            backend.resumeReceiving()
        }
    }

    package func reset() {
        // Waits for a call of the network's thread that is under way.
        attachment.withLock { isAttached in
            isAttached = false
            backend.detach()
        }
        for transmitter in transmitters { transmitter.state.withLock { $0.reset() } }
        for receiver in receivers { receiver.state.withLock { $0.reset() } }
        control.withLock { $0.reset() }
        reception.withLock { $0.reset() }
        status.withLock { $0 = Status(queues: $0.queues) }
    }

    /// Lets the network go: the machine has ended.
    package func disconnect() { reset() }

    package var kind: String { "virtio-net" }

    package var counters: [DeviceCounter] {
        var sent = NetworkQueueCounts()
        var received = NetworkQueueCounts()
        for transmitter in transmitters { sent.add(transmitter.state.withLock { $0.counts }) }
        for receiver in receivers { received.add(receiver.state.withLock { $0.counts }) }
        received.drops &+= reception.withLock { $0.drops }
        let interrupts = status.withLock { $0.queues }.reduce(0) { $0 &+ $1.interruptCount }
        return sent.counters("Sent") + received.counters("Received") + [
            DeviceCounter("notifications", notifications.value),
            DeviceCounter("interrupts", interrupts),
        ]
    }

    // MARK: From the guest

    /// Sends what there is in transmit queue `pair`, until nothing is left, the network has no room, or another thread is at it.
    private func transmit(_ pair: Int) {
        let transmitter = transmitters[pair]
        guard transmitter.state.withLock({ $0.claim() }) else { return }
        // Who has the claim is alone with the frame. The next one waits for this lock until the interrupt is raised, at most.
        transmitter.frame.withLock { frame in
            var sending = NetworkTransmitQueue.Sending.none
            var hasSent = false
            while true {
                let step = transmitter.state.withLock { $0.next(&frame, after: sending) }
                guard case .send(let count, let flow) = step else {
                    if hasSent { backend.commit() }
                    return finish(step)
                }
                if let flow { reception.withLock { $0.learn(flow, pair: pair) } }
                let isAccepted =
                    multiQueue?.send(frame, 0..<count, queue: pair) ?? backend.send(frame, 0..<count)
                sending = isAccepted ? .accepted : .refused
                hasSent = hasSent || isAccepted
            }
        }
    }

    private func finish(_ step: NetworkTransmitQueue.Step) {
        switch step {
        case .interrupt(let driver, let queue): driver.interrupt(queue)
        case .fault(let driver, let queue, let fault): refuse(driver, queue, fault)
        case .none, .send: break
        }
    }

    private func refuse(_ driver: VirtioDriver, _ queue: VirtioQueue, _ fault: QueueFault) {
        markBroken()
        driver.refuse(queue, fault)
    }

    /// The device works on no queue more before its reset.
    private func markBroken() {
        for transmitter in transmitters { transmitter.state.withLock { $0.markBroken() } }
        for receiver in receivers { receiver.state.withLock { $0.markBroken() } }
        control.withLock { $0.markBroken() }
    }

    package func canSend() {
        let first = firstInTurn.wrappingAdd(1, ordering: .relaxed).oldValue
        for index in transmitters.indices {
            let pair = Int(UInt(bitPattern: first &+ index) % UInt(transmitters.count))
            if transmitters[pair].state.withLock({ $0.roomCame() }) { transmit(pair) }
        }
    }

    /// Performs commands until none is left or another thread is at it.
    private func converse() {
        guard control.withLock({ $0.takeClaim() }) else { return }
        while true {
            switch control.withLock({ $0.next() }) {
            case .perform(let command):
                let isDone = perform(command)
                control.withLock { $0.answer(isDone ? .ok : .error) }
            case .ended(let end):
                if case .broken = end { markBroken() }
                return end.tellDriver()
            }
        }
    }

    private func perform(_ command: NetworkCommand) -> Bool {
        switch command {
        case .receiveMode(let mode, let isOn): reception.withLock { $0.set(mode, isOn) }
        case .addressTables(let unicast, let multicast):
            reception.withLock { $0.setTables(unicast: unicast, multicast: multicast) }
        case .address(let address): reception.withLock { $0.setAddress(address) }
        case .announced: status.withLock { $0.isAnnouncing = false }
        case .queuePairs(let count):
            guard count > 0, Int(count) <= receivers.count else { return false }
            reception.withLock { $0.usePairs(Int(count)) }
            // A frame may wait for a queue that is in use no more.
            backend.resumeReceiving()
        case .guestOffloads(let features):
            let offloads = NetworkFeatures.receiveOffloads(features)
            attachment.withLock { isAttached in
                guard isAttached else { return }
                reception.withLock { $0.setOffloads(offloads) }
                backend.attach(self, offloads: offloads)
            }
        }
        return true
    }

    // MARK: To the guest

    package func receive(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        switch reception.withLock({ $0.route(bytes, range) }) {
        case .filtered, .unfit: return true
        case .pair(let pair, let header):
            switch receivers[pair].state.withLock({ $0.put(bytes, range, header) }) {
            case .done, .dropped: return true
            case .full(let completed):
                if let completed { completed.driver.interrupt(completed.queue) }
                return false
            case .fault(let driver, let queue, let fault):
                refuse(driver, queue, fault)
                return true
            }
        }
    }

    package func receivedAll() {
        for receiver in receivers {
            if let completed = receiver.state.withLock({ $0.takeCompleted() }) {
                completed.driver.interrupt(completed.queue)
            }
        }
    }

    /// Tells the driver, and asks it to tell its new neighbours of itself.
    package func linkChanged(isUp: Bool) {
        let (driver, features) = status.withLock { ($0.driver, $0.features) }
        guard let driver, features & NetworkFeatures.status != 0 else { return }
        driver.changeConfiguration {
            guard isUp, features & NetworkFeatures.announce != 0 else { return }
            status.withLock { $0.isAnnouncing = true }
        }
    }
}
