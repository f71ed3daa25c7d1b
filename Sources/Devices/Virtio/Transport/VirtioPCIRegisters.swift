internal import PCIDevices
internal import Synchronization
internal import VMMCore

/// The registers of a virtio-pci function: common configuration, notifications, interrupt status and the device's own.
///
/// A field takes accesses of its own width (§4.1.3.1), the halves of an address also one of 64 bits; others read as zero and are
/// ignored, with a line in the log. A notification counts while the function is a bus master: a device that is none cannot read
/// its rings.
///
/// Threading: accesses on any vCPU thread; interrupts without a lock held. Errors: a driver that breaks rules gets
/// DEVICE_NEEDS_RESET.
/// Source: virtio 1.2 §4.1.4.
final class VirtioPCIRegisters: MMIODevice {
    private typealias Structure = VirtioPCILayout.Structure

    private let transport: VirtioTransport
    private let interrupts: PCIInterrupts
    /// Nil: the device, or the machine, has nothing to tie to each other.
    private let bindings: PCIEventBindings?
    /// Held while they are set, so that the last change wins.
    private let bindingOrder = Mutex(())

    init(
        _ device: any VirtioDevice, rings: VirtioRings, name: String, memory: GuestMemory, interrupts: PCIInterrupts,
        bindings: PCIEventBindings?, faults: GuestFaultLog
    ) {
        precondition(device.identity.queueSizes.count <= VirtioPCILayout.maximumQueues)
        self.interrupts = interrupts
        self.bindings = bindings
        transport = VirtioTransport(
            device, rings: rings, name: name, memory: memory, line: interrupts,
            vectors: interrupts.messageCount > 0 ? interrupts : nil, faults: faults)
    }

    var windowSize: UInt64 { VirtioPCILayout.size }

    func read(at offset: UInt64, width: AccessWidth) -> UInt64 {
        switch place(of: offset) {
        case (.common, let offset):
            guard width == .doubleword, let (low, high) = halves(at: offset) else {
                guard let register = register(offset, width) else { return 0 }
                return UInt64(read(register))
            }
            return UInt64(read(low)) | UInt64(read(high)) << 32
        case (.interruptStatus, 0): return UInt64(takeInterruptStatus())
        case (.device, let offset) where isGood(offset, width):
            return UInt64(transport.readConfiguration(at: UInt32(truncatingIfNeeded: offset), width: width))
        case (.interruptStatus, _), (.device, _), (.notifications, _):
            report("read", offset, width)
            return 0
        }
    }

    func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        switch place(of: offset) {
        // First, since it is by far the most frequent. Which address it is tells the queue (§4.1.5.2).
        case (.notifications, let offset) where offset % VirtioPCILayout.notifyMultiplier == 0 && width != .doubleword:
            notify(UInt32(truncatingIfNeeded: offset / VirtioPCILayout.notifyMultiplier))
        case (.common, let offset):
            let word = UInt32(truncatingIfNeeded: value)
            if width == .doubleword, let (low, high) = halves(at: offset) {
                write(word, low)
                write(UInt32(truncatingIfNeeded: value >> 32), high)
            } else if let register = register(offset, width) {
                write(word, register)
            }
        case (.device, let offset) where isGood(offset, width):
            transport.writeConfiguration(
                UInt32(truncatingIfNeeded: value), at: UInt32(truncatingIfNeeded: offset), width: width)
        case (.interruptStatus, _), (.device, _), (.notifications, _): report("write", offset, width)
        }
    }

    /// The structure, and the offset in its page.
    private func place(of offset: UInt64) -> (Structure, UInt64) {
        let page = offset & ~0xFFF
        let rest = offset & 0xFFF
        if page == Structure.notifications.offset { return (.notifications, rest) }
        if page == Structure.common.offset { return (.common, rest) }
        return (page == Structure.device.offset ? .device : .interruptStatus, rest)
    }

    private func isGood(_ offset: UInt64, _ width: AccessWidth) -> Bool {
        width != .doubleword && offset % UInt64(width.bytes) == 0
    }

    private func report(_ access: StaticString, _ offset: UInt64, _ width: AccessWidth) {
        transport.link.report("\(access) of \(width.bytes) bytes at 0x\(String(offset, radix: 16))")
    }

    private func register(_ offset: UInt64, _ width: AccessWidth) -> VirtioPCIRegister? {
        guard let register = VirtioPCIRegister(rawValue: offset), register.size == width.bytes else {
            report("access", offset, width)
            return nil
        }
        return register
    }

    /// The halves of a 64-bit field.
    private func halves(at offset: UInt64) -> (VirtioPCIRegister, VirtioPCIRegister)? {
        switch VirtioPCIRegister(rawValue: offset) {
        case .queue_desc: (.queue_desc, .queue_desc_high)
        case .queue_driver: (.queue_driver, .queue_driver_high)
        case .queue_device: (.queue_device, .queue_device_high)
        default: nil
        }
    }

    // MARK: What accesses do

    private func notify(_ queue: UInt32) {
        guard interrupts.isBusMaster else {
            return transport.link.report("notification of queue \(queue) while the function is no bus master")
        }
        transport.notify(queue)
    }

    /// Reading it is acknowledging all (§4.1.4.5).
    private func takeInterruptStatus() -> UInt32 {
        let (causes, level) = transport.link.state.withLock { state in
            let causes = state.interruptStatus
            state.acknowledge(causes)
            return (causes, state.beginDelivery())
        }
        transport.link.drive(level)
        return causes
    }

    private func read(_ register: VirtioPCIRegister) -> UInt32 {
        switch register {
        case .queue_reset: return transport.selectedQueueIsDraining() ? 1 : 0
        case .config_generation: return transport.configurationGeneration & 0xFF
        case .num_queues: return UInt32(transport.identity.queueSizes.count)
        default: return transport.link.state.withLock { Self.read(register, of: $0) }
        }
    }

    private static func read(_ register: VirtioPCIRegister, of state: borrowing TransportState) -> UInt32 {
        let layout = state.selectedLayout
        return switch register {
        case .device_feature_select: state.deviceFeatureSelect
        case .device_feature: state.deviceFeatures
        case .driver_feature_select: state.driverFeatureSelect
        case .driver_feature: state.driverFeatures
        case .config_msix_vector: UInt32(state.configurationVector)
        case .device_status: UInt32(state.status.rawValue)
        case .queue_select: state.queueSelect
        case .queue_size: layout?.size ?? 0
        case .queue_msix_vector: UInt32(state.selectedVector)
        case .queue_enable: state.queueIsReady ? 1 : 0
        // The same as its number, and so is what it is called in a notification.
        case .queue_notify_off, .queue_notify_data: layout == nil ? 0 : state.queueSelect
        case .queue_desc: low(layout?.descriptorTable)
        case .queue_desc_high: high(layout?.descriptorTable)
        case .queue_driver: low(layout?.driverArea)
        case .queue_driver_high: high(layout?.driverArea)
        case .queue_device: low(layout?.deviceArea)
        case .queue_device_high: high(layout?.deviceArea)
        case .num_queues, .config_generation, .queue_reset: 0
        }
    }

    private static func low(_ address: GuestAddress?) -> UInt32 { UInt32(truncatingIfNeeded: address?.rawValue ?? 0) }

    private static func high(_ address: GuestAddress?) -> UInt32 {
        UInt32(truncatingIfNeeded: (address?.rawValue ?? 0) >> 32)
    }

    private func write(_ value: UInt32, _ register: VirtioPCIRegister) {
        let state = transport.link
        switch register {
        case .device_feature_select: state.state.withLock { $0.deviceFeatureSelect = value }
        case .driver_feature_select: state.state.withLock { $0.driverFeatureSelect = value }
        case .driver_feature: transport.change { $0.writeDriverFeatures(value) }
        case .config_msix_vector: state.state.withLock { $0.configurationVector = vector(value) }
        case .queue_msix_vector:
            state.state.withLock { $0.selectedVector = vector(value) }
            settleEvents()
        case .device_status: setStatus(UInt8(truncatingIfNeeded: value))
        case .queue_select: state.state.withLock { $0.queueSelect = value }
        case .queue_size: transport.change { $0.writeQueueSize(value, isChecked: true) }
        case .queue_enable:
            transport.change { value == 1 ? $0.writeQueueReady(true) : .refuse(.queueOutOfStep) }
            settleEvents()
        case .queue_desc: address(value, .descriptorTable, high: false)
        case .queue_desc_high: address(value, .descriptorTable, high: true)
        case .queue_driver: address(value, .driver, high: false)
        case .queue_driver_high: address(value, .driver, high: true)
        case .queue_device: address(value, .device, high: false)
        case .queue_device_high: address(value, .device, high: true)
        case .queue_reset:
            guard value == 1 else { return }
            transport.change { $0.resetQueue() }
            settleEvents()
        case .device_feature, .num_queues, .config_generation, .queue_notify_off, .queue_notify_data:
            transport.link.report("write to \(register), which is read-only")
        }
    }

    private func setStatus(_ value: UInt8) {
        transport.change { $0.writeStatus(value) }
        settleEvents()
        if value == 0 { interrupts.forgetPendingMessages() }
    }

    /// Ties the eventfds of the queues that work now to the guest, and no others.
    private func settleEvents() {
        guard let bindings else { return }
        bindingOrder.withLock { _ in
            bindings.set(
                transport.queueEvents().map { index, vector, events in
                    let offset =
                        Structure.notifications.offset + UInt64(index) * VirtioPCILayout.notifyMultiplier
                    // The width that drivers must use (§4.1.5.2); others exit.
                    return PCIQueueEvents(
                        region: VirtioPCILayout.region, offset: offset, width: .halfword,
                        message: vector.map(Int.init), events: events)
                })
        }
    }

    private func address(_ value: UInt32, _ area: TransportState.Area, high: Bool) {
        transport.change { $0.writeQueueAddress(value, of: area, high: high) }
    }

    /// A vector that is not in the table cannot be mapped to an event, and the driver reads that (§4.1.5.1.2.1).
    private func vector(_ value: UInt32) -> UInt16 {
        value < UInt32(interrupts.messageCount) ? UInt16(truncatingIfNeeded: value) : TransportState.noVector
    }
}

extension PCIInterrupts: InterruptVectors {
    var isEnabled: Bool { usesMessages }
    func raise(_ vector: UInt16) { send(message: Int(vector)) }
}
