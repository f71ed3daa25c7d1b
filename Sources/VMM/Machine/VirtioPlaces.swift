internal import Boot
internal import GuestABI
internal import PCIDevices
internal import VMMCore

/// The places that a machine has for virtio devices, and how a guest is told which of them are taken.
struct VirtioPlaces: Sendable {
    let architecture: MachineConfiguration.Architecture
    let transport: MachineConfiguration.Transport

    init(_ architecture: MachineConfiguration.Architecture, _ transport: MachineConfiguration.Transport) {
        self.architecture = architecture
        self.transport = transport
    }

    var count: Int {
        switch (transport, architecture) {
        case (.mmio, .x86_64): PCPlatform.virtioMMIOWindows
        case (.mmio, .arm64): VirtPlatform.virtioMMIOWindows
        case (.pci, _): PCIBus.capacity
        }
    }

    /// The virtio-mmio window of device `index`, below `count`.
    func window(_ index: Int) -> DeviceAnnouncement.Window {
        switch architecture {
        case .x86_64:
            .init(
                address: PCPlatform.virtioMMIOAddress + UInt64(index) * PCPlatform.virtioMMIOStride,
                size: PCPlatform.virtioMMIOStride,
                interrupt: PCPlatform.virtioMMIOFirstInput + UInt32(index) % PCPlatform.virtioMMIOInputs)
        case .arm64:
            .init(
                address: VirtPlatform.virtioMMIOAddress + UInt64(index) * VirtPlatform.virtioMMIOStride,
                size: VirtPlatform.virtioMMIOStride, interrupt: VirtPlatform.virtioMMIOFirstSPI + UInt32(index))
        }
    }

    /// Where a machine's PCI bus is.
    struct Bus {
        let configuration: GuestRange
        /// Regions are put into the first one.
        let windows: [GuestRange]
        /// Of the first of the four wires: an SPI, or an input of the I/O APIC.
        let firstInterrupt: UInt32
        var interrupts: Range<UInt32> { firstInterrupt..<firstInterrupt + 4 }
    }

    var bus: Bus {
        switch architecture {
        case .x86_64:
            Bus(
                configuration: Self.range(PCPlatform.pciECAMAddress, PCPlatform.pciECAMSize),
                windows: [Self.range(PCPlatform.pciWindowAddress, PCPlatform.pciWindowSize)],
                firstInterrupt: PCPlatform.pciFirstInput)
        case .arm64:
            Bus(
                configuration: Self.range(VirtPlatform.pciECAMAddress, VirtPlatform.pciECAMSize),
                windows: [
                    Self.range(VirtPlatform.pciWindowAddress, VirtPlatform.pciWindowSize),
                    Self.range(VirtPlatform.pciHighWindowAddress, VirtPlatform.pciHighWindowSize),
                ], firstInterrupt: VirtPlatform.pciFirstSPI)
        }
    }

    /// Of the platform's constants.
    private static func range(_ start: UInt64, _ size: UInt64) -> GuestRange {
        guard let range = GuestRange(start: GuestAddress(start), size: size) else {
            preconditionFailure("a region of the memory map wraps")
        }
        return range
    }

    /// What a guest is told of the first `count` places.
    func announcement(of count: Int) -> DeviceAnnouncement {
        switch transport {
        case .mmio: .init(windows: (0..<count).map(window))
        case .pci: .init(pciECAM: bus.configuration.start.rawValue)
        }
    }
}
