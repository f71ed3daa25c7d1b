/// The kinds of devices that the kernel has drivers for. Source: virtio 1.2 §5.
package enum VirtioDeviceType {
    package static var network: UInt32 { 1 }
    package static var block: UInt32 { 2 }
    package static var entropy: UInt32 { 4 }
}

/// Feature bits of all devices. Source: virtio 1.2 §6.
package enum VirtioFeature {
    package static var eventIndex: UInt64 { 1 << 29 }
    package static var version1: UInt64 { 1 << 32 }
}

/// Why a device is not driven, or not any more.
package enum VirtioFailure: Error, Equatable, Sendable {
    /// The device has no VIRTIO_F_VERSION_1: it is a legacy one.
    case legacy
    /// The device took back FEATURES_OK.
    case featuresRefused
    /// A queue that the driver needs is not there.
    case noQueue(UInt16)
    /// The device did not come out of reset.
    case resetTimeout
    /// There is no memory for the queues and buffers.
    case noMemory
    /// The device broke the rules of its queue.
    case fault(SplitDriverQueue.Fault)
    /// The device says that it needs a reset.
    case needsReset
    /// The kernel has no interrupt to give to the device.
    case noInterrupt

    package var reason: StaticString {
        switch self {
        case .legacy: "is a legacy device"
        case .featuresRefused: "refuses the features"
        case .noQueue: "has too few queues"
        case .resetTimeout: "stays in reset"
        case .noMemory: "finds no memory for its queues"
        case .fault: "broke the rules of its queue"
        case .needsReset: "needs a reset"
        case .noInterrupt: "finds no free interrupt"
        }
    }
}

/// Status bits. Source: virtio 1.2 §2.1.
package enum VirtioStatus {
    package static var acknowledge: UInt8 { 1 }
    package static var driver: UInt8 { 2 }
    package static var driverOK: UInt8 { 4 }
    package static var featuresOK: UInt8 { 8 }
    package static var needsReset: UInt8 { 64 }
    package static var failed: UInt8 { 128 }
}

/// What an interrupt is for. Source: virtio 1.2 §4.1.4.5, §4.2.2.
package struct VirtioInterruptCauses: Equatable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue & 3 }

    package var isEmpty: Bool { rawValue == 0 }
    package var usedBuffer: Bool { rawValue & 1 != 0 }
    package var configurationChange: Bool { rawValue & 2 != 0 }
    /// Of an interrupt that no register tells the cause of (MSI-X).
    package static var unknown: VirtioInterruptCauses { VirtioInterruptCauses(rawValue: 3) }
}

/// The way to a device's registers, whichever bus it is on.
///
/// Threading: by the driver's lock.
package protocol VirtioTransport: AnyObject {
    /// `virtio-mmio` or `virtio-pci`.
    var name: StaticString { get }
    var deviceType: UInt32 { get }
    /// 0 written resets the device.
    var status: UInt8 { get set }
    func deviceFeatures() -> UInt64
    func setDriverFeatures(_ features: UInt64)
    /// The most descriptors of a queue; 0 when there is no such queue.
    func maximumSize(ofQueue queue: UInt16) -> UInt16
    /// - Returns: false when the device has no interrupt or notification for it.
    func enableQueue(_ queue: UInt16, size: UInt16, at addresses: SplitDriverQueue.Addresses) -> Bool
    /// Tells the device that a queue has new chains.
    func notify(_ queue: UInt16)
    /// Reads why the device interrupts, and lowers its line.
    func acknowledgeInterrupt() -> VirtioInterruptCauses
    /// Changes when the configuration space has.
    var configurationGeneration: UInt32 { get }
    func configuration8(_ offset: UInt64) -> UInt8
    func configuration16(_ offset: UInt64) -> UInt16
    func configuration32(_ offset: UInt64) -> UInt32
}
