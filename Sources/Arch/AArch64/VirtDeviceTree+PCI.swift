internal import FlattenedDeviceTree
internal import GuestABI

/// The PCI host bridge of a `virt` machine.
///
/// Source: Linux bindings/pci/host-generic-pci.yaml; IEEE 1275 PCI bus binding 2.1 §2.2.1 (addresses), Devicetree 0.4 §2.4.3
/// (interrupt maps); QEMU hw/arm/virt.c, create_pcie, for the conventions.
extension VirtDeviceTree {
    /// The first cell of a PCI address: the space, and with it a function.
    private enum Space {
        static let ports: UInt32 = 0x0100_0000
        static let memory32: UInt32 = 0x0200_0000
        static let memory64: UInt32 = 0x0300_0000
        /// Bits of the slot that decide on the interrupt: four slots, then it is the same again.
        static let slotMask: UInt32 = 0x1800
        static let slotShift: UInt32 = 11
    }

    private static let pinCount: UInt32 = 4

    var pciHost: DeviceTreeNode {
        let buses = UInt32(VirtPlatform.pciECAMSize >> 20)
        var properties: [DeviceTreeProperty] = [
            .init("compatible", strings: "pci-host-ecam-generic"), .init("device_type", strings: "pci"),
            .init("#address-cells", cells: 3), .init("#size-cells", cells: 2), .init("linux,pci-domain", cells: 0),
            .init("bus-range", cells: 0, buses - 1),
            .init("reg", pairs: [VirtPlatform.pciECAMAddress, VirtPlatform.pciECAMSize]), .init("dma-coherent"),
            .init("ranges", cells: pciRanges), .init("#interrupt-cells", cells: 1),
            .init("interrupt-map-mask", cells: Space.slotMask, 0, 0, 7),
            .init("interrupt-map", cells: Self.pciInterruptMap),
        ]
        // A requester ID is the DeviceID that the ITS knows.
        if hasITS { properties.append(.init("msi-map", cells: 0, Handle.its, 0, 0x1_0000)) }
        return DeviceTreeNode(Self.name("pcie", VirtPlatform.pciWindowAddress), properties)
    }

    /// Each: a PCI address, the CPU's, a size. Ports begin at 0 on their bus.
    private var pciRanges: [UInt32] {
        var ranges: [(UInt32, UInt64, UInt64, UInt64)] = [
            (Space.ports, 0, VirtPlatform.pciPortsAddress, VirtPlatform.pciPortsSize),
            (
                Space.memory32, VirtPlatform.pciWindowAddress, VirtPlatform.pciWindowAddress,
                VirtPlatform.pciWindowSize
            ),
        ]
        if hasHighPCIWindow {
            ranges.append(
                (
                    Space.memory64, VirtPlatform.pciHighWindowAddress, VirtPlatform.pciHighWindowAddress,
                    VirtPlatform.pciHighWindowSize
                ))
        }
        return ranges.flatMap { space, bus, cpu, size in
            [space] + [bus, cpu, size].flatMap { [UInt32($0 >> 32), UInt32(truncatingIfNeeded: $0)] }
        }
    }

    /// Each: a slot's address, a pin from 1 on, the interrupt controller with a unit address of two cells, its interrupt.
    private static var pciInterruptMap: [UInt32] {
        (0..<pinCount).flatMap { slot in
            (0..<pinCount).flatMap { pin -> [UInt32] in
                let interrupt = VirtPlatform.pciFirstSPI + (slot + pin) % pinCount
                let source = [slot << Space.slotShift, 0, 0, pin + 1]
                return source + [Handle.interruptController, 0, 0, Interrupt.spi, interrupt, Interrupt.levelHigh]
            }
        }
    }
}
