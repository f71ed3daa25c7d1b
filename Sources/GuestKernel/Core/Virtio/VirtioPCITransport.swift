/// A virtio device as a PCI function, with the registers of version 1 ("modern"). Source: virtio 1.2 §4.1.
package final class VirtioPCITransport: VirtioTransport {
    /// struct virtio_pci_common_cfg. Source: virtio 1.2 §4.1.4.3.
    private enum Register {
        static var deviceFeatureSelect: UInt64 { 0 }
        static var deviceFeature: UInt64 { 4 }
        static var driverFeatureSelect: UInt64 { 8 }
        static var driverFeature: UInt64 { 12 }
        static var configurationVector: UInt64 { 16 }
        static var deviceStatus: UInt64 { 20 }
        static var configurationGeneration: UInt64 { 21 }
        static var queueSelect: UInt64 { 22 }
        static var queueSize: UInt64 { 24 }
        static var queueVector: UInt64 { 26 }
        static var queueEnable: UInt64 { 28 }
        static var queueNotifyOffset: UInt64 { 30 }
        static var queueDescriptors: UInt64 { 32 }
        static var queueDriver: UInt64 { 40 }
        static var queueDevice: UInt64 { 48 }
        static var size: UInt64 { 56 }
    }

    /// What kind of registers a capability tells of (`cfg_type`). Source: virtio 1.2 §4.1.4.
    private enum Structure {
        static var common: UInt8 { 1 }
        static var notify: UInt8 { 2 }
        static var interruptStatus: UInt8 { 3 }
        static var device: UInt8 { 4 }
    }

    /// Entries of the message table that the transport uses, and says to the device.
    package enum MessageIndex {
        package static var configuration: Int { 0 }
        package static var queues: Int { 1 }
        package static var count: Int { 2 }
    }

    /// Where one kind of registers is.
    package struct Location: Equatable, Sendable {
        package let region: UInt8
        package let offset: UInt64
        package let size: UInt64
    }

    /// The places of all registers, as the function's capabilities tell them. Of several of a kind the first counts.
    package struct Layout: Equatable, Sendable {
        package private(set) var common: Location?
        package private(set) var notify: Location?
        package private(set) var notifyMultiplier: UInt32 = 0
        package private(set) var interruptStatus: Location?
        package private(set) var device: Location?

        package init(_ function: PCIFunction) {
            var layout = self
            function.forEachCapability { identifier, at in
                // Vendor-specific, and long enough: struct virtio_pci_cap.
                guard identifier == 0x09, function.load8(at + 2) >= 16 else { return }
                let location = Location(
                    region: function.load8(at + 4), offset: UInt64(function.load32(at + 8)),
                    size: UInt64(function.load32(at + 12)))
                guard location.region < 6 else { return }
                switch function.load8(at + 3) {
                case Structure.common where layout.common == nil && location.size >= Register.size:
                    layout.common = location
                case Structure.notify where layout.notify == nil && location.size >= 2:
                    layout.notify = location
                    layout.notifyMultiplier = function.load8(at + 2) >= 20 ? function.load32(at + 16) : 0
                case Structure.interruptStatus where layout.interruptStatus == nil && location.size >= 1:
                    layout.interruptStatus = location
                case Structure.device where layout.device == nil: layout.device = location
                default: break
                }
            }
            self = layout
        }
    }

    /// The type of the virtio device that a function is; nil when it is none. Source: virtio 1.2 §4.1.2.
    package static func deviceType(_ function: PCIFunction) -> UInt32? {
        guard function.vendor == 0x1AF4 else { return nil }
        switch function.device {
        case 0x1041...0x107F: return UInt32(function.device) - 0x1040
        // Transitional: the subsystem's ID tells.
        case 0x1000...0x103F: return UInt32(function.subsystem)
        default: return nil
        }
    }

    package var name: StaticString { "virtio-pci" }
    package let deviceType: UInt32
    /// Set before the queues are made: the device interrupts by messages, and has no cause to be read.
    package var usesMessages = false

    private let common: any RegisterWindow
    private let notifications: any RegisterWindow
    private let notifyMultiplier: UInt32
    private let interruptStatus: any RegisterWindow
    private let configuration: (any RegisterWindow)?
    /// Offsets among the notifications, by queue; read once.
    private var notifyOffsets: [UInt64] = []

    /// - Parameter map: gives the registers at a place in the function's regions.
    /// - Returns: nil when not all registers are there: a legacy device.
    package init?(_ layout: Layout, deviceType: UInt32, map: (Location) -> (any RegisterWindow)?) {
        guard let commonPlace = layout.common, let notifyPlace = layout.notify,
            let statusPlace = layout.interruptStatus, let common = map(commonPlace), let notify = map(notifyPlace),
            let status = map(statusPlace)
        else { return nil }
        self.deviceType = deviceType
        self.common = common
        notifications = notify
        notifyMultiplier = layout.notifyMultiplier
        interruptStatus = status
        if let place = layout.device { configuration = map(place) } else { configuration = nil }
    }

    package var status: UInt8 {
        get { common.load8(Register.deviceStatus) }
        set { common.store8(newValue, Register.deviceStatus) }
    }

    package func deviceFeatures() -> UInt64 {
        common.store32(1, Register.deviceFeatureSelect)
        let high = common.load32(Register.deviceFeature)
        common.store32(0, Register.deviceFeatureSelect)
        return UInt64(high) << 32 | UInt64(common.load32(Register.deviceFeature))
    }

    package func setDriverFeatures(_ features: UInt64) {
        for half: UInt32 in 0...1 {
            common.store32(half, Register.driverFeatureSelect)
            common.store32(UInt32(truncatingIfNeeded: features >> UInt64(half * 32)), Register.driverFeature)
        }
    }

    package func maximumSize(ofQueue queue: UInt16) -> UInt16 {
        common.store16(queue, Register.queueSelect)
        return common.load16(Register.queueEnable) == 0 ? min(common.load16(Register.queueSize), 32768) : 0
    }

    package func enableQueue(_ queue: UInt16, size: UInt16, at addresses: SplitDriverQueue.Addresses) -> Bool {
        if usesMessages, !setVector(MessageIndex.configuration, Register.configurationVector) { return false }
        common.store16(queue, Register.queueSelect)
        common.store16(size, Register.queueSize)
        if usesMessages, !setVector(MessageIndex.queues, Register.queueVector) { return false }
        store64(addresses.descriptors, Register.queueDescriptors)
        store64(addresses.available, Register.queueDriver)
        store64(addresses.used, Register.queueDevice)
        let offset = UInt64(common.load16(Register.queueNotifyOffset)) * UInt64(notifyMultiplier)
        guard offset <= notifications.size - 2, offset & 1 == 0 else { return false }
        while notifyOffsets.count <= Int(queue) { notifyOffsets.append(0) }
        notifyOffsets[Int(queue)] = offset
        common.store16(1, Register.queueEnable)
        return true
    }

    /// A device that cannot use a vector says so when it is read back. Source: virtio 1.2 §4.1.5.1.2.
    private func setVector(_ vector: Int, _ register: UInt64) -> Bool {
        common.store16(UInt16(vector), register)
        return common.load16(register) == UInt16(vector)
    }

    private func store64(_ value: UInt64, _ offset: UInt64) {
        common.store32(UInt32(truncatingIfNeeded: value), offset)
        common.store32(UInt32(truncatingIfNeeded: value >> 32), offset + 4)
    }

    package func notify(_ queue: UInt16) { notifications.store16(queue, notifyOffsets[Int(queue)]) }

    /// Reading lowers the line.
    package func acknowledgeInterrupt() -> VirtioInterruptCauses {
        usesMessages ? .unknown : VirtioInterruptCauses(rawValue: interruptStatus.load8(0))
    }

    package var configurationGeneration: UInt32 { UInt32(common.load8(Register.configurationGeneration)) }

    package func configuration8(_ offset: UInt64) -> UInt8 {
        guard let space = configuration, space.size >= 1, offset <= space.size - 1 else { return 0 }
        return space.load8(offset)
    }

    package func configuration16(_ offset: UInt64) -> UInt16 {
        guard let space = configuration, space.size >= 2, offset <= space.size - 2 else { return 0 }
        return space.load16(offset)
    }

    package func configuration32(_ offset: UInt64) -> UInt32 {
        guard let space = configuration, space.size >= 4, offset <= space.size - 4 else { return 0 }
        return space.load32(offset)
    }
}
