import ConsoleDevices
import VMMCore
import VMMTestSupport

/// A PL011 with the test at both ends, and the register names of the manual.
struct PL011Fixture {
    let channel = LoopbackChannel()
    let line = RecordingInterruptLine()
    let clock = ManualClock()
    let deadline = RecordingDeadline()
    let uart: PL011

    init() { uart = PL011(channel: channel, interrupt: line, clock: clock, scheduler: deadline) }

    enum Offset {
        static let dr: UInt64 = 0x000, rsr: UInt64 = 0x004, ecr: UInt64 = 0x004, fr: UInt64 = 0x018
        static let lcr: UInt64 = 0x02C, cr: UInt64 = 0x030, ifls: UInt64 = 0x034, imsc: UInt64 = 0x038
        static let ris: UInt64 = 0x03C, mis: UInt64 = 0x040, icr: UInt64 = 0x044
    }

    /// Interrupt bits.
    static let rx: UInt64 = 1 << 4, tx: UInt64 = 1 << 5, rt: UInt64 = 1 << 6, be: UInt64 = 1 << 9, oe: UInt64 = 1 << 10

    func read(_ offset: UInt64) -> UInt64 { uart.read(at: offset, width: .word) }
    func write(_ value: UInt64, _ offset: UInt64) { uart.write(value, at: offset, width: .word) }

    var dr: UInt64 { read(Offset.dr) }
    var fr: UInt64 { read(Offset.fr) }
    var ris: UInt64 { read(Offset.ris) }
    var rxfe: Bool { fr & 1 << 4 != 0 }

    /// As Linux sets the chip up: FIFOs on, reception interrupts cleared, the FIFO emptied, then the mask.
    func start(imsc: UInt64 = rx | rt, ifls: UInt64 = 0x12) {
        write(26, 0x024)
        write(3, 0x028)
        write(0x70, Offset.lcr)
        write(0x301, Offset.cr)
        write(ifls, Offset.ifls)
        write(0x50, Offset.icr)
        while !rxfe { _ = dr }
        write(imsc, Offset.imsc)
    }

    /// Reads until the FIFO is empty, as drivers do.
    func readAll() -> [UInt8] {
        var bytes: [UInt8] = []
        while !rxfe && bytes.count < 10_000 { bytes.append(UInt8(truncatingIfNeeded: dr)) }
        return bytes
    }
}
