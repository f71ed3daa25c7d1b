internal import Boot
internal import VMMCore
internal import VirtioDevices

/// The virtio-mmio windows of a machine: device n of the set in window n.
enum VirtioWindows {
    /// - Parameter line: the wire to an interrupt number of `VirtioPlaces`; called once a window.
    static func insert(
        _ set: VirtioDeviceSet, at places: VirtioPlaces, on bus: inout MMIOBus.Builder, memory: GuestMemory,
        faults: GuestFaultLog, line: (UInt32) -> any InterruptLine
    ) throws(MMIOBusError) {
        for (index, member) in set.members.enumerated() {
            let window = places.window(index)
            let transport = VirtioMMIO(
                member.device, name: member.name, memory: memory, interrupt: line(window.interrupt), faults: faults)
            try bus.insert(transport, at: GuestAddress(window.address))
        }
    }
}
