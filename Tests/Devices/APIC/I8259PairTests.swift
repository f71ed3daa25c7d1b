import APICDevices
import Testing
import VMMCore
import VMMTestSupport

@Suite struct I8259PairTests {
    let line = RecordingInterruptLine()
    let pair: I8259Pair

    init() {
        pair = I8259Pair(interrupt: line)
        initialize()
    }

    /// As PC firmware does, with all inputs open.
    func initialize(icw4: UInt32 = 0x01) {
        for (ports, base, cascade) in [(pair.firstPorts, 0x20, 0x04), (pair.secondPorts, 0x28, 0x02)] {
            ports.write(0x11, at: 0, width: .byte)
            ports.write(UInt32(base), at: 1, width: .byte)
            ports.write(UInt32(cascade), at: 1, width: .byte)
            ports.write(icw4, at: 1, width: .byte)
        }
    }

    func raise(_ inputs: Int...) { for input in inputs { pair.interruptLine(input).setLevel(true) } }
    func lower(_ inputs: Int...) { for input in inputs { pair.interruptLine(input).setLevel(false) } }
    func command(_ value: UInt32, second: Bool = false) {
        (second ? pair.secondPorts : pair.firstPorts).write(value, at: 0, width: .byte)
    }
    func mask(_ value: UInt32, second: Bool = false) {
        (second ? pair.secondPorts : pair.firstPorts).write(value, at: 1, width: .byte)
    }
    func status(second: Bool = false) -> UInt32 {
        (second ? pair.secondPorts : pair.firstPorts).read(at: 0, width: .byte)
    }
    func isr(second: Bool = false) -> UInt32 {
        command(0x0B, second: second)
        defer { command(0x0A, second: second) }
        return status(second: second)
    }

    @Test("Initialization: nothing is asked for before the last word; ICW2 has the vectors' upper five bits")
    func initialization() {
        command(0x11)
        mask(0x47)
        raise(3)
        mask(0x04)
        #expect(!line.isAsserted)
        mask(0x01)
        #expect(line.isAsserted && pair.acknowledge() == 0x43)
    }

    @Test("ICW1: without ICW4 and without a cascade two words are enough; edges and the mask are forgotten")
    func shortInitialization() {
        raise(3)
        mask(0xFF)
        command(0x12)
        mask(0x50)
        #expect(pair.firstPorts.read(at: 1, width: .byte) == 0 && status() == 0 && !line.isAsserted)
        lower(3)
        raise(3)
        #expect(pair.acknowledge() == 0x53)
    }

    @Test("Fully Nested Mode: input 0 first; in service, only more urgent ones interrupt; EOI lets the next come")
    func fullyNested() {
        raise(5, 3)
        #expect(pair.acknowledge() == 0x23 && isr() == 0x08 && !line.isAsserted)
        raise(1)
        #expect(pair.acknowledge() == 0x21 && isr() == 0x0A)
        command(0x20)
        #expect(isr() == 0x08 && !line.isAsserted)
        command(0x20)
        #expect(pair.acknowledge() == 0x25)
        #expect(pair.acknowledge() == nil)
    }

    @Test("Interrupt Mask Register: masks requests, not what is in service")
    func maskRegister() {
        mask(0x08)
        raise(3)
        #expect(!line.isAsserted && status() == 0x08)
        mask(0x00)
        #expect(pair.acknowledge() == 0x23)
        mask(0x08)
        #expect(isr() == 0x08 && pair.firstPorts.read(at: 1, width: .byte) == 0x08)
    }

    @Test("Specific EOI ends just that input")
    func specificEOI() {
        raise(5)
        _ = pair.acknowledge()
        raise(3)
        _ = pair.acknowledge()
        command(0x65)
        #expect(isr() == 0x08)
    }

    @Test("Automatic Rotation: rotate on non-specific EOI, the one just served is last")
    func rotateOnEOI() {
        raise(4, 6)
        #expect(pair.acknowledge() == 0x24)
        lower(4)
        raise(4)
        command(0xA0)
        #expect(pair.acknowledge() == 0x26)
        command(0xA0)
        #expect(pair.acknowledge() == 0x24)
    }

    @Test("Specific Rotation: set priority, and rotate on specific EOI")
    func specificRotation() {
        command(0xC5)
        raise(5, 6, 0)
        #expect(pair.acknowledge() == 0x26)
        command(0xE6)
        #expect(pair.acknowledge() == 0x20)
        command(0x60)
        #expect(pair.acknowledge() == 0x25)
    }

    @Test("Automatic EOI: nothing stays in service; with rotation the served one is last")
    func automaticEOI() {
        initialize(icw4: 0x03)
        raise(4, 6)
        #expect(pair.acknowledge() == 0x24 && isr() == 0 && line.isAsserted)
        #expect(pair.acknowledge() == 0x26)
        command(0x80)
        lower(4, 6)
        raise(4, 6)
        #expect(pair.acknowledge() == 0x24)
        lower(4)
        raise(4)
        #expect(pair.acknowledge() == 0x26)
        #expect(pair.acknowledge() == 0x24)
    }

    @Test("Special Mask Mode: a masked input in service lets less urgent ones come")
    func specialMask() {
        raise(3)
        _ = pair.acknowledge()
        raise(5)
        #expect(!line.isAsserted)
        mask(0x08)
        command(0x68)
        #expect(pair.acknowledge() == 0x25)
        // The non-specific EOI passes a masked one over.
        command(0x20)
        #expect(isr() == 0x08)
        mask(0x00)
        command(0x48)
        lower(5)
        raise(5)
        #expect(!line.isAsserted)
    }

    @Test("Poll Command: tells the input, and acknowledges it")
    func poll() {
        raise(3)
        command(0x0C)
        #expect(status() == 0x83 && isr() == 0x08 && !line.isAsserted)
        command(0x0C)
        #expect(status() == 0x00)
    }

    @Test("OCW3: IRR or ISR is read until another is asked for")
    func statusReads() {
        raise(3, 4)
        _ = pair.acknowledge()
        command(0x0B)
        #expect(status() == 0x08 && status() == 0x08)
        command(0x08)
        #expect(status() == 0x08)
        command(0x0A)
        #expect(status() == 0x10)
    }

    @Test("Cascade Mode: the second one's vector, in service in both; two EOIs")
    func cascade() {
        raise(8 + 6)
        #expect(pair.acknowledge() == 0x2E && isr() == 0x04 && isr(second: true) == 0x40)
        raise(8)
        #expect(!line.isAsserted)
        command(0x20, second: true)
        #expect(!line.isAsserted)
        command(0x20)
        #expect(line.isAsserted && pair.acknowledge() == 0x28)
    }

    @Test("Special Fully Nested Mode: the second one interrupts itself")
    func specialFullyNested() {
        initialize(icw4: 0x11)
        raise(8 + 6)
        _ = pair.acknowledge()
        raise(8)
        #expect(line.isAsserted && pair.acknowledge() == 0x28)
        raise(4)
        #expect(!line.isAsserted)
    }

    @Test("Edge: a request that goes before INTA is withdrawn; one that stays comes once")
    func edge() {
        raise(3)
        lower(3)
        #expect(!line.isAsserted && pair.acknowledge() == nil && isr() == 0)
        raise(3)
        _ = pair.acknowledge()
        command(0x20)
        #expect(!line.isAsserted)
    }

    @Test("ELCR: a level asks again after its EOI; inputs 0, 1, 2, 8 and 13 stay edges")
    func level() {
        pair.triggerPorts.write(0xFFFF, at: 0, width: .halfword)
        #expect(pair.triggerPorts.read(at: 0, width: .halfword) == 0xDEF8)
        raise(5)
        _ = pair.acknowledge()
        command(0x20)
        #expect(line.isAsserted && pair.acknowledge() == 0x25)
        lower(5)
        command(0x20)
        #expect(!line.isAsserted)
    }

    @Test("an acknowledge with another request left: INT falls and rises")
    func intPulses() {
        initialize(icw4: 0x03)
        raise(3, 4)
        line.clear()
        _ = pair.acknowledge()
        #expect(line.transitions == [false, true])
    }

    @Test("random registers, wires and acknowledges: no trap; INT tells whether there is a vector", arguments: 1...6)
    func soak(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let ports = [pair.firstPorts, pair.secondPorts, pair.triggerPorts]
        var taken = 0
        for step in 0..<6000 {
            if step % 100 == 0 { initialize(icw4: UInt32(random.next() & 0x1F)) }
            let port = ports[Int(random.next() % 3)]
            let width = AccessWidth.allCases[Int(random.next() % 4)]
            switch random.next() % 8 {
            case 0: port.write(UInt32(truncatingIfNeeded: random.next()), at: UInt16(random.next() % 2), width: width)
            case 1: _ = port.read(at: UInt16(random.next() % 2), width: width)
            case 2: command(0x20, second: random.next() & 1 == 1)
            case 3...5:
                let input = Int(random.next() % 16)
                if input != 2 { pair.interruptLine(input).setLevel(random.next() & 1 == 1) }
            default:
                let wanted = line.isAsserted
                let vector = pair.acknowledge()
                #expect((vector != nil) == wanted)
                if vector != nil { taken += 1 }
            }
        }
        #expect(taken > 100)
    }
}
