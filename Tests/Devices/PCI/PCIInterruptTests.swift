import PCIDevices
import Testing
import VMMCore
import VMMTestSupport

/// Pins and MSI-X. Source: PCI Local Bus 3.0 §2.2.6, §6.2.2 to §6.2.4, §6.8.2.
@Suite struct PCIInterruptTests {
    private typealias Bus = PCIFixture
    private static let enable: UInt64 = 0x8000, functionMask: UInt64 = 0x4000
    private static let memory: UInt64 = 2, master: UInt64 = 4, pinDisable: UInt64 = 0x400

    private func sent(_ data: UInt32) -> RecordingMessages.Sent { .init(address: 0x0808_0040, data: data, device: 8) }

    /// MSI-X is on, the entries are set up and not masked, and their data is their number and 0x40.
    private func ready() throws -> PCIFixture {
        let fixture = try PCIFixture()
        fixture.write(Self.memory | Self.master, Bus.command, width: .halfword)
        for index in 0..<(5 as UInt64) {
            fixture.setEntry(index, address: 0x0808_0040, data: 0x40 + index, isMasked: false)
        }
        fixture.messageControl = Self.enable
        return fixture
    }

    @Test("pin A of slot s is wire s % 4; the Interrupt Line register names it")
    func wires() throws {
        let fixture = try PCIFixture()
        for (number, function) in fixture.functions.enumerated() {
            function.interrupts.setLevel(true)
            #expect(fixture.lines.map(\.isAsserted) == (0..<4).map { $0 == number + 1 })
            #expect(fixture.read(0x3C, slot: UInt64(number + 1), width: .byte) == UInt64(3 + number + 1))
            function.interrupts.setLevel(false)
        }
        #expect(fixture.lines.allSatisfy { !$0.isAsserted })
    }

    @Test("§6.2.3: Interrupt Status is the device's level; §6.2.2: bit 10 keeps it from the pin")
    func pin() throws {
        let fixture = try PCIFixture()
        let interrupts = fixture.functions[0].interrupts
        #expect(fixture.read(Bus.status, width: .halfword) == 0x10)
        interrupts.setLevel(true)
        for (offset, width, value) in [
            (4, .word, 0x0018_0002), (6, .halfword, 0x18), (6, .byte, 0x18), (7, .byte, 0), (5, .word, 0x0700_1800),
        ] as [(UInt64, AccessWidth, UInt64)] {
            #expect(fixture.read(offset, width: width) == value)
        }
        fixture.write(Self.memory | Self.pinDisable, Bus.command, width: .halfword)
        #expect(!fixture.lines[1].isAsserted)
        #expect(fixture.read(Bus.status, width: .halfword) == 0x18)
        fixture.write(Self.memory, Bus.command, width: .halfword)
        #expect(fixture.lines[1].isAsserted)
        interrupts.setLevel(false)
        #expect(!fixture.lines[1].isAsserted)
        #expect(fixture.read(Bus.status, width: .halfword) == 0x10)
    }

    @Test(
        "§6.8.2: the capability: five vectors, table and pending bits in region 3; only the two control bits can be written"
    )
    func capability() throws {
        let fixture = try PCIFixture()
        let offset = fixture.capability(0x11)
        #expect(fixture.messageControl == 4)
        #expect(fixture.read(offset + 4) == 3)
        #expect(fixture.read(offset + 8) == 0x803)
        fixture.messageControl = 0xFFFF
        #expect(fixture.messageControl == 0xC004)
        for place in [offset + 4, offset + 8] {
            let before = fixture.read(place)
            fixture.write(0xFFFF_FFFF, place)
            #expect(fixture.read(place) == before)
        }
    }

    @Test("§6.8.2.9: after reset all vectors are masked and no bit is pending; reserved bits stay zero")
    func reset() throws {
        let fixture = try PCIFixture()
        let table = fixture.address(Bus.bar3)
        for index in 0..<(5 as UInt64) {
            #expect((0..<4).map { fixture.load(table + 16 * index + 4 * $0) } == [0, 0, 0, 1])
            fixture.store(.max, at: table + 16 * index, width: .doubleword)
            fixture.store(.max, at: table + 16 * index + 8, width: .doubleword)
            #expect(fixture.load(table + 16 * index, width: .doubleword) == 0xFFFF_FFFF_FFFF_FFFC)
            #expect(fixture.load(table + 16 * index + 8, width: .doubleword) == 0x1_FFFF_FFFF)
        }
        for offset in [0x50, 0x7FC, 0x800, 0x804, 0x808, 0xFFC] as [UInt64] {
            fixture.store(0xFFFF_FFFF, at: table + offset)
            #expect(fixture.load(table + offset) == 0)
        }
    }

    @Test("§6.8.2: accesses of the structures are aligned words and doublewords; others do nothing")
    func widths() throws {
        let fixture = try ready()
        let table = fixture.address(Bus.bar3)
        for (offset, width) in [(0, .byte), (0, .halfword), (2, .word), (4, .doubleword)] as [(UInt64, AccessWidth)] {
            #expect(fixture.load(table + offset, width: width) == 0)
            fixture.store(.max, at: table + offset, width: width)
        }
        #expect(fixture.load(table) == 0x0808_0040)
    }

    @Test("a message is the entry's address and data, with the function's requester ID; the pin is left alone")
    func sends() throws {
        let fixture = try ready()
        let interrupts = fixture.functions[0].interrupts
        #expect(interrupts.usesMessages && interrupts.messageCount == 5)
        interrupts.send(message: 2)
        interrupts.send(message: 0)
        for absent in [5, 64, 0xFFFF, -1] { interrupts.send(message: absent) }
        #expect(fixture.messages.take() == [sent(0x42), sent(0x40)])
        interrupts.setLevel(true)
        #expect(!fixture.lines[1].isAsserted)
        #expect(fixture.read(Bus.status, width: .halfword) == 0x10)
        fixture.messageControl = 0
        #expect(fixture.lines[1].isAsserted)
        interrupts.send(message: 1)
        #expect(fixture.messages.take().isEmpty)
    }

    @Test("§6.8.2.10: a masked vector's message is pending, once, and sent when the mask goes")
    func vectorMask() throws {
        let fixture = try ready()
        let interrupts = fixture.functions[0].interrupts
        fixture.setEntry(3, address: 0x0808_0040, data: 0x43, isMasked: true)
        interrupts.send(message: 3)
        interrupts.send(message: 3)
        #expect(fixture.messages.take().isEmpty)
        #expect(fixture.load(fixture.address(Bus.bar3) + 0x800) == 1 << 3)
        fixture.store(0x99, at: fixture.address(Bus.bar3) + 16 * 3 + 8)
        #expect(fixture.messages.take().isEmpty)
        fixture.store(0, at: fixture.address(Bus.bar3) + 16 * 3 + 12)
        #expect(fixture.messages.take() == [sent(0x99)])
        #expect(fixture.load(fixture.address(Bus.bar3) + 0x800) == 0)
    }

    @Test("§6.8.2.3: the function mask holds all messages back; so does a function that is no bus master")
    func functionMask() throws {
        let fixture = try ready()
        let interrupts = fixture.functions[0].interrupts
        fixture.messageControl = Self.enable | Self.functionMask
        for vector in [4, 1] { interrupts.send(message: vector) }
        #expect(fixture.messages.take().isEmpty)
        fixture.write(Self.memory, Bus.command, width: .halfword)
        fixture.messageControl = Self.enable
        #expect(fixture.messages.take().isEmpty && !interrupts.isBusMaster)
        fixture.write(Self.memory | Self.master, Bus.command, width: .halfword)
        #expect(fixture.messages.take() == [sent(0x41), sent(0x44)])
        fixture.messageControl = Self.enable | Self.functionMask
        interrupts.send(message: 0)
        interrupts.forgetPendingMessages()
        fixture.messageControl = Self.enable
        #expect(fixture.messages.take().isEmpty)
    }

    @Test("devices that interrupt while software masks, unmasks and moves: nothing is lost, nothing stays asserted")
    func threads() throws {
        let fixture = try ready()
        let interrupts = fixture.functions[0].interrupts
        let device = HostThread {
            for round in 0..<20_000 {
                interrupts.send(message: round % 5)
                interrupts.setLevel(round % 2 == 0)
            }
            interrupts.setLevel(true)
        }
        var random = SeededGenerator(seed: 3)
        for _ in 0..<5000 {
            fixture.messageControl = random.next() & 0xC000
            fixture.write(random.next(), Bus.command, width: .halfword)
            if random.next() % 4 == 0 { fixture.write(random.next(), Bus.bar0) }
        }
        #expect(device.finishes(within: 60))
        fixture.messageControl = 0
        fixture.write(Self.memory, Bus.command, width: .halfword)
        #expect(fixture.lines[1].isAsserted)
        fixture.messageControl = Self.enable
        #expect(!fixture.lines[1].isAsserted)
    }
}
