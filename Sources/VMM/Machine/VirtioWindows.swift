internal import GuestABI
internal import HostIO
internal import VMMCore
internal import VirtioDevices

/// A virtio device of a machine.
package enum VirtioDeviceKind: Hashable, Sendable {
    case console
    case entropy
    /// The session's disk of this number.
    case block(Int)
}

/// The virtio-mmio devices of the `virt` machine: device n of the list in window n, with SPI `virtioMMIOFirstSPI` + n.
struct VirtioWindows {
    private var console: VirtioConsole?
    private var disks: [VirtioBlock] = []
    private let window: TerminalWindow?

    init(
        _ kinds: [VirtioDeviceKind], on bus: inout MMIOBus.Builder, memory: GuestMemory, interrupts: VirtInterrupts,
        cpuCount: Int, host: HostEnds
    ) throws(MMIOBusError) {
        window = host.window
        for (index, kind) in kinds.enumerated() {
            let device: any VirtioDevice
            var name = "virtio \(kind)"
            switch kind {
            case .console:
                let made = VirtioConsole(channel: host.virtioConsole, size: host.window?.size)
                host.window?.setHandler { [weak made] size in made?.resize(to: size) }
                console = made
                device = made
            case .entropy: device = VirtioEntropy(source: host.entropy)
            case .block(let number):
                let disk = host.disks[number]
                let made = VirtioBlock(disk.storage, serial: disk.serial, memory: memory, queueCount: cpuCount)
                disks.append(made)
                device = made
                name = "virtio \(disk.name)"
            }
            let spi = VirtPlatform.virtioMMIOFirstSPI + UInt32(index)
            let transport = VirtioMMIO(
                device, name: name, memory: memory, interrupt: interrupts.line(spi: spi),
                faults: host.faults)
            try bus.insert(
                transport,
                at: GuestAddress(VirtPlatform.virtioMMIOAddress + UInt64(index) * VirtPlatform.virtioMMIOStride))
        }
    }

    /// Ends the devices' hold on the host's ends.
    func disconnect() {
        window?.setHandler(nil)
        console?.disconnect()
        for disk in disks { disk.disconnect() }
    }
}
