import APICDevices
import Testing
import VMMCore
import VMMTestSupport

@Suite struct IOAPICTests {
    let output = RecordingLocalAPICs()
    let ioAPIC: IOAPIC

    init() { ioAPIC = IOAPIC(output: output) }

    func read(_ index: UInt64) -> UInt64 {
        ioAPIC.write(index, at: 0x00, width: .word)
        return ioAPIC.read(at: 0x10, width: .word)
    }

    func write(_ value: UInt64, _ index: UInt64) {
        ioAPIC.write(index, at: 0x00, width: .word)
        ioAPIC.write(value, at: 0x10, width: .word)
    }

    /// Destination first, as drivers do.
    func program(_ input: UInt64, low: UInt64, high: UInt64 = 0) {
        write(high, 0x11 + 2 * input)
        write(low, 0x10 + 2 * input)
    }

    static let level: UInt64 = 1 << 15
    static let masked: UInt64 = 1 << 16

    static let fixedRegisters: [(UInt64, UInt64, UInt64)] = [
        (0x00, 0, 0x0F00_0000), (0x01, 0x0017_0020, 0x0017_0020), (0x02, 0, 0), (0x03, 0, 0), (0x40, 0, 0),
    ]
    static let redirections: [(UInt64, UInt64, UInt64)] = (0x10..<0x40).map { index in
        index & 1 == 0 ? (index, 0x1_0000, 0x1_AFFF) : (index, 0, 0xFF00_0000)
    }

    @Test("§3.1, §3.2: reset values, writable bits", arguments: fixedRegisters + redirections)
    func registers(_ index: UInt64, _ reset: UInt64, _ allOnes: UInt64) {
        #expect(read(index) == reset)
        write(0xFFFF_FFFF, index)
        #expect(read(index) == allOnes)
        #expect(ioAPIC.read(at: 0x00, width: .word) == index)
        #expect(ioAPIC.read(at: 0x40, width: .word) == 0 && ioAPIC.read(at: 0x14, width: .word) == 0)
    }

    @Test("§3.2.3: the arbitration ID is loaded with the ID")
    func arbitration() {
        write(0x0500_0000, 0)
        #expect(read(2) == 0x0500_0000)
    }

    @Test("§3.2.4: an edge sends the entry's message, once a rise")
    func edge() {
        program(4, low: 0x0000_0931, high: 0x0300_0000)
        let line = ioAPIC.interruptLine(4)
        line.setLevel(true)
        line.setLevel(true)
        #expect(output.take() == [.send(0xFEE0_3004, 0x131)])
        line.setLevel(false)
        ioAPIC.endOfInterrupt(vector: 0x31)
        #expect(output.take().isEmpty)
        line.setLevel(true)
        #expect(output.take() == [.send(0xFEE0_3004, 0x131)])
    }

    @Test("§3.2.4, Interrupt Mask: an edge of a masked input is lost, a level is not")
    func mask() {
        program(4, low: 0x31 | Self.masked)
        program(9, low: 0x39 | Self.masked | Self.level)
        ioAPIC.interruptLine(4).setLevel(true)
        ioAPIC.interruptLine(9).setLevel(true)
        program(4, low: 0x31)
        #expect(output.take().isEmpty)
        program(9, low: 0x39 | Self.level)
        #expect(output.take() == [.announce(9, 0xFEE0_0000, 0xC039), .send(0xFEE0_0000, 0xC039)])
    }

    @Test("§3.2.4, Remote IRR: a level is sent once until its EOI, and again while it is asserted")
    func remoteIRR() {
        program(9, low: 0x39 | Self.level)
        ioAPIC.interruptLine(9).setLevel(true)
        #expect(output.take().count == 2)
        #expect(read(0x22) == 0x39 | Self.level | 1 << 14)
        ioAPIC.interruptLine(9).setLevel(false)
        ioAPIC.interruptLine(9).setLevel(true)
        ioAPIC.endOfInterrupt(vector: 0x38)
        #expect(output.take().isEmpty)
        ioAPIC.endOfInterrupt(vector: 0x39)
        #expect(output.take() == [.send(0xFEE0_0000, 0xC039)])
        ioAPIC.interruptLine(9).setLevel(false)
        ioAPIC.endOfInterrupt(vector: 0x39)
        #expect(output.take().isEmpty && read(0x22) == 0x39 | Self.level)
    }

    @Test("EOI register of version 0x20: ends the vector's interrupts, of all inputs that have it")
    func endOfInterruptRegister() {
        for input in [10, 11] as [UInt64] {
            program(input, low: 0x40 | Self.level)
            ioAPIC.interruptLine(Int(input)).setLevel(true)
        }
        _ = output.take()
        ioAPIC.interruptLine(10).setLevel(false)
        ioAPIC.write(0x40, at: 0x40, width: .word)
        #expect(read(0x24) == 0x40 | Self.level)
        #expect(read(0x26) == 0x40 | Self.level | 1 << 14)
        #expect(output.take() == [.send(0xFEE0_0000, 0xC040)])
    }

    @Test("§3.2.4, Trigger Mode: turning an entry to edge ends its interrupt")
    func edgeEndsInterrupt() {
        program(9, low: 0x39 | Self.level)
        ioAPIC.interruptLine(9).setLevel(true)
        program(9, low: 0x39 | Self.masked)
        _ = output.take()
        program(9, low: 0x39 | Self.level)
        #expect(output.take() == [.send(0xFEE0_0000, 0xC039)])
    }

    @Test("a level's message is announced before it is sent, anew when it has changed")
    func announcements() {
        program(9, low: 0x39 | Self.level)
        ioAPIC.interruptLine(9).setLevel(true)
        _ = output.take()
        program(9, low: 0x3A | Self.level, high: 0x0100_0000)
        ioAPIC.endOfInterrupt(vector: 0x3A)
        #expect(output.take() == [.announce(9, 0xFEE0_1000, 0xC03A), .send(0xFEE0_1000, 0xC03A)])
    }

    @Test("a local APIC that ends the interrupt while it is being sent gets it again, without a deadlock")
    func endWithinSend() {
        program(9, low: 0x39 | Self.level)
        output.onSend = { [weak ioAPIC] count in if count < 3 { ioAPIC?.endOfInterrupt(vector: 0x39) } }
        ioAPIC.interruptLine(9).setLevel(true)
        #expect(output.take().count { $0 == .send(0xFEE0_0000, 0xC039) } == 3)
    }

    @Test(
        "random registers, wires and EOIs: no trap; Remote IRR only at levels; nothing is sent by a masked input",
        arguments: 1...6)
    func soak(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<4000 {
            let width = AccessWidth.allCases[Int(random.next() % 4)]
            switch random.next() % 6 {
            case 0: ioAPIC.write(random.next() & width.mask, at: random.next() % 0x1000, width: width)
            case 1: write(random.next() & 0xFFFF_FFFF, random.next() % 0x48)
            case 2: program(random.next() % 24, low: random.next() & 0x1_FFFF, high: random.next() & 0xFFFF_FFFF)
            case 3: ioAPIC.endOfInterrupt(vector: UInt8(truncatingIfNeeded: random.next()))
            default: ioAPIC.interruptLine(Int(random.next() % 24)).setLevel(random.next() & 1 == 1)
            }
            _ = ioAPIC.read(at: random.next() % 0x1000, width: width)
            let unmasked = (0..<24).map { read(0x10 + 2 * $0) }.filter { $0 & Self.masked == 0 }.map { $0 & 0xFF }
            for case .send(_, let data) in output.take() { #expect(unmasked.contains(UInt64(data) & 0xFF)) }
            let entry = read(0x10 + 2 * (random.next() % 24))
            #expect(entry & (1 << 14) == 0 || entry & Self.level != 0)
        }
    }
}
