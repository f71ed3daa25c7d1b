import ConsoleDevices
import VMMTestSupport

/// A UART with the test at both ends, and the register names of the data sheet.
struct UARTFixture {
    let channel = LoopbackChannel()
    let line = RecordingInterruptLine()
    let uart: UART16550

    init() { uart = UART16550(channel: channel, interrupt: line) }

    enum Offset {
        static let rbr: UInt16 = 0, thr: UInt16 = 0, dll: UInt16 = 0
        static let ier: UInt16 = 1, dlm: UInt16 = 1
        static let iir: UInt16 = 2, fcr: UInt16 = 2
        static let lcr: UInt16 = 3, mcr: UInt16 = 4, lsr: UInt16 = 5, msr: UInt16 = 6, scr: UInt16 = 7
    }

    var rbr: UInt8 { uart.readByte(at: Offset.rbr) }
    var ier: UInt8 { uart.readByte(at: Offset.ier) }
    var iir: UInt8 { uart.readByte(at: Offset.iir) }
    var lcr: UInt8 { uart.readByte(at: Offset.lcr) }
    var mcr: UInt8 { uart.readByte(at: Offset.mcr) }
    var lsr: UInt8 { uart.readByte(at: Offset.lsr) }
    var msr: UInt8 { uart.readByte(at: Offset.msr) }

    func write(_ value: UInt8, _ offset: UInt16) { uart.writeByte(value, at: offset) }

    /// FIFOs on with this trigger level (FCR bits 7:6), the interrupts of `ier` on, OUT2 on.
    func start(fcr: UInt8 = 0x01, ier: UInt8 = 0x01) {
        write(fcr, Offset.fcr)
        write(0x0B, Offset.mcr)
        write(ier, Offset.ier)
    }

    /// Puts characters into the receiver by loopback, where nothing else can arrive, and stays in loopback.
    func loopBack(_ bytes: some Sequence<UInt8>) {
        write(0x18, Offset.mcr)
        for byte in bytes { write(byte, Offset.thr) }
    }
}
