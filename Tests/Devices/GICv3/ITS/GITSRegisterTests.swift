import GICv3
import Testing
import VMMCore

@Suite struct GITSRegisterTests {
    typealias Row = GICRegisterTests.Row

    @Test(
        "registers of the ITS: reset value and writable bits",
        arguments: [
            // Quiescent while disabled.
            Row(name: "GITS_CTLR", offset: 0x0000, reset: 0x8000_0000, allOnes: 1),
            Row(name: "GITS_IIDR", offset: 0x0004, reset: 0x43B, allOnes: 0x43B),
            // Physical; ITT entries of 8 bytes; 16 bits of EventID and of DeviceID; no SEIS, PTA, HCC, CIL, no GICv4.
            Row(name: "GITS_TYPER", offset: 0x0008, reset: 0x1_EF71, allOnes: 0x1_EF71, width: .doubleword),
            Row(name: "GITS_TYPER, low word", offset: 0x0008, reset: 0x1_EF71, allOnes: 0x1_EF71),
            Row(name: "GITS_TYPER, high word", offset: 0x000C, reset: 0, allOnes: 0),
            Row(name: "GITS_MPIDR: GICv4.1", offset: 0x0018, reset: 0, allOnes: 0),
            Row(
                name: "GITS_CBASER", offset: 0x0080, reset: 0, allOnes: 0xB8EF_FFFF_FFFF_FCFF, width: .doubleword),
            Row(name: "GITS_CBASER, low word", offset: 0x0080, reset: 0, allOnes: 0xFFFF_FCFF),
            Row(name: "GITS_CBASER, high word", offset: 0x0084, reset: 0, allOnes: 0xB8EF_FFFF),
            Row(name: "GITS_CWRITER: behind the queue", offset: 0x0088, reset: 0, allOnes: 0, width: .doubleword),
            Row(name: "GITS_CREADR", offset: 0x0090, reset: 0, allOnes: 0, width: .doubleword),
            Row(
                name: "GITS_BASER0: devices", offset: 0x0100, reset: 0x0107_0000_0000_0000,
                allOnes: 0xF9E7_FFFF_FFFF_FFFF, width: .doubleword),
            Row(name: "GITS_BASER0, low word", offset: 0x0100, reset: 0, allOnes: 0xFFFF_FFFF),
            Row(name: "GITS_BASER0, high word", offset: 0x0104, reset: 0x0107_0000, allOnes: 0xF9E7_FFFF),
            Row(
                name: "GITS_BASER1: collections", offset: 0x0108, reset: 0x0407_0000_0000_0000,
                allOnes: 0xFCE7_FFFF_FFFF_FFFF, width: .doubleword),
            Row(name: "GITS_BASER2: none", offset: 0x0110, reset: 0, allOnes: 0, width: .doubleword),
            Row(name: "GITS_BASER7: none", offset: 0x0138, reset: 0, allOnes: 0, width: .doubleword),
            Row(name: "GITS_PIDR4", offset: 0xFFD0, reset: 0x44, allOnes: 0x44),
            Row(name: "GITS_PIDR0", offset: 0xFFE0, reset: 0x94, allOnes: 0x94),
            Row(name: "GITS_PIDR2: GICv3", offset: 0xFFE8, reset: 0x3B, allOnes: 0x3B),
            Row(name: "GITS_CIDR3", offset: 0xFFFC, reset: 0xB1, allOnes: 0xB1),
            Row(name: "GITS_TRANSLATER", offset: 0x1_0040, reset: 0, allOnes: 0),
        ])
    func its(_ row: Row) throws {
        let fixture = try ITSFixture(start: false)
        #expect(fixture.get(row.offset, row.width) == row.reset)
        fixture.set(row.offset, .max, row.width)
        #expect(fixture.get(row.offset, row.width) == row.allOnes)
        fixture.set(row.offset, 0, row.width)
        #expect(fixture.get(row.offset, row.width) == row.reset)
    }

    @Test(
        "registers for LPIs: reset value and writable bits",
        arguments: [
            // EnableLPIs is writable; CES and IR are one.
            Row(name: "GICR_CTLR", offset: 0x0000, reset: 0x6, allOnes: 0x0300_0007),
            Row(name: "GICR_TYPER: PLPIS, DPGS", offset: 0x0008, reset: 0x21, allOnes: 0x21),
            Row(name: "GICR_SETLPIR: not direct", offset: 0x0040, reset: 0, allOnes: 0, width: .doubleword),
            Row(
                name: "GICR_PROPBASER", offset: 0x0070, reset: 0, allOnes: 0x070F_FFFF_FFFF_FF9F, width: .doubleword),
            Row(name: "GICR_PROPBASER, low word", offset: 0x0070, reset: 0, allOnes: 0xFFFF_FF9F),
            Row(name: "GICR_PROPBASER, high word", offset: 0x0074, reset: 0, allOnes: 0x070F_FFFF),
            Row(
                name: "GICR_PENDBASER: PTZ reads as zero", offset: 0x0078, reset: 0, allOnes: 0x070F_FFFF_FFFF_0F80,
                width: .doubleword),
            Row(name: "GICR_PENDBASER, high word", offset: 0x007C, reset: 0, allOnes: 0x070F_FFFF),
            Row(name: "GICR_INVLPIR", offset: 0x00A0, reset: 0, allOnes: 0, width: .doubleword),
            Row(name: "GICR_INVALLR", offset: 0x00B0, reset: 0, allOnes: 0, width: .doubleword),
            Row(name: "GICR_SYNCR", offset: 0x00C0, reset: 0, allOnes: 0),
        ])
    func redistributor(_ row: Row) throws {
        let fixture = try ITSFixture(start: false)
        #expect(fixture.gic.r(0, row.offset, row.width) == row.reset)
        fixture.gic.setR(0, row.offset, .max, row.width)
        #expect(fixture.gic.r(0, row.offset, row.width) == row.allOnes)
        fixture.gic.setR(0, row.offset, 0, row.width)
        #expect(fixture.gic.r(0, row.offset, row.width) == row.reset)
    }

    @Test("GICD_TYPER: LPIS, and INTIDs of 14 bits")
    func distributorType() throws {
        #expect(try ITSFixture(start: false).gic.d(0x0004) == 0x016A_0002)
    }

    @Test("without guest memory: no LPIs, no ITS, and messages come to nothing")
    func absent() {
        let gic = GICFixture()
        gic.setR(0, 0x0000, .max)
        #expect(gic.r(0, 0x0000) == 0x0300_0000 && gic.r(0, 0x0008) & 1 == 0)
        for offset: UInt64 in [0x0070, 0x0078] {
            gic.setR(0, offset, .max, .doubleword)
            #expect(gic.r(0, offset, .doubleword) == 0)
        }
        gic.setR(0, 0x00A0, 8192, .doubleword)
        gic.setR(0, 0x00B0, 0, .doubleword)
        let its = gic.gic.its
        its.write(1, at: 0, width: .word)
        for offset in stride(from: 0 as UInt64, to: 0x140, by: 4) { #expect(its.read(at: offset, width: .word) == 0) }
        gic.gic.messageInput(at: GuestAddress(0)).send(MSI(address: GuestAddress(0), data: 0), from: 0)
    }

    @Test("GITS_CBASER and BASER are fixed while the ITS is enabled; a new queue is empty")
    func fixed() throws {
        let fixture = try ITSFixture()
        try fixture.mapDevice()
        for offset: UInt64 in [0x0080, 0x0100, 0x0108] {
            let before = fixture.get(offset, .doubleword)
            fixture.set(offset, 0, .doubleword)
            fixture.set(offset + 4, 0)
            #expect(fixture.get(offset, .doubleword) == before)
        }
        #expect(fixture.get(0x0090, .doubleword) != 0)
        fixture.set(0, 0)
        fixture.set(0x0080, ITSFixture.valid | ITSFixture.queue, .doubleword)
        #expect(fixture.get(0x0090, .doubleword) == 0 && fixture.isIdle)
    }

    @Test("accesses of 8 and 16 bits, and misaligned ones, read as zero and write nothing")
    func widths() throws {
        let fixture = try ITSFixture(start: false)
        for (offset, width) in [
            (0x0080, .byte), (0x0080, .halfword), (0x0082, .word), (0x0084, .doubleword), (0x0000, .doubleword),
        ] as [(UInt64, AccessWidth)] {
            fixture.set(offset, .max, width)
            #expect(fixture.get(offset, width) == 0)
        }
        #expect(fixture.get(0x0000) == 0x8000_0000 && fixture.get(0x0080, .doubleword) == 0)
    }
}
