import PCIDevices
import Testing
import VMMCore
import VMMTestSupport

/// Software out of its mind, with fixed seeds: no trap, and what is read-only stays as it is.
@Suite struct PCISoakTests {
    private func values(_ random: inout SeededGenerator) -> UInt64 {
        switch random.next() % 6 {
        case 0: random.next()
        case 1: .max
        case 2: PCIFixture.window + random.next() % 0x1000_0000
        case 3: 0x4000_0000 + random.next() % 0x1000_0000
        case 4: 1 << (random.next() % 64)
        default: random.next() % 0x100
        }
    }

    @Test("random accesses to all of the configuration space and both windows", arguments: 1...8 as ClosedRange<UInt64>)
    func soak(_ seed: UInt64) throws {
        let fixture = try PCIFixture()
        var random = SeededGenerator(seed: seed)
        for _ in 0..<20_000 {
            let width = AccessWidth.allCases[Int(random.next() % 4)]
            let value = values(&random) & width.mask
            switch random.next() % 8 {
            case 0: _ = fixture.bus.configuration.read(at: random.next() % (16 << 20), width: width)
            case 1: fixture.bus.configuration.write(value, at: random.next() % (16 << 20), width: width)
            case 2, 3: fixture.write(value, random.next() % 0x104, slot: random.next() % 4, width: width)
            case 4: _ = fixture.read(random.next() % 0x104, slot: random.next() % 4, width: width)
            case 5: fixture.store(value, at: PCIFixture.window + random.next() % 0x2_0000, width: width)
            case 6: _ = fixture.load(PCIFixture.highWindow + values(&random) % (1 << 32), width: width)
            default:
                fixture.functions[Int(random.next() % 2)].interrupts.setLevel(random.next() % 2 == 0)
                fixture.functions[Int(random.next() % 2)].interrupts.send(message: Int(random.next() % 8))
            }
        }
        for slot in [1, 2] as [UInt64] {
            #expect(fixture.read(0, slot: slot) == 0x566F_1234 + slot << 16)
            #expect(fixture.read(8, slot: slot) == 0x0102_0307)
            #expect(fixture.read(0x2C, slot: slot) == 0xCCDD_AABB)
            fixture.functions[Int(slot - 1)].interrupts.setLevel(false)
        }
        #expect(fixture.lines.allSatisfy { !$0.isAsserted })
        // Software that comes to its senses finds everything as it was.
        fixture.write(6, PCIFixture.command, width: .halfword)
        fixture.write(0, PCIFixture.bar0 + 4)
        fixture.write(0x1234_4000, PCIFixture.bar0)
        fixture.write(0x1234_0000, PCIFixture.bar2)
        #expect(fixture.load(0x1234_4010) == 0x5A00_0010)
    }

    @Test("virtio 1.2 §4.1.4.9: the window reaches regions by bar, offset and length, and nothing else")
    func window() throws {
        let fixture = try PCIFixture()
        let offset = fixture.capability(0x09)
        func aim(_ bar: UInt64, _ place: UInt64, _ length: UInt64) {
            fixture.write(bar, offset + 4, width: .byte)
            fixture.write(place, offset + 8)
            fixture.write(length, offset + 12)
        }
        // Without the regions being mapped.
        fixture.write(0, PCIFixture.command, width: .halfword)
        aim(2, 0x124, 4)
        #expect(fixture.read(offset + 16) == 0x5A00_0124)
        aim(0, 0x3FFE, 2)
        #expect(fixture.read(offset + 16, width: .halfword) == 0x3FFE)
        fixture.write(0xABCD_1234, offset + 16)
        #expect(fixture.functions[0].large.written.values == [[0x3FFE, 0x1234, 2]])
        for (bar, place, length) in [
            (1, 0, 4), (6, 0, 4), (255, 0, 4), (0, 2, 4), (0, 0x4000, 4), (0, 0, 8), (0, 0, 0), (0, 0, 3),
            (0, 0xFFFF_FFFC, 4), (2, 0x17FF, 2), (0, 0, 0xFFFF_FFFF),
        ] as [(UInt64, UInt64, UInt64)] {
            aim(bar, place, length)
            fixture.write(1, offset + 16)
            #expect(fixture.read(offset + 16) == 1)
        }
        #expect(fixture.functions[0].large.written.count == 1 && fixture.functions[0].small.written.count == 0)
    }
}
