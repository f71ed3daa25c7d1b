/// Where the arm64 `virt` machine's devices are: QEMU `virt`'s addresses, plus bvmconsole's page.
package enum VirtPlatform {
    /// bvmconsole's page (bhyvearm64): 16-bit read the signature, 32-bit read and write characters.
    package static let bvmConsoleAddress: UInt64 = 0x0009_0000
    /// pvpanic's page: a write of bit 0 says that the guest panicked. Present when no flash is.
    package static let panicAddress: UInt64 = 0x0009_1000
    package static let gicDistributorAddress: UInt64 = 0x0800_0000
    /// The interrupt translation service: a control frame and a translation frame of 64 KiB each.
    package static let gicITSAddress: UInt64 = 0x0808_0000
    package static let gicITSSize: UInt64 = 0x2_0000
    /// GITS_TRANSLATER: where devices write their message-signalled interrupts.
    package static let gicTranslaterAddress: UInt64 = gicITSAddress + 0x1_0040
    /// Two 64 KiB frames a CPU: RD_base and SGI_base.
    package static let gicRedistributorAddress: UInt64 = 0x080A_0000
    package static let gicRedistributorStride: UInt64 = 0x2_0000
    package static let pl011Address: UInt64 = 0x0900_0000
    /// SPI 1 is INTID 33.
    package static let pl011SPI: UInt32 = 1
    package static let pl031Address: UInt64 = 0x0901_0000
    package static let pl031SPI: UInt32 = 2
    /// PL061, whose pin 3 is the power key.
    package static let gpioAddress: UInt64 = 0x0903_0000
    package static let gpioSPI: UInt32 = 7
    package static let powerKeyPin: UInt32 = 3
    /// 32 windows; window n has SPI `virtioMMIOFirstSPI` + n.
    package static let virtioMMIOAddress: UInt64 = 0x0A00_0000
    package static let virtioMMIOStride: UInt64 = 0x200
    package static let virtioMMIOWindows = 32
    package static let virtioMMIOFirstSPI: UInt32 = 16
    /// For 32-bit memory BARs.
    package static let pciWindowAddress: UInt64 = 0x1000_0000
    package static let pciWindowSize: UInt64 = 0x2EFF_0000
    package static let pciPortsAddress: UInt64 = 0x3EFF_0000
    package static let pciPortsSize: UInt64 = 0x1_0000
    /// The configuration space of 16 buses, 4 KiB a function.
    package static let pciECAMAddress: UInt64 = 0x3F00_0000
    package static let pciECAMSize: UInt64 = 0x0100_0000
    /// For 64-bit memory BARs, behind all RAM.
    package static let pciHighWindowAddress: UInt64 = 0x80_0000_0000
    package static let pciHighWindowSize: UInt64 = 0x80_0000_0000
    /// INTA of slot s is SPI `pciFirstSPI` + s % 4; INTB the next, and so on.
    package static let pciFirstSPI: UInt32 = 3
    package static let ramAddress: UInt64 = 0x4000_0000
    /// Generic timer interrupts, as PPI numbers (INTID less 16).
    package static let securePhysicalTimerPPI: UInt32 = 13
    package static let physicalTimerPPI: UInt32 = 14
    package static let virtualTimerPPI: UInt32 = 11
    package static let hypervisorTimerPPI: UInt32 = 10
    package static let hypervisorVirtualTimerPPI: UInt32 = 12
    /// Performance monitors.
    package static let monitorsPPI: UInt32 = 7
    /// The GIC's own, for hypervisors.
    package static let maintenancePPI: UInt32 = 9
    /// Guest physical addresses of the whole map have so many bits.
    package static let addressBits = 40

    /// A CPU's affinity, MPIDR_EL1's fields: 16 CPUs a cluster, as GICv3's SGIs reach with one target list.
    package static func affinity(ofCPU index: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: index >> 4 & 0xFF) << 8 | UInt32(truncatingIfNeeded: index & 15)
    }
}
