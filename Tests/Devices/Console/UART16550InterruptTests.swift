import ConsoleDevices
import Testing
import VMMCore
import VMMTestSupport

@Suite struct UART16550InterruptTests {
    typealias Offset = UARTFixture.Offset
    let fixture = UARTFixture()

    @Test("table IV: received data is raised by a character, identified, and cleared by reading RBR")
    func receivedData() {
        fixture.start(fcr: 0x00)
        fixture.channel.feed("a")
        #expect(fixture.line.isAsserted)
        #expect(fixture.iir == 0x04)
        #expect(fixture.line.isAsserted)
        #expect(fixture.rbr == 0x61)
        #expect(!fixture.line.isAsserted)
        #expect(fixture.iir == 0x01)
    }

    @Test(
        "§8.10: received data at the trigger level, a timeout below it",
        arguments: [(0x01, 1), (0x41, 4), (0x81, 8), (0xC1, 14)] as [(UInt8, Int)])
    func triggerLevel(_ fcr: UInt8, _ level: Int) {
        fixture.start(fcr: fcr)
        for count in 1...16 {
            fixture.channel.feed([UInt8(count)])
            #expect(fixture.iir == (count >= level ? 0xC4 : 0xCC), "\(count) characters")
            #expect(fixture.line.isAsserted)
        }
        for left in (0..<16).reversed() {
            #expect(fixture.rbr == UInt8(16 - left))
            #expect(fixture.iir == (left >= level ? 0xC4 : left > 0 ? 0xCC : 0xC1), "\(left) left")
        }
        #expect(!fixture.line.isAsserted)
    }

    @Test(
        "a driver that reads one character an interrupt sees an edge for each, in both modes", arguments: [0x00, 0xC1])
    func edgePerCharacter(_ fcr: UInt8) {
        fixture.start(fcr: fcr)
        fixture.channel.feed("pasted")
        var text: [UInt8] = []
        var edges = 0
        while fixture.line.risingEdges > edges {
            edges = fixture.line.risingEdges
            text.append(fixture.rbr)
        }
        #expect(String(decoding: text, as: UTF8.self) == "pasted")
        #expect(!fixture.line.isAsserted)
    }

    @Test("table IV: THR empty is raised by enabling it, cleared by reading IIR, raised again by a character sent")
    func thrEmpty() {
        fixture.start(ier: 0x00)
        fixture.write(0x02, Offset.ier)
        #expect(fixture.line.isAsserted)
        #expect(fixture.iir == 0xC2)
        #expect(!fixture.line.isAsserted)
        #expect(fixture.iir == 0xC1)
        fixture.write(0x41, Offset.thr)
        #expect(fixture.line.isAsserted)
        let edges = fixture.line.risingEdges
        fixture.write(0x42, Offset.thr)
        #expect(fixture.line.risingEdges == edges + 1)
        // Linux's THRE test: off and on again raises it again.
        #expect(fixture.iir == 0xC2)
        fixture.write(0x00, Offset.ier)
        fixture.write(0x02, Offset.ier)
        #expect(fixture.iir == 0xC2)
    }

    @Test("table IV: IIR clears THR empty only when that is what it told")
    func thrEmptyBehindReceivedData() {
        fixture.start(ier: 0x03)
        fixture.channel.feed("a")
        #expect(fixture.iir == 0xC4)
        #expect(fixture.rbr == 0x61)
        #expect(fixture.iir == 0xC2)
        #expect(fixture.iir == 0xC1)
    }

    @Test("table IV: modem status is raised by a change and cleared by reading MSR")
    func modemStatus() {
        fixture.start(ier: 0x08)
        fixture.write(0x18, Offset.mcr)
        fixture.write(0x08, Offset.mcr)
        #expect(fixture.line.isAsserted)
        #expect(fixture.iir == 0xC0)
        // CTS and DSR came back; OUT2 had stood in for DCD.
        #expect(fixture.msr == 0xB3)
        #expect(!fixture.line.isAsserted)
        #expect(fixture.iir == 0xC1)
    }

    @Test("table IV: line status is raised by a break, comes first, and is cleared by reading LSR")
    func breakInterrupt() {
        fixture.start(ier: 0x05)
        fixture.channel.feed("a")
        fixture.uart.sendBreak()
        // The break is behind "a": it shows in LSR bit 7, and in BI when it comes to the top.
        #expect(fixture.iir == 0xC4)
        #expect(fixture.lsr == 0xE1)
        #expect(fixture.rbr == 0x61)
        #expect(fixture.line.isAsserted)
        #expect(fixture.iir == 0xC6)
        #expect(fixture.lsr == 0xF1)
        #expect(fixture.lsr == 0x61)
        #expect(fixture.iir == 0xC4)
        #expect(fixture.rbr == 0x00)
        #expect(!fixture.line.isAsserted)
    }

    @Test("§8.4: an overrun in FIFO mode keeps the 16 old characters, sets OE, and raises line status")
    func overrunInFIFOMode() {
        fixture.start(ier: 0x04)
        fixture.loopBack(0..<16)
        #expect(fixture.lsr & 0x02 == 0)
        fixture.loopBack([0xEE])
        #expect(fixture.iir == 0xC6)
        #expect(fixture.lsr & 0x02 == 0x02)
        #expect(fixture.lsr & 0x02 == 0)
        #expect(fixture.iir == 0xC1)
        for value in UInt8(0)..<16 { #expect(fixture.rbr == value) }
        #expect(fixture.lsr & 0x01 == 0)
    }

    @Test("§8.4: an overrun in character mode loses the old character")
    func overrunInCharacterMode() {
        fixture.loopBack([1, 2])
        #expect(fixture.lsr & 0x03 == 0x03)
        #expect(fixture.rbr == 2)
        #expect(fixture.lsr & 0x01 == 0)
    }

    @Test("§8.5: resetting the receiver FIFO, or turning FIFOs on or off, empties it", arguments: [0x03, 0x00])
    func fifoReset(_ fcr: UInt8) {
        fixture.write(0x01, Offset.fcr)
        fixture.loopBack([1, 2, 3])
        fixture.write(fcr, Offset.fcr)
        #expect(fixture.lsr == 0x60)
    }

    @Test("§8.5: FCR without bit 0 resets nothing in character mode, and a plain write keeps the FIFO")
    func fifoKept() {
        fixture.loopBack([1])
        fixture.write(0x06, Offset.fcr)
        #expect(fixture.rbr == 1)
        fixture.write(0x01, Offset.fcr)
        fixture.loopBack([2, 3])
        fixture.write(0xC1, Offset.fcr)
        #expect(fixture.rbr == 2)
    }

    @Test("PC/AT: OUT2 off, or loopback, keeps the interrupt off the bus; IIR tells it all the same")
    func out2Gate() {
        fixture.start(ier: 0x02)
        fixture.write(0x00, Offset.mcr)
        #expect(!fixture.line.isAsserted)
        fixture.write(0x08, Offset.mcr)
        #expect(fixture.line.isAsserted)
        fixture.write(0x18, Offset.mcr)
        #expect(!fixture.line.isAsserted)
        #expect(fixture.iir == 0xC2)
    }
}
