import GICv3
import Testing
import VMMCore
import VMMTestSupport

@Suite struct GICLPITests {
    static let lpi = ITSFixture.lpi
    let fixture: ITSFixture
    var gic: GICFixture { fixture.gic }

    init() throws {
        fixture = try ITSFixture()
        try fixture.mapDevice()
    }

    @Test("an LPI is pending, then acknowledged, and never active: EOI ends its priority and nothing else")
    func life() {
        fixture.send(2, from: 1)
        #expect(gic.irq[0].isAsserted && !gic.irq[1].isAsserted && !gic.fiq[0].isAsserted)
        #expect(gic.get(.HPPIR1_EL1) == Self.lpi + 2 && gic.get(.HPPIR0_EL1) == GICFixture.spurious)
        #expect(gic.iar() == Self.lpi + 2)
        #expect(!gic.irq[0].isAsserted && gic.get(.RPR_EL1) == 0xA0)
        #expect(gic.iar() == GICFixture.spurious)
        // It comes again while the CPU handles it, and waits for the end of the priority only.
        fixture.send(2, from: 1)
        #expect(gic.get(.HPPIR1_EL1) == Self.lpi + 2 && !gic.irq[0].isAsserted)
        gic.eoi(Self.lpi + 2)
        #expect(gic.irq[0].isAsserted && gic.get(.RPR_EL1) == 0xFF)
        #expect(gic.iar() == Self.lpi + 2)
        gic.eoi(Self.lpi + 2)
        #expect(!gic.irq[0].isAsserted)
    }

    @Test("messages before the acknowledge make one interrupt")
    func merged() {
        for _ in 0..<3 { fixture.send(0, from: 1) }
        #expect(gic.iar() == Self.lpi)
        gic.eoi(Self.lpi)
        #expect(gic.iar() == GICFixture.spurious)
    }

    @Test("EOImode 1: EOI drops the priority, DIR of an LPI does nothing")
    func splitEnd() {
        gic.set(.CTLR_EL1, 2)
        fixture.send(0, from: 1)
        #expect(gic.iar() == Self.lpi)
        gic.eoi(Self.lpi)
        fixture.send(0, from: 1)
        #expect(gic.irq[0].isAsserted)
        gic.set(.DIR_EL1, Self.lpi)
        #expect(gic.irq[0].isAsserted && gic.iar() == Self.lpi)
    }

    @Test("priority: the configuration table's, five bits of it, among SPIs and PPIs; of equals the lowest INTID first")
    func priorities() throws {
        try fixture.setConfiguration(0, 0x81)
        try fixture.setConfiguration(1, 0x87)
        try fixture.setConfiguration(2, 0x90 | 1)
        fixture.send(2, from: 1)
        fixture.send(1, from: 1)
        fixture.send(0, from: 1)
        gic.setPriority(40, 0x80)
        gic.setPriority(41, 0x88)
        gic.spi(8, true)
        gic.spi(9, true)
        var order: [UInt64] = []
        gic.set(.CTLR_EL1, 2)
        for _ in 0..<5 {
            let intid = gic.iar()
            order.append(intid)
            gic.eoi(intid)
        }
        #expect(order == [40, Self.lpi, Self.lpi + 1, 41, Self.lpi + 2])
    }

    @Test("PMR, GICD_CTLR.EnableGrp1, ICC_IGRPEN1 and sleep hold an LPI back; it stays pending")
    func heldBack() {
        func check(_ hold: () -> Void, _ release: () -> Void) {
            hold()
            fixture.send(0, from: 1)
            #expect(!gic.irq[0].isAsserted && gic.iar() == GICFixture.spurious)
            release()
            #expect(gic.irq[0].isAsserted && gic.iar() == Self.lpi)
            gic.eoi(Self.lpi)
        }
        check({ gic.set(.PMR_EL1, 0xA0) }, { gic.set(.PMR_EL1, 0xFF) })
        check({ gic.setD(0, 1) }, { gic.setD(0, 3) })
        check({ gic.set(.IGRPEN1_EL1, 0) }, { gic.set(.IGRPEN1_EL1, 1) })
        check({ gic.setR(0, 0x14, 2) }, { gic.setR(0, 0x14, 0) })
        // Group 0 has no say.
        check(
            { gic.set(.IGRPEN1_EL1, 0) },
            {
                gic.set(.IGRPEN0_EL1, 0); gic.set(.IGRPEN1_EL1, 1)
            })
    }

    @Test("a disabled LPI stays pending; a new configuration counts from GICR_INVLPIR on, not before")
    func invalidateOne() throws {
        try fixture.setConfiguration(1, 0xA0)
        fixture.send(1, from: 1)
        #expect(!gic.irq[0].isAsserted)
        try fixture.setConfiguration(1, 0xA1)
        #expect(gic.iar() == GICFixture.spurious)
        gic.setR(0, 0x00A0, Self.lpi + 1, .doubleword)
        #expect(gic.irq[0].isAsserted)
        try fixture.setConfiguration(1, 0xA0)
        gic.setR(0, 0x00A0, Self.lpi + 1)
        #expect(!gic.irq[0].isAsserted && gic.iar() == GICFixture.spurious)
        #expect(gic.r(0, 0x00C0) == 0 && gic.r(0, 0x00A0, .doubleword) == 0)
    }

    @Test("GICR_INVALLR reads the configuration of all that are pending")
    func invalidateAll() throws {
        for event in 0..<3 as Range<UInt32> { fixture.send(event, from: 1) }
        #expect(gic.get(.HPPIR1_EL1) == Self.lpi)
        try fixture.setConfiguration(0, 0x00)
        try fixture.setConfiguration(1, 0xB1)
        try fixture.setConfiguration(2, 0x91)
        gic.setR(0, 0x00B0, 0, .doubleword)
        #expect(gic.iar() == Self.lpi + 2)
        gic.eoi(Self.lpi + 2)
        #expect(gic.iar() == Self.lpi + 1)
        gic.eoi(Self.lpi + 1)
        #expect(gic.iar() == GICFixture.spurious)
    }

    @Test("GICR_CTLR.EnableLPIs 0: what is pending goes to the pending table, and comes back from there")
    func pendingTable() throws {
        fixture.send(0, from: 1)
        fixture.send(3, from: 1)
        #expect(try !fixture.isPendingInTable(0, cpu: 0))
        gic.setR(0, 0, 0)
        #expect(!gic.irq[0].isAsserted)
        for lpi in 0..<8 as Range<UInt64> {
            #expect(try fixture.isPendingInTable(lpi, cpu: 0) == (lpi == 0 || lpi == 3))
        }
        // Meanwhile LPIs are lost.
        fixture.send(1, from: 1)
        try fixture.memory.store(UInt8(0x0C), at: GuestAddress(fixture.pendingTable(cpu: 0) + Self.lpi / 8))
        gic.setR(0, 0, 1)
        #expect(gic.irq[0].isAsserted)
        #expect(gic.iar() == Self.lpi + 2)
        gic.eoi(Self.lpi + 2)
        #expect(gic.iar() == Self.lpi + 3)
    }

    @Test("GICR_PENDBASER.PTZ: the pending table is taken for zero, and reads as zero")
    func pendingTableZero() throws {
        try fixture.memory.fill(GuestAddress(fixture.pendingTable(cpu: 1)), count: 0x1_0000, with: 0xFF)
        gic.setR(1, 0, 0)
        try fixture.memory.fill(GuestAddress(fixture.pendingTable(cpu: 1)), count: 0x1_0000, with: 0xFF)
        fixture.startLPIs(cpu: 1)
        #expect(!gic.irq[1].isAsserted)
        #expect(gic.r(1, 0x0078, .doubleword) == fixture.pendingTable(cpu: 1))
        gic.setR(1, 0, 0)
        try fixture.memory.fill(GuestAddress(fixture.pendingTable(cpu: 1)), count: 0x1_0000, with: 0xFF)
        fixture.startLPIs(cpu: 1, pendingTableIsZero: false)
        #expect(gic.irq[1].isAsserted && gic.iar(cpu: 1) == Self.lpi)
    }

    @Test("tables that are fixed: GICR_PROPBASER and PENDBASER ignore writes while LPIs are enabled")
    func fixedTables() {
        for offset: UInt64 in [0x0070, 0x0078] {
            let before = gic.r(0, offset, .doubleword)
            gic.setR(0, offset, .max, .doubleword)
            gic.setR(0, offset + 4, 0)
            #expect(gic.r(0, offset, .doubleword) == before)
        }
    }

    @Test("GICR_PROPBASER.IDbits bounds the LPIs: INTIDs of 13 bits are none", arguments: [0, 12, 13, 31] as [UInt64])
    func intidBits(_ field: UInt64) {
        gic.setR(0, 0, 0)
        gic.setR(0, 0x0070, ITSFixture.configurations | field, .doubleword)
        gic.setR(0, 0, 1)
        fixture.send(0, from: 1)
        #expect(gic.irq[0].isAsserted == (field >= 13))
    }

    @Test("the last LPI, 16383")
    func last() throws {
        try fixture.run(fixture.mapti(1, 7, 16383, 0), fixture.int(1, 7))
        #expect(gic.iar() == 16383)
        gic.eoi(16383)
        #expect(gic.get(.RPR_EL1) == 0xFF)
    }

    @Test(
        "tables outside RAM: nothing pending, all LPIs disabled, nothing written",
        arguments: [0, 0x3FFF_0000, 0x4040_0000, 0xF_FFFF_FFFF_0000] as [UInt64])
    func outsideRAM(_ address: UInt64) {
        gic.setR(0, 0, 0)
        gic.setR(0, 0x0070, address | 13, .doubleword)
        gic.setR(0, 0x0078, address, .doubleword)
        gic.setR(0, 0, 1)
        fixture.send(0, from: 1)
        gic.setR(0, 0x00B0, 0, .doubleword)
        #expect(!gic.irq[0].isAsserted)
        gic.setR(0, 0, 0)
        #expect(gic.r(0, 0) == 6)
    }

    @Test("an ICC_EOIR of group 0 does not end an LPI")
    func groups() {
        fixture.send(0, from: 1)
        #expect(gic.get(.IAR0_EL1) == GICFixture.spurious)
        _ = gic.iar()
        gic.set(.EOIR0_EL1, Self.lpi)
        #expect(gic.get(.RPR_EL1) == 0xA0)
    }
}
