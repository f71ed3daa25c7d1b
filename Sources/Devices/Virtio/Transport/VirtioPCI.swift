package import PCIDevices
package import VMMCore

/// A virtio device as a PCI function, version 1 and later. Legacy drivers find nothing that they know.
///
/// Source: virtio 1.2 §4.1.
package enum VirtioPCI {
    /// Source: virtio 1.2 §4.1.2.
    static let vendorID: UInt16 = 0x1AF4
    private static let firstDeviceID: UInt32 = 0x1040
    /// Above 0x3F, so that no legacy driver takes the device for one of its own. Source: virtio 1.2 §4.1.2.1.
    private static let subsystemID: UInt16 = 0x1100
    private static let revision: UInt8 = 1

    /// - Parameters:
    ///   - rings: what the driver is offered.
    ///   - name: what messages call the device.
    ///   - memory: all that the device can reach.
    package static func function(
        _ device: any VirtioDevice, rings: VirtioRings = .packed, name: String, memory: GuestMemory,
        connection: PCIConnection, faults: GuestFaultLog
    ) -> PCIFunction {
        let identity = device.identity
        // One for each queue, and one for configuration changes.
        let interrupts = connection.interrupts(messageCount: identity.queueSizes.count + 1)
        let registers = VirtioPCIRegisters(
            device, rings: rings, name: name, memory: memory, interrupts: interrupts,
            bindings: device is any EventVirtioDevice ? connection.eventBindings(interrupts) : nil, faults: faults)
        let capabilities = VirtioPCILayout.Structure.allCases.map(capability)
        return PCIFunction(
            PCIIdentity(
                vendorID: vendorID, deviceID: UInt16(truncatingIfNeeded: firstDeviceID + identity.deviceType),
                revision: revision, classCode: classCode(identity.deviceType), subsystemVendorID: vendorID,
                subsystemID: subsystemID),
            regions: [PCIRegion(VirtioPCILayout.region, registers)], capabilities: capabilities + [windowCapability],
            windowCapability: capabilities.count, interrupts: interrupts, connection: connection)
    }

    /// struct virtio_pci_cap, and for notifications struct virtio_pci_notify_cap.
    private static func capability(_ structure: VirtioPCILayout.Structure) -> PCICapability {
        var capability = PCICapability(id: PCICapability.vendorSpecific)
        let isNotify = structure == .notifications
        capability.append(UInt8(isNotify ? 20 : 16))
        capability.append(structure.rawValue)
        capability.append(UInt8(VirtioPCILayout.region))
        // id and padding.
        capability.append(0 as UInt8)
        capability.append(0 as UInt16)
        capability.append(UInt32(structure.offset))
        capability.append(UInt32(structure.length))
        if isNotify { capability.append(UInt32(VirtioPCILayout.notifyMultiplier)) }
        return capability
    }

    /// struct virtio_pci_cfg_cap: what it can reach is the driver's to write.
    private static var windowCapability: PCICapability {
        var capability = PCICapability(id: PCICapability.vendorSpecific)
        capability.append(20 as UInt8)
        capability.append(VirtioPCILayout.windowType)
        capability.append(0 as UInt8, writable: .max)
        capability.append(0 as UInt8)
        capability.append(0 as UInt16)
        // offset, length, pci_cfg_data.
        for _ in 0..<3 { capability.append(0 as UInt32, writable: .max) }
        return capability
    }

    /// What software that knows no virtio takes the device for. Source: PCI Code and ID Assignment 1.11 §1; the choice is QEMU's.
    private static func classCode(_ deviceType: UInt32) -> UInt32 {
        switch deviceType {
        // Ethernet controller.
        case 1: 0x02_00_00
        // Mass storage, SCSI: what operating systems expect a disk to be.
        case 2: 0x01_00_00
        // Communication, other: console, vsock.
        case 3, 19: 0x07_80_00
        // Mass storage, other: file systems of the host.
        case 9, 26: 0x01_80_00
        // Unassigned.
        default: 0xFF_00_00
        }
    }
}
