package import Boot
internal import GuestABI
package import VMMCore

/// The `virt` machine's guest physical address space: QEMU `virt`'s, so that whatever boots there boots here.
///
/// ```
/// 0x00_0000_0000 ┬──────────────────────────────────────────────────────────┐
///                │ flash, two banks of 64 MiB; or, with none, the pages of    │ flash /
///                │ bvmconsole at 0x0009_0000 and pvpanic at 0x0009_1000       │ bvmConsole, panicNotifier
/// 0x00_0800_0000 │ GIC distributor                                            │ gicDistributor
/// 0x00_0808_0000 │ GIC interrupt translation service                          │ gicITS
/// 0x00_080A_0000 │ GIC redistributors, 128 KiB a CPU                          │ gicRedistributors
/// 0x00_0900_0000 │ PL011 UART                                                 │ pl011
/// 0x00_0901_0000 │ PL031 real-time clock                                      │ pl031
/// 0x00_0903_0000 │ PL061 GPIO: the power key                                  │ gpio
/// 0x00_0A00_0000 │ virtio-mmio, 32 windows of 0x200 bytes                     │ virtioMMIO
/// 0x00_1000_0000 │ PCI memory window                                          │ pciWindow
/// 0x00_3EFF_0000 │ PCI I/O ports                                              │ pciPorts
/// 0x00_3F00_0000 │ PCI ECAM, 16 buses                                         │ pciECAM
/// 0x00_4000_0000 ┼──────────────────────────────────────────────────────────┤
///                │ RAM, at most 255 GiB                                       │ ram
///                │ persistent memory, behind RAM                              │ persistentMemoryRoom
/// 0x80_0000_0000 │ PCI memory window for 64-bit BARs, 512 GiB                 │ pciHighWindow
/// 0x100_0000_0000┴──────────────────────────────────────────────────────────┘
/// ```
/// Source: QEMU hw/arm/virt.c, base_memmap; bhyve (arm64), bhyverun_machdep.c for bvmconsole.
package enum VirtMemoryMap {
    package enum Name: Hashable, Sendable {
        case flash, bvmConsole, panicNotifier, gicDistributor, gicITS, gicRedistributors, pl011, pl031, gpio,
            virtioMMIO, pciWindow
        case pciPorts, pciECAM, pciHighWindow
    }

    package struct Region: Hashable, Sendable {
        package let name: Name
        package let start: UInt64
        package let size: UInt64
    }

    /// Everything but RAM. Flash and the two pages share addresses: a machine has one or the others.
    package static func regions(withFlash: Bool) -> [Region] {
        let bottom =
            withFlash
            ? [Region(name: .flash, start: 0, size: 0x0800_0000)]
            : [
                Region(name: .bvmConsole, start: VirtPlatform.bvmConsoleAddress, size: 0x1000),
                Region(name: .panicNotifier, start: VirtPlatform.panicAddress, size: 0x1000),
            ]
        return bottom + devices
    }

    private static let devices: [Region] = [
        // One 64 KiB frame. Source: Arm IHI 0069, 12.8.
        Region(name: .gicDistributor, start: VirtPlatform.gicDistributorAddress, size: 0x1_0000),
        // Control and translation frames.
        Region(name: .gicITS, start: VirtPlatform.gicITSAddress, size: VirtPlatform.gicITSSize),
        // Up to the UART: room for 123 CPUs.
        Region(
            name: .gicRedistributors, start: VirtPlatform.gicRedistributorAddress,
            size: maximumCPUs * VirtPlatform.gicRedistributorStride),
        Region(name: .pl011, start: VirtPlatform.pl011Address, size: 0x1000),
        Region(name: .pl031, start: VirtPlatform.pl031Address, size: 0x1000),
        Region(name: .gpio, start: VirtPlatform.gpioAddress, size: 0x1000),
        Region(
            name: .virtioMMIO, start: VirtPlatform.virtioMMIOAddress,
            size: UInt64(VirtPlatform.virtioMMIOWindows) * VirtPlatform.virtioMMIOStride),
        Region(name: .pciWindow, start: VirtPlatform.pciWindowAddress, size: VirtPlatform.pciWindowSize),
        Region(name: .pciPorts, start: VirtPlatform.pciPortsAddress, size: VirtPlatform.pciPortsSize),
        Region(name: .pciECAM, start: VirtPlatform.pciECAMAddress, size: VirtPlatform.pciECAMSize),
        Region(
            name: .pciHighWindow, start: VirtPlatform.pciHighWindowAddress, size: VirtPlatform.pciHighWindowSize),
    ]

    /// As many redistributors as fit below the UART.
    package static let maximumCPUs: UInt64 = 123
    package static let minimumMemory: UInt64 = 2 << 20
    /// QEMU puts its high PCI windows behind it.
    package static let maximumMemory: UInt64 = 255 << 30

    /// Behind RAM, in here.
    package static let persistentMemoryRoom = VirtPlatform.ramAddress..<VirtPlatform.pciHighWindowAddress

    /// The RAM of a machine with `size` bytes.
    package static func ramRanges(_ size: UInt64) throws(BootImageError) -> [GuestRange] {
        guard size > 0 else { throw .badMemorySize(.zero) }
        guard size.isMultiple(of: PageAlignment.size) else { throw .badMemorySize(.notPageSized(size)) }
        guard size >= minimumMemory else { throw .badMemorySize(.tooSmall(size, minimum: minimumMemory)) }
        guard size <= maximumMemory, let ram = GuestRange(start: GuestAddress(VirtPlatform.ramAddress), size: size)
        else { throw .badMemorySize(.tooLarge(size, maximum: maximumMemory)) }
        return [ram]
    }
}
