import CSupport

/// The ways to end or restart a PC.
enum Power {
    /// QEMU microvm's sleep control register.
    static var sleepControlAddress: UInt64 { 0xFEA0_0200 }

    /// ACPI: S5 by PM1a_CNT; then what QEMU's microvm has (the sleep control register of ACPI 6.4 §4.8.3.7); then a reset.
    static func off() -> Never {
        _ = CPU.disableInterrupts()
        // SLP_TYP in bits 12:10, SLP_EN bit 13.
        out16(PCPlatform.acpiPMPort + 4, PCPlatform.acpiS5SleepType << 10 | 1 << 13)
        // Hardware-reduced ACPI: SLP_TYP in bits 4:2, SLP_EN bit 5.
        store8(sleepControlAddress, UInt8(PCPlatform.acpiS5SleepType) << 2 | 1 << 5)
        restart()
    }

    /// The i8042's reset line, then a triple fault: an interrupt with an empty IDT.
    static func restart() -> Never {
        _ = CPU.disableInterrupts()
        out8(PCPlatform.i8042CommandPort, PCPlatform.i8042ResetCommand)
        let pointer = Heap.allocatePages(order: 0)
        store64(pointer, 0)
        store64(pointer + 8, 0)
        load_idt(pointer)
        trigger_invalid_opcode()
        CPU.haltForever()
    }
}
