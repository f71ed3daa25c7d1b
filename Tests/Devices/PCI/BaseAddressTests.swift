import PCIDevices
import Testing
import VMMCore
import VMMTestSupport

/// Base address registers. Source: PCI Local Bus 3.0 §6.2.5.1.
@Suite struct BaseAddressTests {
    private typealias Bus = PCIFixture

    @Test("regions are where they were put, aligned to their size, and answer before software does anything")
    func preset() throws {
        let fixture = try PCIFixture()
        var taken: [Range<UInt64>] = []
        for slot in [1, 2] as [UInt64] {
            for (bar, size) in [(Bus.bar0, 0x4000), (Bus.bar2, 0x2000), (Bus.bar3, 0x1000)] as [(UInt64, UInt64)] {
                let start = fixture.address(bar, slot: slot)
                #expect(start % size == 0 && start >= Bus.window)
                #expect(!taken.contains { $0.overlaps(start..<start + size) })
                taken.append(start..<start + size)
            }
            #expect(fixture.load(fixture.address(Bus.bar0, slot: slot) + 0x3FFC) == 0x5A00_3FFC)
        }
    }

    @Test("§6.2.5.1: all ones read back as the size: 32 and 64 bits")
    func sizes() throws {
        let fixture = try PCIFixture()
        for (bar, value) in [(Bus.bar0, 0xFFFF_C004), (Bus.bar2, 0xFFFF_E000), (Bus.bar3, 0xFFFF_F000)]
            as [(UInt64, UInt64)]
        {
            fixture.write(0xFFFF_FFFF, bar)
            #expect(fixture.read(bar) == value)
        }
        fixture.write(0xFFFF_FFFF, Bus.bar0 + 4)
        #expect(fixture.read(Bus.bar0 + 4) == 0xFFFF_FFFF)
        #expect(fixture.load(0xFFFF_FFFF_FFFF_C000) == nil)
    }

    @Test("§6.2.2: a region answers while the command register's bit 1 is set, and only then")
    func memorySpace() throws {
        let fixture = try PCIFixture()
        let address = fixture.address(Bus.bar2) + 0x10
        #expect(fixture.load(address) == 0x5A00_0010)
        fixture.write(0, Bus.command, width: .halfword)
        #expect(fixture.load(address) == 0xFFFF_FFFF)
        fixture.store(1, at: address)
        #expect(fixture.functions[0].small.written.count == 0)
        fixture.write(2, Bus.command, width: .byte)
        fixture.store(1, at: address, width: .byte)
        #expect(fixture.functions[0].small.written.values == [[0x10, 1, 1]])
    }

    @Test("a region follows its register at once, into the high window as well")
    func moves() throws {
        let fixture = try PCIFixture()
        let old = fixture.address(Bus.bar0)
        fixture.write(0x1800_0000, Bus.bar0)
        #expect(fixture.load(0x1800_0004) == 0x5A00_0004)
        #expect(fixture.load(old) == 0xFFFF_FFFF)
        fixture.write(0x80, Bus.bar0 + 4)
        fixture.write(0x0010_0000, Bus.bar0)
        #expect(fixture.load(0x80_0010_0008, width: .doubleword) == 0x5A00_0008)
        #expect(fixture.load(0x1800_0004) == 0xFFFF_FFFF)
        fixture.write(0x1FFF_E000, Bus.bar2)
        #expect(fixture.load(0x1FFF_F7FC) == 0x5A00_17FC)
    }

    @Test("what does not lie in a region's registers as a whole reads as ones and is not written")
    func edges() throws {
        let fixture = try PCIFixture()
        let end = fixture.address(Bus.bar2) + 0x1800
        #expect(fixture.load(end - 4) == 0x5A00_17FC)
        #expect(fixture.load(end - 3) == 0xFFFF_FFFF)
        #expect(fixture.load(end - 4, width: .doubleword) == .max)
        #expect(fixture.load(end) == 0xFFFF_FFFF)
        fixture.store(0, at: end - 1, width: .halfword)
        #expect(fixture.functions[0].small.written.count == 0)
    }

    @Test("regions over each other: one of them answers; over RAM, between and outside of the windows: none does")
    func overlaps() throws {
        let fixture = try PCIFixture()
        let other = fixture.address(Bus.bar0, slot: 2)
        fixture.write(other, Bus.bar0)
        fixture.store(7, at: other + 8)
        #expect(fixture.functions[0].large.written.count + fixture.functions[1].large.written.count == 1)
        for address in [0x4000_0000, 0, 0x2000_0000, 0xFFFF_C000] as [UInt64] {
            fixture.write(address, Bus.bar0)
            #expect(fixture.address(Bus.bar0) == address)
            #expect(fixture.load(other + 8) == 0x5A00_0008)
            #expect(fixture.load(address) == nil)
        }
        // The end of the address space, and a region that begins in the window and ends behind it.
        fixture.write(0xFFFF_FFFF, Bus.bar0 + 4)
        fixture.write(0xFFFF_C000, Bus.bar0)
        #expect(fixture.load(Bus.window + 0x0FFF_FFFC) == 0xFFFF_FFFF)
    }

    @Test("more than fits into the window is refused when the bus is made")
    func full() throws {
        let window = try #require(GuestRange(start: GuestAddress(0x1000), size: 0x4000))
        let wires = (0..<4).map { _ in SharedInterruptLine(RecordingInterruptLine()) }
        var builder = PCIBus.Builder(windows: [window], wires: wires, firstLine: 0, messages: nil)
        for _ in 0..<2 {
            builder.add { connection in
                PCIFunction(
                    PCIIdentity(vendorID: 1, deviceID: 1, classCode: 0),
                    regions: [PCIRegion(0, Registers(size: 0x2000))], capabilities: [],
                    interrupts: connection.interrupts(messageCount: 0), connection: connection)
            }
        }
        #expect(throws: PCIBusError.windowIsFull) { try builder.build(busCount: 1) }
    }
}
