/// Where the `pc` machine's devices are: facts that swvmm and its unikernel must agree on.
package enum PCPlatform {
    /// POST diagnostic code port.
    package static let postPort: UInt16 = 0x80
    /// i8042 data port.
    package static let i8042DataPort: UInt16 = 0x60
    /// i8042 command port; the command `resetCommand` pulses the reset line.
    package static let i8042CommandPort: UInt16 = 0x64
    package static let i8042ResetCommand: UInt8 = 0xFE
    /// MC146818 real-time clock: index at 0x70, data at 0x71.
    package static let rtcPort: UInt16 = 0x70
    package static let rtcIRQ: UInt32 = 8
    /// The RTC's RAM location with the century.
    package static let rtcCenturyRegister: UInt8 = 0x32
    package static let pitPort: UInt16 = 0x40
    /// Port B: gate and output of the PIT's counter 2.
    package static let systemControlPort: UInt16 = 0x61
    package static let firstPICPort: UInt16 = 0x20
    package static let secondPICPort: UInt16 = 0xA0
    /// ELCR1 and ELCR2.
    package static let triggerPort: UInt16 = 0x4D0
    /// Debug console: each byte written is printed; reads give 0xE9.
    package static let debugConsolePort: UInt16 = 0xE9
    /// Debug exit: a write of `v` ends the machine with the code `(v << 1) | 1`, as QEMU's isa-debug-exit does.
    package static let debugExitPort: UInt16 = 0xF4
    /// bvmconsole: signature 0x6276 on a 2-byte IN, characters by 4-byte IN and OUT. Source: bhyve, consport.c.
    package static let bvmConsolePort: UInt16 = 0x220
    /// bvmdebug: the same with signature 0x4256, over a TCP stream. Source: bhyve, dbgport.c.
    package static let bvmDebugPort: UInt16 = 0x224
    /// 16550 UART.
    package static let com1Port: UInt16 = 0x3F8
    package static let com1IRQ: UInt32 = 4
    /// pvpanic: a write of bit 0 says that the guest panicked. Source: QEMU docs/specs/pvpanic.
    package static let panicPort: UInt16 = 0x505
    /// ACPI PM1a event block at +0, PM1a control at +4.
    package static let acpiPMPort: UInt16 = 0x600
    /// SLP_TYPx of the S5 (soft off) state, bits 12:10 of PM1 control.
    package static let acpiS5SleepType: UInt16 = 5
    /// Input of the I/O APIC and the 8259s that the ACPI system control interrupt arrives at.
    package static let acpiSCI: UInt32 = 9
    /// Reset Control Register of the PIIX and ICH chip sets.
    package static let resetControlPort: UInt16 = 0xCF9
    package static let ioAPICAddress: UInt64 = 0xFEC0_0000
    package static let localAPICAddress: UInt64 = 0xFEE0_0000

    /// 32 virtio-mmio windows; window n is at input `virtioMMIOFirstInput` + n % `virtioMMIOInputs` of the I/O APIC: level-triggered,
    /// active high.
    package static let virtioMMIOAddress: UInt64 = 0xFEB0_0000
    package static let virtioMMIOStride: UInt64 = 0x200
    package static let virtioMMIOWindows = 32
    /// The inputs behind those of the ISA bus.
    package static let virtioMMIOFirstInput: UInt32 = 16
    package static let virtioMMIOInputs: UInt32 = 8

    /// PCI configuration by ports: the address, and its data at `pciDataPort`.
    package static let pciAddressPort: UInt16 = 0xCF8
    package static let pciDataPort: UInt16 = 0xCFC
    /// The configuration space of 256 buses, 4 KiB a function.
    package static let pciECAMAddress: UInt64 = 0xE000_0000
    package static let pciECAMSize: UInt64 = 0x1000_0000
    /// For 32-bit memory BARs: 512 MiB hold those of every device swvmm has, with a large one to spare.
    package static let pciWindowAddress: UInt64 = 0xC000_0000
    package static let pciWindowSize: UInt64 = 0x2000_0000
    /// INTA of slot s is at input `pciFirstInput` + s % 4 of the I/O APIC, level-triggered, active high; INTB at the next, and so on.
    package static let pciFirstInput: UInt32 = 16
}

/// The two console protocols of bhyve, on ports (x86) and in a page of memory (Arm).
package enum BVMConsoleProtocol {
    /// "bv", what a 16-bit read of the console gives.
    package static let consoleSignature: UInt16 = 0x6276
    /// "BV", what a 16-bit read of the debug port gives.
    package static let debugSignature: UInt16 = 0x4256
    /// What a 32-bit read gives while no character is there.
    package static let noCharacter: UInt32 = 0xFFFF_FFFF
}
