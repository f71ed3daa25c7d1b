internal import PCIDevices
internal import VMMCore
internal import VirtioDevices

/// The PCI bus of a machine: device n of the set in slot n + 1.
enum VirtioFunctions {
    /// - Parameters:
    ///   - messages: nil: functions have their pins only.
    ///   - events: ties eventfds to the guest; nil: the machine cannot.
    ///   - line: the wire to an interrupt number of `VirtioPlaces`; called once a wire.
    /// - Returns: the configuration space, which is on the bus already.
    static func insert(
        _ set: VirtioDeviceSet, at places: VirtioPlaces.Bus, on bus: inout MMIOBus.Builder, memory: GuestMemory,
        faults: GuestFaultLog, messages: (any MSITarget)?, events: (any EventBinder)?,
        line: (UInt32) -> any InterruptLine
    ) throws(BootError) -> PCIConfigurationAccess {
        var functions = PCIBus.Builder(
            windows: places.windows, wires: places.interrupts.map { SharedInterruptLine(line($0)) },
            firstLine: UInt8(truncatingIfNeeded: places.firstInterrupt), messages: messages, events: events)
        for member in set.members {
            functions.add { connection in
                VirtioPCI.function(
                    member.device, rings: set.rings, name: member.name, memory: memory, connection: connection,
                    faults: faults)
            }
        }
        let pci: PCIBus
        do throws(PCIBusError) {
            pci = try functions.build(busCount: Int(places.configuration.size >> 20))
        } catch {
            switch error {
            case .windowIsFull: throw .pciWindowIsFull
            }
        }
        do throws(MMIOBusError) {
            try bus.insert(pci.configuration, at: places.configuration.start)
            for window in pci.windows { try bus.insert(window.device, at: GuestAddress(window.address)) }
        } catch {
            throw .memoryMap(error)
        }
        return pci.configuration
    }
}
