import ConsoleDevices
import Testing
import VMMCore
import VMMTestSupport

@Suite struct UART16550RegisterTests {
    typealias Offset = UARTFixture.Offset
    let fixture = UARTFixture()

    @Test(
        "table III: the registers after master reset",
        arguments: [
            (Offset.ier, 0x00), (Offset.iir, 0x01), (Offset.lcr, 0x00), (Offset.mcr, 0x00),
            (Offset.lsr, 0x60), (Offset.msr, 0xB0),
        ] as [(UInt16, UInt8)])
    func reset(_ offset: UInt16, _ value: UInt8) {
        #expect(fixture.uart.portCount == 8)
        #expect(fixture.uart.readByte(at: offset) == value)
    }

    @Test(
        "table II: the bits that a write changes",
        arguments: [
            (Offset.ier, 0x0F), (Offset.lcr, 0x7F), (Offset.mcr, 0x1F), (Offset.scr, 0xFF),
        ] as [(UInt16, UInt8)])
    func writableMask(_ offset: UInt16, _ mask: UInt8) {
        for bit in 0..<8 where offset != Offset.lcr || bit != 7 {
            let fixture = UARTFixture()
            fixture.write(1 << bit, offset)
            #expect(fixture.uart.readByte(at: offset) == (1 << bit) & mask)
            fixture.write(0, offset)
            #expect(fixture.uart.readByte(at: offset) == 0)
        }
    }

    @Test("§8.4, §8.9: LSR and MSR ignore writes")
    func readOnly() {
        fixture.write(0xFF, Offset.lsr)
        fixture.write(0xFF, Offset.msr)
        #expect(fixture.lsr == 0x60)
        #expect(fixture.msr == 0xB0)
    }

    @Test("§8.1: DLAB opens the divisor latches in place of RBR, THR and IER")
    func divisorLatch() {
        fixture.write(0x0F, Offset.ier)
        fixture.write(0x80, Offset.lcr)
        fixture.write(0x34, Offset.dll)
        fixture.write(0x12, Offset.dlm)
        #expect(fixture.uart.readByte(at: Offset.dll) == 0x34)
        #expect(fixture.uart.readByte(at: Offset.dlm) == 0x12)
        #expect(fixture.channel.output.isEmpty)
        fixture.write(0x03, Offset.lcr)
        #expect(fixture.ier == 0x0F)
        #expect(fixture.lcr == 0x03)
    }

    @Test("§8.5: IIR bits 7:6 tell that the FIFOs are on")
    func fifoIdentification() {
        #expect(fixture.iir & 0xC0 == 0x00)
        fixture.write(0x01, Offset.fcr)
        #expect(fixture.iir == 0xC1)
        fixture.write(0xC0, Offset.fcr)
        #expect(fixture.iir == 0x01)
    }

    @Test("an access of 2 or 4 bytes is one byte access a port; ports behind the eighth read all ones")
    func wideAccess() {
        fixture.uart.write(0x0000_0B41, at: Offset.thr, width: .halfword)
        #expect(fixture.channel.outputText == "A")
        #expect(fixture.ier == 0x0B)
        fixture.uart.write(0x5A, at: Offset.scr, width: .word)
        #expect(fixture.uart.read(at: Offset.scr, width: .word) == 0xFFFF_FF5A)
        #expect(fixture.uart.read(at: 8, width: .byte) == 0xFF)
        #expect(fixture.uart.read(at: .max, width: .word) == 0xFFFF_FFFF)
    }

    @Test("a character written to THR is with the channel when the write returns, and THRE and TEMT stay set")
    func transmit() {
        for byte in "hello".utf8 {
            fixture.write(byte, Offset.thr)
            #expect(fixture.lsr & 0x60 == 0x60)
        }
        #expect(fixture.channel.outputText == "hello")
    }

    @Test("§8.8: loopback takes the transmitter off the line and connects the modem outputs to the inputs")
    func loopback() {
        for outputs in UInt8(0)...0x0F {
            fixture.write(0x10 | outputs, Offset.mcr)
            let bits = (0..<4).map { (outputs >> $0) & 1 }
            // RTS to CTS (4), DTR to DSR (5), OUT1 to RI (6), OUT2 to DCD (7).
            #expect(fixture.msr & 0xF0 == bits[1] << 4 | bits[0] << 5 | bits[2] << 6 | bits[3] << 7)
        }
        fixture.loopBack([0x55])
        #expect(fixture.channel.output.isEmpty)
        #expect(fixture.lsr & 0x01 == 0x01)
        #expect(fixture.rbr == 0x55)
        #expect(fixture.lsr & 0x01 == 0x00)
    }

    @Test("§8.9: MSR bits 3:0 tell what changed since the last read; RI counts when it ends")
    func modemDeltas() {
        fixture.write(0x10, Offset.mcr)
        // The peer's CTS, DSR and DCD went away.
        #expect(fixture.msr == 0x0B)
        #expect(fixture.msr == 0x00)
        fixture.write(0x14, Offset.mcr)
        #expect(fixture.msr == 0x40)
        fixture.write(0x10, Offset.mcr)
        #expect(fixture.msr == 0x04)
        fixture.write(0x00, Offset.mcr)
        #expect(fixture.msr == 0xBB)
    }

    @Test("Linux's 8250 probe: scratch, IER, loopback and FIFO tests find a 16550A")
    func autoconfiguration() {
        for pattern in [UInt8(0xAA), 0x55] {
            fixture.write(pattern, Offset.scr)
            #expect(fixture.uart.readByte(at: Offset.scr) == pattern)
        }
        fixture.write(0x0F, Offset.ier)
        #expect(fixture.ier & 0x0F == 0x0F)
        fixture.write(0x00, Offset.ier)
        #expect(fixture.ier & 0x0F == 0x00)
        // LOOP, OUT2 and RTS must show as DCD and CTS.
        fixture.write(0x1A, Offset.mcr)
        #expect(fixture.msr & 0xF0 == 0x90)
        fixture.write(0x00, Offset.mcr)
        fixture.write(0x01, Offset.fcr)
        #expect(fixture.iir >> 6 == 3)
    }
}
