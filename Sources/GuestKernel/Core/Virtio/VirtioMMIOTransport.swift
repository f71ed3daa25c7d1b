/// A virtio device behind memory-mapped registers, version 2. Source: virtio 1.2 §4.2.2.
package final class VirtioMMIOTransport: VirtioTransport {
    private enum Register {
        static var magicValue: UInt64 { 0x000 }
        static var version: UInt64 { 0x004 }
        static var deviceID: UInt64 { 0x008 }
        static var deviceFeatures: UInt64 { 0x010 }
        static var deviceFeaturesSelect: UInt64 { 0x014 }
        static var driverFeatures: UInt64 { 0x020 }
        static var driverFeaturesSelect: UInt64 { 0x024 }
        static var queueSelect: UInt64 { 0x030 }
        static var queueSizeMaximum: UInt64 { 0x034 }
        static var queueSize: UInt64 { 0x038 }
        static var queueReady: UInt64 { 0x044 }
        static var queueNotify: UInt64 { 0x050 }
        static var interruptStatus: UInt64 { 0x060 }
        static var interruptAcknowledge: UInt64 { 0x064 }
        static var status: UInt64 { 0x070 }
        static var queueDescriptors: UInt64 { 0x080 }
        static var queueDriver: UInt64 { 0x090 }
        static var queueDevice: UInt64 { 0x0A0 }
        static var configurationGeneration: UInt64 { 0x0FC }
        static var configuration: UInt64 { 0x100 }
    }

    /// The registers without the configuration space.
    package static var minimumSize: UInt64 { 0x100 }

    /// What the registers say of themselves.
    package enum Identity: Equatable, Sendable {
        /// A device of this type.
        case device(UInt32)
        /// A window without a device.
        case empty
        /// Not the registers of version 2: the version, 0 when there is no virtio device at all.
        case unsupported(version: UInt32)
    }

    private let registers: any RegisterWindow

    /// Looks what is behind the registers: three loads.
    package static func identify(_ registers: any RegisterWindow) -> Identity {
        // "virt".
        guard registers.size >= minimumSize, registers.load32(Register.magicValue) == 0x7472_6976 else {
            return .unsupported(version: 0)
        }
        let type = registers.load32(Register.deviceID)
        if type == 0 { return .empty }
        let version = registers.load32(Register.version)
        return version == 2 ? .device(type) : .unsupported(version: version)
    }

    /// - Parameter deviceType: as `identify` found.
    package init(_ registers: any RegisterWindow, deviceType: UInt32) {
        self.registers = registers
        self.deviceType = deviceType
    }

    package var name: StaticString { "virtio-mmio" }
    package let deviceType: UInt32
    package var status: UInt8 {
        get { UInt8(truncatingIfNeeded: registers.load32(Register.status)) }
        set { registers.store32(UInt32(newValue), Register.status) }
    }

    package func deviceFeatures() -> UInt64 {
        registers.store32(1, Register.deviceFeaturesSelect)
        let high = registers.load32(Register.deviceFeatures)
        registers.store32(0, Register.deviceFeaturesSelect)
        return UInt64(high) << 32 | UInt64(registers.load32(Register.deviceFeatures))
    }

    package func setDriverFeatures(_ features: UInt64) {
        for half: UInt32 in 0...1 {
            registers.store32(half, Register.driverFeaturesSelect)
            registers.store32(UInt32(truncatingIfNeeded: features >> UInt64(half * 32)), Register.driverFeatures)
        }
    }

    package func maximumSize(ofQueue queue: UInt16) -> UInt16 {
        registers.store32(UInt32(queue), Register.queueSelect)
        // A queue in use would be one of another driver.
        guard registers.load32(Register.queueReady) == 0 else { return 0 }
        return UInt16(truncatingIfNeeded: min(registers.load32(Register.queueSizeMaximum), 32768))
    }

    package func enableQueue(_ queue: UInt16, size: UInt16, at addresses: SplitDriverQueue.Addresses) -> Bool {
        registers.store32(UInt32(queue), Register.queueSelect)
        registers.store32(UInt32(size), Register.queueSize)
        store64(addresses.descriptors, Register.queueDescriptors)
        store64(addresses.available, Register.queueDriver)
        store64(addresses.used, Register.queueDevice)
        registers.store32(1, Register.queueReady)
        return true
    }

    private func store64(_ value: UInt64, _ offset: UInt64) {
        registers.store32(UInt32(truncatingIfNeeded: value), offset)
        registers.store32(UInt32(truncatingIfNeeded: value >> 32), offset + 4)
    }

    package func notify(_ queue: UInt16) { registers.store32(UInt32(queue), Register.queueNotify) }

    package func acknowledgeInterrupt() -> VirtioInterruptCauses {
        let status = registers.load32(Register.interruptStatus)
        if status != 0 { registers.store32(status, Register.interruptAcknowledge) }
        return VirtioInterruptCauses(rawValue: UInt8(truncatingIfNeeded: status))
    }

    package var configurationGeneration: UInt32 { registers.load32(Register.configurationGeneration) }

    package func configuration8(_ offset: UInt64) -> UInt8 {
        fits(offset, 1) ? registers.load8(Register.configuration + offset) : 0
    }

    package func configuration16(_ offset: UInt64) -> UInt16 {
        fits(offset, 2) ? registers.load16(Register.configuration + offset) : 0
    }

    package func configuration32(_ offset: UInt64) -> UInt32 {
        fits(offset, 4) ? registers.load32(Register.configuration + offset) : 0
    }

    private func fits(_ offset: UInt64, _ count: UInt64) -> Bool {
        registers.size - Register.configuration >= count && offset <= registers.size - Register.configuration - count
    }
}
