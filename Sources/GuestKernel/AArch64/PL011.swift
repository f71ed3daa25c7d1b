import CSupport

/// The PL011 UART. Source: Arm DDI 0183, §3.3.
final class PL011: ConsoleDevice {
    private enum Register {
        static var data: UInt64 { VirtPlatform.pl011Address }
        static var flags: UInt64 { VirtPlatform.pl011Address + 0x018 }
        static var lineControl: UInt64 { VirtPlatform.pl011Address + 0x02C }
        static var control: UInt64 { VirtPlatform.pl011Address + 0x030 }
        static var interruptFIFOLevel: UInt64 { VirtPlatform.pl011Address + 0x034 }
        static var interruptMask: UInt64 { VirtPlatform.pl011Address + 0x038 }
        static var interruptClear: UInt64 { VirtPlatform.pl011Address + 0x044 }
    }

    /// UARTFR: receive FIFO empty, transmit FIFO full, transmit FIFO empty.
    private static var receiveEmpty: UInt32 { 1 << 4 }
    private static var transmitEmpty: UInt32 { 1 << 7 }
    /// What may be written when the FIFO is empty.
    private static var fifoSize: Int { 16 }
    /// Receive and receive time-out.
    private static var receiveInterrupts: UInt32 { 1 << 4 | 1 << 6 }

    static var interrupt: UInt32 { 32 + VirtPlatform.pl011SPI }

    override var name: StaticString { "PL011 at 0x9000000" }
    override var interruptsOnInput: Bool { true }

    override init() {
        super.init()
        store32(Register.interruptMask, 0)
        // 8 bits, FIFO on; then UARTEN, TXE, RXE.
        store32(Register.lineControl, 3 << 5 | 1 << 4)
        store32(Register.control, 1 | 1 << 8 | 1 << 9)
    }

    override func write(_ bytes: Span<UInt8>) {
        var room = 0
        for index in bytes.indices {
            if room == 0 {
                while load32(Register.flags) & Self.transmitEmpty == 0 { CPU.relax() }
                room = Self.fifoSize
            }
            store32(Register.data, UInt32(bytes[index]))
            room -= 1
        }
    }

    /// Reads a byte; when there is none, lets the interrupt, masked by `acknowledge`, come again.
    override func read() -> UInt8? {
        if load32(Register.flags) & Self.receiveEmpty != 0 {
            store32(Register.interruptMask, Self.receiveInterrupts)
            // A byte that came before the interrupt was let through.
            if load32(Register.flags) & Self.receiveEmpty != 0 { return nil }
        }
        return UInt8(truncatingIfNeeded: load32(Register.data))
    }

    override func enableInterrupt() {
        // Interrupt at an eighth full; single bytes come by the time-out.
        store32(Register.interruptFIFOLevel, 0)
        GIC.enableShared(Self.interrupt)
        store32(Register.interruptMask, Self.receiveInterrupts)
    }

    /// Lowers the line until the reader has emptied the FIFO.
    static func acknowledge() {
        store32(Register.interruptMask, 0)
        store32(Register.interruptClear, receiveInterrupts)
    }
}
