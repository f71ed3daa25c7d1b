import ConsoleDevices
import Testing
import VMMCore
import VMMTestSupport

@Suite struct PL011Tests {
    typealias Offset = PL011Fixture.Offset
    let fixture = PL011Fixture()

    // MARK: Registers

    @Test(
        "§3.2: reset values, writable bits",
        arguments: [
            (0x000, 0, 0), (0x004, 0, 0), (0x008, 0, 0), (0x014, 0, 0), (0x018, 0x97, 0x97), (0x020, 0, 0xFF),
            (0x024, 0, 0xFFFF), (0x028, 0, 0x3F), (0x02C, 0, 0xFF), (0x030, 0x300, 0xFF87), (0x034, 0x12, 0x3F),
            (0x038, 0, 0x7FF), (0x044, 0, 0), (0x048, 0, 7), (0x04C, 0, 0), (0xFDC, 0, 0),
            (0xFE0, 0x11, 0x11), (0xFE4, 0x10, 0x10), (0xFE8, 0x34, 0x34), (0xFEC, 0, 0), (0xFF0, 0x0D, 0x0D),
            (0xFF4, 0xF0, 0xF0), (0xFF8, 0x05, 0x05), (0xFFC, 0xB1, 0xB1),
        ] as [(UInt64, UInt64, UInt64)])
    func registers(_ offset: UInt64, _ reset: UInt64, _ allOnes: UInt64) {
        #expect(fixture.uart.windowSize == 0x1000)
        #expect(fixture.read(offset) == reset)
        fixture.write(0xFFFF_FFFF, offset)
        #expect(fixture.read(offset) == allOnes)
    }

    @Test("accesses of 8, 16 and 32 bits are taken; of 64 bits, and between registers, not")
    func widths() {
        fixture.uart.write(0x1234, at: 0x024, width: .halfword)
        #expect(fixture.uart.read(at: 0x024, width: .halfword) == 0x1234)
        #expect(fixture.uart.read(at: 0x024, width: .byte) == 0x34)
        #expect(fixture.uart.read(at: 0x024, width: .doubleword) == 0)
        #expect(fixture.uart.read(at: 0x025, width: .byte) == 0)
        fixture.uart.write(0x41, at: Offset.dr, width: .byte)
        fixture.uart.write(0x42, at: Offset.dr, width: .halfword)
        fixture.uart.write(0x43, at: Offset.dr, width: .word)
        fixture.uart.write(0x44, at: Offset.dr, width: .doubleword)
        fixture.uart.write(0x45, at: 0x001, width: .byte)
        #expect(fixture.channel.outputText == "ABC")
    }

    // MARK: Transmission

    @Test("a program that only writes to UARTDR is heard, as on QEMU's virt")
    func bareTransmit() {
        for byte in "hello".utf8 { fixture.write(UInt64(byte), Offset.dr) }
        #expect(fixture.channel.outputText == "hello")
        #expect(fixture.fr & 0xA8 == 0x80)
    }

    @Test("§3.3.11 transmit interrupt: not before something was sent, then until ICR")
    func transmitInterrupt() {
        fixture.start(imsc: PL011Fixture.tx)
        #expect(!fixture.line.isAsserted)
        fixture.write(0x41, Offset.dr)
        #expect(fixture.line.isAsserted && fixture.read(Offset.mis) == PL011Fixture.tx)
        fixture.write(PL011Fixture.tx, Offset.icr)
        #expect(!fixture.line.isAsserted && fixture.ris == 0)
    }

    // MARK: Reception

    @Test(
        "§3.3.9: the receive interrupt at the trigger level, the timeout below it",
        arguments: [(0, 4), (1, 8), (2, 16), (3, 24), (4, 28)] as [(UInt64, Int)])
    func trigger(_ select: UInt64, _ level: Int) {
        fixture.start(imsc: PL011Fixture.rx, ifls: select << 3)
        fixture.channel.feed(repeatElement(UInt8(0x61), count: level - 1))
        #expect(!fixture.line.isAsserted && fixture.ris & PL011Fixture.rt != 0)
        fixture.channel.feed("b")
        #expect(fixture.line.isAsserted && fixture.ris & PL011Fixture.rx != 0)
        _ = fixture.dr
        #expect(!fixture.line.isAsserted)
        #expect(fixture.readAll().count == level - 1)
        #expect(fixture.ris & (PL011Fixture.rx | PL011Fixture.rt) == 0)
    }

    @Test("§2.8.5 receive timeout: a single character interrupts, until the FIFO is empty or ICR")
    func timeout() {
        fixture.start()
        fixture.channel.feed("ab")
        #expect(fixture.line.isAsserted && fixture.read(Offset.mis) == PL011Fixture.rt)
        #expect(fixture.dr == 0x61)
        #expect(fixture.line.isAsserted)
        #expect(fixture.dr == 0x62)
        #expect(!fixture.line.isAsserted && fixture.rxfe)
        fixture.channel.feed("c")
        fixture.write(PL011Fixture.rt, Offset.icr)
        #expect(!fixture.line.isAsserted && !fixture.rxfe)
        // The next character lets the timeout come again.
        fixture.channel.feed("d")
        #expect(fixture.line.isAsserted && fixture.readAll() == Array("cd".utf8))
    }

    @Test("without FIFOs one character is held, and each one interrupts")
    func characterMode() {
        fixture.write(0x301, PL011Fixture.Offset.cr)
        fixture.write(PL011Fixture.rx, Offset.imsc)
        fixture.channel.feed("abc")
        #expect(fixture.channel.pendingInput.count == 2)
        #expect(fixture.fr & 1 << 6 != 0 && fixture.line.isAsserted)
        #expect([fixture.dr, fixture.dr, fixture.dr] == [0x61, 0x62, 0x63])
        #expect(!fixture.line.isAsserted)
    }

    @Test("input past the FIFO stays in the channel, and follows in order as the guest reads")
    func backpressure() {
        fixture.start()
        let bytes = (0..<100).map { UInt8($0) }
        fixture.channel.feed(bytes)
        #expect(fixture.channel.pendingInput.count == 68)
        #expect(fixture.readAll() == bytes)
        #expect(fixture.ris & PL011Fixture.oe == 0)
    }

    @Test("a driver that prints while it boots, clears and empties the chip loses no typed character")
    func setUpLosesNothing() {
        fixture.channel.feed("uptime")
        for byte in "boot".utf8 {
            while fixture.fr & 1 << 5 != 0 {}
            fixture.write(UInt64(byte), Offset.dr)
            while fixture.fr & 1 << 3 != 0 {}
        }
        fixture.start(imsc: 0)
        #expect(fixture.channel.pendingInput.count == 6)
        fixture.start()
        #expect(fixture.line.isAsserted && fixture.readAll() == Array("uptime".utf8))
    }

    @Test("typed before the driver is there: Linux's set-up, which empties the FIFO in its middle, throws nothing away")
    func earlyInput() {
        let fixture = PL011Fixture()
        fixture.channel.feed("uname -a\n")
        // As pl011_hwinit, then pl011_startup and pl011_enable_interrupts of Linux 6.12.
        fixture.write(0x50, PL011Fixture.Offset.icr)
        fixture.write(0x50, PL011Fixture.Offset.imsc)
        #expect(!fixture.line.isAsserted)
        fixture.start()
        #expect(fixture.line.isAsserted)
        #expect(String(decoding: fixture.readAll(), as: UTF8.self) == "uname -a\n")
    }

    @Test(
        "interrupts enabled before the UART, or without it, bring input when the set-up time has passed",
        arguments: [true, false])
    func interruptsFirst(enables: Bool) {
        let fixture = PL011Fixture()
        fixture.channel.feed("x")
        fixture.write(0x50, PL011Fixture.Offset.imsc)
        if enables { fixture.write(0x301, PL011Fixture.Offset.cr) }
        #expect(fixture.rxfe && !fixture.line.isAsserted)
        #expect(fixture.deadline.take(at: fixture.clock.now + PL011.setUpTime))
        fixture.uart.deadlinePassed()
        #expect(fixture.line.isAsserted)
        #expect(fixture.readAll() == [UInt8(ascii: "x")])
    }

    @Test("a guest that polls UARTFR without interrupts gets its input", arguments: [0x00, 0x10] as [UInt64])
    func polling(_ lcr: UInt64) {
        fixture.write(lcr, Offset.lcr)
        fixture.channel.feed("polled")
        var received: [UInt8] = []
        for _ in 0..<100 where !fixture.rxfe { received.append(UInt8(truncatingIfNeeded: fixture.dr)) }
        #expect(String(decoding: received, as: UTF8.self) == "polled")
        #expect(fixture.line.calls == 0)
    }

    @Test("a driver that masks, clears, reads and unmasks is interrupted for each burst")
    func maskingDriver() {
        fixture.start(ifls: 0)
        for burst in ["a", "bcdefgh", "i", String(repeating: "j", count: 50)] {
            fixture.channel.feed(burst)
            #expect(fixture.line.isAsserted)
            fixture.write(0, Offset.imsc)
            fixture.write(PL011Fixture.rx | PL011Fixture.rt, Offset.icr)
            #expect(!fixture.line.isAsserted)
            var text = fixture.readAll()
            fixture.write(PL011Fixture.rx | PL011Fixture.rt, Offset.imsc)
            text += fixture.readAll()
            #expect(String(decoding: text, as: UTF8.self) == burst)
        }
    }

    @Test("§3.3.1, §3.3.2: a break comes with BE in DR and RSR, and interrupts")
    func breakCondition() {
        fixture.start(imsc: PL011Fixture.be)
        fixture.uart.sendBreak()
        #expect(fixture.line.isAsserted)
        #expect(fixture.dr == 0x400)
        #expect(fixture.read(Offset.rsr) == 0x4)
        fixture.write(0, Offset.ecr)
        #expect(fixture.read(Offset.rsr) == 0)
        fixture.write(PL011Fixture.be, Offset.icr)
        #expect(!fixture.line.isAsserted)
    }

    // MARK: Loopback

    @Test("CR.LBE: what is transmitted is received, and nothing goes out or comes in")
    func loopback() {
        fixture.start()
        fixture.write(0x381, Offset.cr)
        fixture.channel.feed("x")
        for byte in "loop".utf8 { fixture.write(UInt64(byte), Offset.dr) }
        #expect(fixture.readAll() == Array("loop".utf8))
        #expect(fixture.channel.output.isEmpty)
        fixture.write(0x301, Offset.cr)
        #expect(fixture.readAll() == Array("x".utf8))
    }

    @Test("§3.3.1 overrun: a character too many is lost, told by its interrupt and with the next one that fits")
    func overrun() {
        fixture.start(imsc: PL011Fixture.oe)
        fixture.write(0x381, Offset.cr)
        for byte in UInt64(0)..<33 { fixture.write(byte, Offset.dr) }
        #expect(fixture.line.isAsserted)
        fixture.write(PL011Fixture.oe, Offset.icr)
        #expect(fixture.readAll() == Array(0..<32))
        fixture.write(0x55, Offset.dr)
        #expect(fixture.dr == 0x855)
        #expect(fixture.read(Offset.rsr) == 0x8)
        fixture.write(0x56, Offset.dr)
        #expect(fixture.dr == 0x56)
    }

    @Test("CR.LBE: modem outputs come back as inputs, and a change interrupts")
    func modemLoopback() {
        fixture.start(imsc: 0xF)
        #expect(!fixture.line.isAsserted && fixture.fr & 0x107 == 0x007)
        fixture.write(0x381, Offset.cr)
        #expect(fixture.fr & 0x107 == 0 && fixture.ris & 0xF == 0xE)
        fixture.write(0xF, Offset.icr)
        fixture.write(0x381 | 1 << 13 | 1 << 11, Offset.cr)
        #expect(fixture.fr & 0x107 == 0x101 && fixture.ris & 0xF == 0x3)
        #expect(fixture.line.isAsserted)
    }

    // MARK: Soak

    @Test("random accesses of all offsets, widths and values: no trap, and MIS agrees with the line", arguments: 1...6)
    func soak(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<4000 {
            let offset =
                random.next() % 16 == 0
                ? random.next() : [0x00, 0x04, 0x18, 0x2C, 0x30, 0x34, 0x38, 0x44, 0x00][Int(random.next() % 9)]
            let width = AccessWidth.allCases[Int(random.next() % 4)]
            switch random.next() % 8 {
            case 0...3: fixture.uart.write(random.next() & width.mask, at: offset, width: width)
            case 4, 5: _ = fixture.uart.read(at: offset, width: width)
            case 6: fixture.channel.feed((0..<Int(random.next() % 20)).map { UInt8($0) })
            default: fixture.uart.sendBreak()
            }
            #expect(fixture.line.isAsserted == (fixture.read(Offset.mis) != 0))
            #expect(fixture.read(Offset.mis) == fixture.ris & fixture.read(Offset.imsc))
            #expect(fixture.fr & ~0x1D7 == 0)
            fixture.channel.clearOutput()
        }
    }
}
