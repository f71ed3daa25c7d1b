internal import GuestABI
internal import VMMCore
internal import VirtioDevices

/// The virtio-mmio windows of the `virt` machine: device n of the set in window n, with SPI `virtioMMIOFirstSPI` + n.
enum VirtioWindows {
    static func insert(
        _ set: VirtioDeviceSet, on bus: inout MMIOBus.Builder, memory: GuestMemory, interrupts: VirtInterrupts,
        faults: GuestFaultLog
    ) throws(MMIOBusError) {
        for (index, member) in set.members.enumerated() {
            let spi = VirtPlatform.virtioMMIOFirstSPI + UInt32(index)
            let transport = VirtioMMIO(
                member.device, name: member.name, memory: memory, interrupt: interrupts.line(spi: spi), faults: faults)
            try bus.insert(
                transport,
                at: GuestAddress(VirtPlatform.virtioMMIOAddress + UInt64(index) * VirtPlatform.virtioMMIOStride))
        }
    }
}
