import CSupport

/// A 16550 UART at COM1. Source: TI PC16550D datasheet, §8.
final class UART16550: ConsoleDevice {
    private enum Register {
        /// Receive buffer and transmit holding register.
        static var data: UInt16 { PCPlatform.com1Port }
        static var interruptEnable: UInt16 { PCPlatform.com1Port + 1 }
        static var fifoControl: UInt16 { PCPlatform.com1Port + 2 }
        static var lineControl: UInt16 { PCPlatform.com1Port + 3 }
        static var modemControl: UInt16 { PCPlatform.com1Port + 4 }
        static var lineStatus: UInt16 { PCPlatform.com1Port + 5 }
    }

    /// Line status: data ready, transmit holding register (with FIFO: the FIFO) empty.
    private static var dataReady: UInt8 { 1 }
    private static var transmitEmpty: UInt8 { 1 << 5 }
    /// What may be written when the FIFO is empty.
    private static var fifoSize: Int { 16 }

    override var name: StaticString { "16550 at 0x3f8" }
    override var interruptsOnInput: Bool { true }

    override init() {
        super.init()
        out8(Register.interruptEnable, 0)
        // 8 bits, no parity; the line's speed means nothing to a virtual machine.
        out8(Register.lineControl, 3)
        // FIFO on, cleared, interrupt at the first byte.
        out8(Register.fifoControl, 7)
        // DTR, RTS, and OUT2, which lets the interrupt through.
        out8(Register.modemControl, 0b1011)
    }

    override func write(_ bytes: Span<UInt8>) {
        var room = 0
        for index in bytes.indices {
            if room == 0 {
                while in8(Register.lineStatus) & Self.transmitEmpty == 0 { CPU.relax() }
                room = Self.fifoSize
            }
            out8(Register.data, bytes[index])
            room -= 1
        }
    }

    override func read() -> UInt8? {
        in8(Register.lineStatus) & Self.dataReady != 0 ? in8(Register.data) : nil
    }

    override func enableInterrupt() {
        IOAPIC.route(pin: PCPlatform.com1IRQ, vector: Vector.of(.console))
        out8(Register.interruptEnable, 1)
    }
}
