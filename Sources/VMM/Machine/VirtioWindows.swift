internal import Boot
internal import PCIDevices
internal import VMMCore
internal import VirtioDevices

/// The virtio-mmio windows of a machine: device n of the set in window n.
enum VirtioWindows {
    /// - Parameter line: the wire to an interrupt number of `VirtioPlaces`; called once a window.
    static func insert(
        _ set: VirtioDeviceSet, at places: VirtioPlaces, on bus: inout MMIOBus.Builder, memory: GuestMemory,
        faults: GuestFaultLog, line: (UInt32) -> any InterruptLine
    ) throws(BootError) {
        for (index, member) in set.members.enumerated() {
            let window = places.window(index)
            let transport = VirtioMMIO(
                member.device, rings: set.rings, name: member.name, memory: memory,
                interrupt: line(window.interrupt), faults: faults)
            do throws(MMIOBusError) {
                try bus.insert(transport, at: GuestAddress(window.address))
            } catch {
                throw .memoryMap(error)
            }
        }
    }
}

extension VirtioDeviceSet {
    /// Puts the devices where the machine has places for them.
    ///
    /// - Parameters:
    ///   - messages: takes message-signalled interrupts; nil: there are none.
    ///   - line: the wire to an interrupt number of `VirtioPlaces`; called once a window, or a wire of the PCI bus.
    /// - Returns: the PCI configuration space, where there is a PCI bus.
    @discardableResult
    func insert(
        at places: VirtioPlaces, on bus: inout MMIOBus.Builder, memory: GuestMemory, faults: GuestFaultLog,
        messages: (any MSITarget)?, line: (UInt32) -> any InterruptLine
    ) throws(BootError) -> PCIConfigurationAccess? {
        switch places.transport {
        case .mmio:
            try VirtioWindows.insert(self, at: places, on: &bus, memory: memory, faults: faults, line: line)
            return nil
        case .pci:
            return try VirtioFunctions.insert(
                self, at: places.bus, on: &bus, memory: memory, faults: faults, messages: messages, line: line)
        }
    }
}
