internal import Boot
internal import PCIDevices
internal import VMMCore
internal import VirtioDevices

/// The virtio-mmio windows of a machine: device n of the set in window n.
enum VirtioWindows {
    /// - Parameters:
    ///   - events: binds doorbells to eventfds; nil: the machine cannot.
    ///   - line: the wire to an interrupt number of `VirtioPlaces`; called once a window.
    static func insert(
        _ set: VirtioDeviceSet, at places: VirtioPlaces, on bus: inout MMIOBus.Builder, memory: GuestMemory,
        faults: GuestFaultLog, events: (any EventBinder)?, line: (UInt32) -> any InterruptLine
    ) throws(BootError) {
        for (index, member) in set.members.enumerated() {
            let window = places.window(index)
            let address = GuestAddress(window.address)
            let transport = VirtioMMIO(
                member.device, rings: set.rings, name: member.name, memory: memory,
                interrupt: line(window.interrupt), doorbells: events.map { DoorbellWindow(at: address, $0) },
                faults: faults)
            do throws(MMIOBusError) {
                try bus.insert(transport, at: address)
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
    ///   - events: ties eventfds to the guest; nil: the machine cannot.
    ///   - line: the wire to an interrupt number of `VirtioPlaces`; called once a window, or a wire of the PCI bus.
    /// - Returns: the PCI configuration space, where there is a PCI bus.
    @discardableResult
    func insert(
        at places: VirtioPlaces, on bus: inout MMIOBus.Builder, memory: GuestMemory, faults: GuestFaultLog,
        messages: (any MSITarget)?, events: (any EventBinder)?, line: (UInt32) -> any InterruptLine
    ) throws(BootError) -> PCIConfigurationAccess? {
        switch places.transport {
        case .mmio:
            try VirtioWindows.insert(
                self, at: places, on: &bus, memory: memory, faults: faults, events: events, line: line)
            return nil
        case .pci:
            return try VirtioFunctions.insert(
                self, at: places.bus, on: &bus, memory: memory, faults: faults, messages: messages, events: events,
                line: line)
        }
    }
}
