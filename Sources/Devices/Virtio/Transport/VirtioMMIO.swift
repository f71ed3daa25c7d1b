internal import Synchronization
package import VMMCore

/// A virtio device behind memory-mapped registers, version 2. Legacy drivers are refused.
///
/// Control registers take aligned 32-bit accesses; others read as zero and are ignored, with a line in the log, and so are
/// reads of write-only and writes to read-only registers. The configuration space takes 8, 16 and 32 bits, aligned. There
/// are no shared memory regions.
///
/// Threading: accesses on any vCPU thread; the line is set without a lock held. Errors: a driver that breaks rules gets
/// DEVICE_NEEDS_RESET.
/// Source: virtio 1.2 §4.2.
package final class VirtioMMIO: MMIODevice {
    private let transport: VirtioTransport
    /// Nil: the device, or the machine, has no doorbells to bind. Interrupts have a cause in a register, and so are not bound.
    private let doorbells: DoorbellWindow?
    private let bindings = Mutex(DoorbellBindings())

    /// - Parameters:
    ///   - rings: what the driver is offered.
    ///   - name: what messages call the device.
    ///   - memory: all that the device can reach.
    ///   - line: level-sensitive.
    ///   - doorbells: binds doorbells of queues that a program serves; nil: they exit.
    package init(
        _ device: any VirtioDevice, rings: VirtioRings = .packed, name: String, memory: GuestMemory,
        interrupt line: any InterruptLine, doorbells: DoorbellWindow? = nil, faults: GuestFaultLog
    ) {
        self.doorbells = device is any EventVirtioDevice ? doorbells : nil
        transport = VirtioTransport(device, rings: rings, name: name, memory: memory, line: line, faults: faults)
    }

    package var windowSize: UInt64 { VirtioMMIORegister.windowSize }

    package func read(at offset: UInt64, width: AccessWidth) -> UInt64 {
        if offset >= VirtioMMIORegister.configuration {
            guard let place = configurationPlace(offset, width) else { return 0 }
            return UInt64(transport.readConfiguration(at: place, width: width)) & width.mask
        }
        guard let register = register(offset, width, "read") else { return 0 }
        return UInt64(read(register))
    }

    package func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        if offset >= VirtioMMIORegister.configuration {
            guard let place = configurationPlace(offset, width) else { return }
            transport.writeConfiguration(UInt32(truncatingIfNeeded: value), at: place, width: width)
            return
        }
        guard let register = register(offset, width, "write") else { return }
        write(UInt32(truncatingIfNeeded: value), register)
    }

    /// Source: virtio 1.2 §4.2.2.2: 32 bits wide and aligned.
    private func register(_ offset: UInt64, _ width: AccessWidth, _ access: StaticString) -> VirtioMMIORegister? {
        guard width == .word, let register = VirtioMMIORegister(rawValue: offset) else {
            transport.link.report("\(access) of \(width.bytes) bytes at 0x\(String(offset, radix: 16))")
            return nil
        }
        return register
    }

    private func configurationPlace(_ offset: UInt64, _ width: AccessWidth) -> UInt32? {
        guard width != .doubleword, offset % UInt64(width.bytes) == 0 else {
            transport.link.report("access of \(width.bytes) bytes at 0x\(String(offset, radix: 16))")
            return nil
        }
        return UInt32(truncatingIfNeeded: offset - VirtioMMIORegister.configuration)
    }

    private func read(_ register: VirtioMMIORegister) -> UInt32 {
        let state = transport.link
        switch register {
        case .MagicValue: return VirtioMMIORegister.magic
        case .Version: return VirtioMMIORegister.version
        case .DeviceID: return transport.identity.deviceType
        case .VendorID: return VirtioMMIORegister.vendor
        case .DeviceFeatures: return state.state.withLock { $0.deviceFeatures }
        case .QueueNumMax: return state.state.withLock { $0.maximumQueueSize }
        case .QueueReady: return state.state.withLock { $0.queueIsReady ? 1 : 0 }
        case .InterruptStatus: return state.state.withLock { $0.interruptStatus }
        case .Status: return state.state.withLock { UInt32($0.status.rawValue) }
        case .SHMLenLow, .SHMLenHigh, .SHMBaseLow, .SHMBaseHigh: return .max
        case .QueueReset: return transport.selectedQueueIsDraining() ? 1 : 0
        case .ConfigGeneration: return transport.configurationGeneration
        case .DeviceFeaturesSel, .DriverFeatures, .DriverFeaturesSel, .QueueSel, .QueueNum, .QueueNotify,
            .InterruptACK, .QueueDescLow, .QueueDescHigh, .QueueDriverLow, .QueueDriverHigh, .QueueDeviceLow,
            .QueueDeviceHigh, .SHMSel:
            transport.link.report("read of \(register), which is write-only")
            return 0
        }
    }

    private func write(_ value: UInt32, _ register: VirtioMMIORegister) {
        switch register {
        // First, since it is by far the most frequent.
        case .QueueNotify: transport.notify(value)
        case .InterruptACK:
            transport.link.drive(
                transport.link.state.withLock { state in
                    state.acknowledge(value)
                    return state.beginDelivery()
                })
        case .Status:
            transport.change { $0.writeStatus(UInt8(truncatingIfNeeded: value)) }
            settleDoorbells()
        case .DeviceFeaturesSel: transport.link.state.withLock { $0.deviceFeatureSelect = value }
        case .DriverFeaturesSel: transport.link.state.withLock { $0.driverFeatureSelect = value }
        case .DriverFeatures: transport.change { $0.writeDriverFeatures(value) }
        case .QueueSel: transport.link.state.withLock { $0.queueSelect = value }
        case .QueueNum: transport.change { $0.writeQueueSize(value) }
        case .QueueReady:
            transport.change { $0.writeQueueReady(value & 1 == 1) }
            settleDoorbells()
        case .QueueDescLow: address(value, .descriptorTable, high: false)
        case .QueueDescHigh: address(value, .descriptorTable, high: true)
        case .QueueDriverLow: address(value, .driver, high: false)
        case .QueueDriverHigh: address(value, .driver, high: true)
        case .QueueDeviceLow: address(value, .device, high: false)
        case .QueueDeviceHigh: address(value, .device, high: true)
        case .QueueReset:
            guard value & 1 == 1 else { return }
            transport.change { $0.resetQueue() }
            settleDoorbells()
        case .SHMSel: break
        case .MagicValue, .Version, .DeviceID, .VendorID, .DeviceFeatures, .QueueNumMax, .InterruptStatus, .SHMLenLow,
            .SHMLenHigh, .SHMBaseLow, .SHMBaseHigh, .ConfigGeneration:
            transport.link.report("write to \(register), which is read-only")
        }
    }

    /// Binds the doorbells of the queues that work now, and no others.
    private func settleDoorbells() {
        guard let doorbells else { return }
        bindings.withLock { bindings in
            let wanted = transport.queueEvents().compactMap { index, _, events in
                doorbells.trigger(VirtioMMIORegister.QueueNotify.rawValue, .word, value: UInt64(index))
                    .map { DoorbellBindings.Doorbell($0, events) }
            }
            bindings.settle(wanted, by: doorbells.binder)
        }
    }

    private func address(_ value: UInt32, _ area: TransportState.Area, high: Bool) {
        transport.change { $0.writeQueueAddress(value, of: area, high: high) }
    }
}
