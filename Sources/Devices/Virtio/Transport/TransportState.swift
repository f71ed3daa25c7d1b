internal import VMMCore

/// What every transport keeps of a device: status, features, queues' registers and the interrupt's causes. Pure: each
/// method is one step, calls nobody, and says what is to be done.
///
/// Source: virtio 1.2 §2.1 to §2.6, §4.1.4.3, §4.2.2.
struct TransportState: Sendable {
    /// What the driver wrote about a queue.
    struct Queue: Hashable, Sendable {
        var layout: QueueLayout
        var isReady = false
        /// Which of the transport's interrupts tells of used buffers, where it has several.
        var vector = TransportState.noVector

        init(maximumSize: UInt16) {
            layout = QueueLayout(
                size: UInt32(maximumSize), descriptorTable: GuestAddress(0), driverArea: GuestAddress(0),
                deviceArea: GuestAddress(0))
        }
    }

    /// A part of a queue's layout.
    enum Area: Hashable, Sendable {
        case descriptorTable
        case driver
        case device
    }

    /// An event without an interrupt. Source: virtio 1.2 §4.1.5.1.2, VIRTIO_MSI_NO_VECTOR.
    static let noVector: UInt16 = 0xFFFF

    /// What must happen outside the lock.
    enum Effect: Hashable, Sendable {
        case none
        case reset
        /// DRIVER_OK: start the queues that are ready, and the device.
        case activate
        case startQueue(Int)
        case stopQueue(Int)
        case refuse(Refusal)
    }

    /// A driver's access that has no effect but a line in the log.
    enum Refusal: Hashable, Sendable {
        case status(written: UInt8, status: UInt8)
        case features(UInt64)
        case featuresAfterNegotiation
        case queueOutOfStep
        case queueSize(UInt32)
        case noSuchQueue(UInt32)
    }

    /// Causes of the interrupt. Source: virtio 1.2 §4.2.2, InterruptStatus.
    static let usedBufferCause: UInt32 = 1
    static let configurationCause: UInt32 = 2

    let offered: UInt64
    private let requirements: [VirtioFeatureRequirement]
    private let queueSizes: [UInt16]

    private(set) var status = DeviceStatus()
    /// Counts activations and resets: what belongs to a former one has no say.
    private(set) var epoch: UInt32 = 0
    private(set) var accepted: UInt64 = 0
    private(set) var queues: [Queue]
    private(set) var interruptStatus: UInt32 = 0
    private(set) var generation: UInt32 = 0
    /// The driver has read the configuration space since the generation last changed.
    private var generationWasSeen = false
    /// As a queue's vector, for changes of the configuration space.
    var configurationVector = noVector
    var deviceFeatureSelect: UInt32 = 0
    var driverFeatureSelect: UInt32 = 0
    var queueSelect: UInt32 = 0
    private(set) var output = InterruptOutput()

    init(_ identity: VirtioIdentity, rings: VirtioRings) {
        let common = VirtioFeatures.common.union(rings.features).subtracting(identity.withheld)
        offered = identity.features | common.rawValue
        requirements = identity.requirements
        queueSizes = identity.queueSizes
        queues = identity.queueSizes.map(Queue.init(maximumSize:))
    }

    // MARK: Features

    /// The offered features' half that the driver selected; there are two.
    var deviceFeatures: UInt32 {
        switch deviceFeatureSelect {
        case 0: UInt32(truncatingIfNeeded: offered)
        case 1: UInt32(truncatingIfNeeded: offered >> 32)
        default: 0
        }
    }

    /// The accepted features' half that the driver selected.
    var driverFeatures: UInt32 {
        switch driverFeatureSelect {
        case 0: UInt32(truncatingIfNeeded: accepted)
        case 1: UInt32(truncatingIfNeeded: accepted >> 32)
        default: 0
        }
    }

    mutating func writeDriverFeatures(_ value: UInt32) -> Effect {
        switch status.stage {
        case .idle, .acknowledged, .driverFound: break
        // §3.1.1: no new features after FEATURES_OK.
        case .featuresAccepted, .running: return .refuse(.featuresAfterNegotiation)
        }
        switch driverFeatureSelect {
        case 0: accepted[0...31] = UInt64(value)
        case 1: accepted[32...63] = UInt64(value)
        default: return value == 0 ? .none : .refuse(.features(UInt64(value)))
        }
        return .none
    }

    /// A subset of what was offered, whole (§2.2.1), and no legacy driver (§6.1: a driver MUST accept VIRTIO_F_VERSION_1).
    private var featuresAreGood: Bool {
        accepted & ~offered == 0 && accepted & VirtioFeatures.version1.rawValue != 0
            && requirements.allSatisfy { $0.isMet(by: accepted) }
    }

    // MARK: Status

    mutating func writeStatus(_ value: UInt8) -> Effect {
        guard value != 0 else { return reset() }
        if value & DeviceStatus.failedBit != 0 { status.failed = true }
        let refusal = Effect.refuse(.status(written: value, status: status.rawValue))
        guard let wanted = DeviceStatus.Stage(rawValue: value & DeviceStatus.stageBits) else { return refusal }
        switch DeviceStatus.step(from: status.stage, to: wanted) {
        case .stay: return .none
        case .refuse: return value == DeviceStatus.failedBit ? .none : refusal
        case .negotiate:
            guard featuresAreGood else {
                status.stage = .driverFound
                return .refuse(.features(accepted))
            }
            status.stage = .featuresAccepted
            return .none
        case .advance:
            status.stage = wanted
            guard wanted == .running else { return .none }
            epoch &+= 1
            return .activate
        }
    }

    private mutating func reset() -> Effect {
        let before = self
        status = DeviceStatus()
        epoch = before.epoch &+ 1
        accepted = 0
        queues = queueSizes.map(Queue.init(maximumSize:))
        interruptStatus = 0
        configurationVector = Self.noVector
        deviceFeatureSelect = 0
        driverFeatureSelect = 0
        queueSelect = 0
        output.want(false)
        return .reset
    }

    // MARK: Queues

    /// The selected queue's number, if there is such a queue.
    var selectedQueue: Int? { queues.indices.contains(Int(queueSelect)) ? Int(queueSelect) : nil }

    /// The largest size that the selected queue can have; 0: no such queue.
    var maximumQueueSize: UInt32 { selectedQueue.map { UInt32(queueSizes[$0]) } ?? 0 }

    var queueIsReady: Bool { selectedQueue.map { queues[$0].isReady } ?? false }

    /// What the driver wrote about the selected queue, or nil: there is no such queue.
    var selectedLayout: QueueLayout? { selectedQueue.map { queues[$0].layout } }

    /// The selected queue's vector. Only where there is such a queue can it be set.
    var selectedVector: UInt16 {
        get { selectedQueue.map { queues[$0].vector } ?? Self.noVector }
        set { if let index = selectedQueue { queues[index].vector = newValue } }
    }

    /// The selected queue, when its registers may be written: not while it is ready (§4.2.2.2).
    private func writableQueue() -> Result<Int, RefusalError> {
        guard let index = selectedQueue else { return .failure(RefusalError(.noSuchQueue(queueSelect))) }
        return queues[index].isReady ? .failure(RefusalError(.queueOutOfStep)) : .success(index)
    }

    private struct RefusalError: Error {
        let refusal: Refusal
        init(_ refusal: Refusal) { self.refusal = refusal }
    }

    /// - Parameter isChecked: refuse at once what cannot be a size, so that the register never shows it.
    mutating func writeQueueSize(_ value: UInt32, isChecked: Bool = false) -> Effect {
        // The size of a packed ring need not be a power of two. Source: virtio 1.2 §2.8.
        let isPacked = VirtioFeatures(rawValue: accepted).contains(.packedRing)
        guard !isChecked || value > 0 && (isPacked || value & (value &- 1) == 0) else {
            return .refuse(.queueSize(value))
        }
        switch writableQueue() {
        case .failure(let error): return .refuse(error.refusal)
        case .success(let index):
            queues[index].layout.size = value
            return .none
        }
    }

    /// Writes half of an area's address.
    mutating func writeQueueAddress(_ value: UInt32, of area: Area, high: Bool) -> Effect {
        switch writableQueue() {
        case .failure(let error): return .refuse(error.refusal)
        case .success(let index):
            let bits = high ? 32...63 : 0...31
            switch area {
            case .descriptorTable: queues[index].layout.descriptorTable.rawValue[bits] = UInt64(value)
            case .driver: queues[index].layout.driverArea.rawValue[bits] = UInt64(value)
            case .device: queues[index].layout.deviceArea.rawValue[bits] = UInt64(value)
            }
            return .none
        }
    }

    mutating func writeQueueReady(_ ready: Bool) -> Effect {
        guard let index = selectedQueue else { return .refuse(.noSuchQueue(queueSelect)) }
        guard queues[index].isReady != ready else { return .none }
        queues[index].isReady = ready
        guard status.stage == .running else { return .none }
        return ready ? .startQueue(index) : .stopQueue(index)
    }

    /// Source: virtio 1.2 §2.6.1.
    mutating func resetQueue() -> Effect {
        guard let index = selectedQueue else { return .refuse(.noSuchQueue(queueSelect)) }
        guard status.stage == .running, accepted & VirtioFeatures.ringReset.rawValue != 0 else {
            return .refuse(.queueOutOfStep)
        }
        queues[index] = Queue(maximumSize: queueSizes[index])
        return .stopQueue(index)
    }

    /// The device works, and queue `index` with it: a notification means something.
    func takesNotification(_ index: UInt32) -> Bool {
        status.stage == .running && !status.needsReset && queues.indices.contains(Int(index))
    }

    /// The queues that are ready while the device works, and the vector of each; nil: it has none.
    var workingQueues: [(index: Int, vector: UInt16?)] {
        guard status.stage == .running, !status.needsReset else { return [] }
        return queues.indices.filter { queues[$0].isReady }.map { index in
            (index, queues[index].vector == Self.noVector ? nil : queues[index].vector)
        }
    }

    // MARK: Interrupts

    /// Adds causes for the driver of `epoch`; the caller delivers the level that `beginDelivery` gives.
    mutating func raise(_ cause: UInt32, epoch: UInt32) -> Bool? {
        guard epoch == self.epoch, status.stage == .running else { return nil }
        interruptStatus |= cause
        output.want(true)
        return output.beginDelivery()
    }

    /// The vector for used buffers of a queue, for the driver of `epoch`; nil: there is nobody to tell, or nobody wants it.
    func vector(ofQueue index: UInt16, epoch: UInt32) -> UInt16? {
        guard epoch == self.epoch, status.stage == .running, queues.indices.contains(Int(index)) else { return nil }
        let vector = queues[Int(index)].vector
        return vector == Self.noVector ? nil : vector
    }

    /// The vector for changes of the configuration space, likewise.
    func configurationVector(epoch: UInt32) -> UInt16? {
        guard epoch == self.epoch, status.stage == .running else { return nil }
        return configurationVector == Self.noVector ? nil : configurationVector
    }

    mutating func acknowledge(_ causes: UInt32) {
        interruptStatus &= ~causes
        output.want(interruptStatus != 0)
    }

    mutating func beginDelivery() -> Bool? { output.beginDelivery() }
    mutating func continueDelivery() -> Bool? { output.continueDelivery() }

    /// The driver of `epoch` broke a rule. Source: virtio 1.2 §2.1.2.
    mutating func fail(epoch: UInt32) -> Bool? {
        guard epoch == self.epoch, status.stage == .running else { return nil }
        status.needsReset = true
        return raise(Self.configurationCause, epoch: epoch)
    }

    /// The configuration space changed. The generation changes once after each time that the driver looked: a driver that sees
    /// only eight bits of it would else miss 256 changes. Source: virtio 1.2 §4.1.4.3.1.
    mutating func nextGeneration() {
        guard generationWasSeen else { return }
        generationWasSeen = false
        generation &+= 1
    }

    /// The driver reads the configuration space, or the generation.
    mutating func noteConfigurationRead() { generationWasSeen = true }
}
