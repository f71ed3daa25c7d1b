import ConsoleDevices
import Testing
import VMMCore
import VMMTestSupport

@Suite struct UART16550SoakTests {
    typealias Offset = UARTFixture.Offset

    @Test("random accesses of all offsets, widths and values: no trap, and IIR agrees with the line", arguments: 1...8)
    func soak(_ seed: UInt64) {
        let fixture = UARTFixture()
        var random = SeededGenerator(seed: seed)
        for _ in 0..<4000 {
            let offset =
                random.next() % 16 == 0 ? UInt16.random(in: 0 ... .max, using: &random) : UInt16(random.next() % 8)
            let width = AccessWidth.allCases[Int(random.next() % 4)]
            switch random.next() % 8 {
            case 0...3: fixture.uart.write(UInt32(truncatingIfNeeded: random.next()), at: offset, width: width)
            case 4, 5: _ = fixture.uart.read(at: offset, width: width)
            case 6: fixture.channel.feed((0..<Int(random.next() % 20)).map { UInt8($0) })
            default: fixture.uart.sendBreak()
            }
            checkInvariants(fixture)
            fixture.channel.clearOutput()
        }
    }

    private func checkInvariants(_ fixture: UARTFixture) {
        let asserted = fixture.line.isAsserted
        let mcr = fixture.mcr
        let iir = fixture.iir
        let gateIsOpen = mcr & 0x18 == 0x08
        #expect(asserted == (gateIsOpen && iir & 1 == 0))
        #expect([0x00, 0xC0].contains(iir & 0xF0))
        #expect([0x01, 0x06, 0x04, 0x0C, 0x02, 0x00].contains(iir & 0x0F))
        #expect(mcr & 0xE0 == 0)
        #expect(fixture.lsr & 0x6C == 0x60)
    }
}
