import GICv3
import Testing
import VMMCore

@Suite struct GICRegisterTests {
    /// A row of the table: what a register resets to, and what all ones leave in it.
    struct Row: CustomStringConvertible, Sendable {
        var name: String
        var offset: UInt64
        var reset: UInt64
        var allOnes: UInt64
        var width = AccessWidth.word
        var description: String { name }
    }

    @Test(
        "distributor registers: reset value and writable bits",
        arguments: [
            Row(name: "GICD_CTLR", offset: 0x0000, reset: 0x50, allOnes: 0x53),
            // 96 INTIDs, IDbits 15, A3V; no security extension, LPIs, MBIS or RSS; 1-of-N is there.
            Row(name: "GICD_TYPER", offset: 0x0004, reset: 0x0178_0002, allOnes: 0x0178_0002),
            Row(name: "GICD_IIDR", offset: 0x0008, reset: 0x43B, allOnes: 0x43B),
            Row(name: "GICD_TYPER2", offset: 0x000C, reset: 0, allOnes: 0),
            Row(name: "GICD_STATUSR", offset: 0x0010, reset: 0, allOnes: 0),
            Row(name: "GICD_SETSPI_NSR", offset: 0x0040, reset: 0, allOnes: 0),
            Row(name: "GICD_IGROUPR0", offset: 0x0080, reset: 0, allOnes: 0),
            Row(name: "GICD_IGROUPR1", offset: 0x0084, reset: 0, allOnes: 0xFFFF_FFFF),
            Row(name: "GICD_IGROUPR2", offset: 0x0088, reset: 0, allOnes: 0xFFFF_FFFF),
            Row(name: "GICD_IGROUPR3: past the SPIs", offset: 0x008C, reset: 0, allOnes: 0),
            Row(name: "GICD_ISENABLER0", offset: 0x0100, reset: 0, allOnes: 0),
            Row(name: "GICD_ISENABLER1", offset: 0x0104, reset: 0, allOnes: 0xFFFF_FFFF),
            Row(name: "GICD_ICENABLER1", offset: 0x0184, reset: 0, allOnes: 0),
            Row(name: "GICD_ISPENDR1", offset: 0x0204, reset: 0, allOnes: 0xFFFF_FFFF),
            Row(name: "GICD_ICPENDR1", offset: 0x0284, reset: 0, allOnes: 0),
            Row(name: "GICD_ISACTIVER1", offset: 0x0304, reset: 0, allOnes: 0xFFFF_FFFF),
            Row(name: "GICD_ICACTIVER1", offset: 0x0384, reset: 0, allOnes: 0),
            Row(name: "GICD_IPRIORITYR0", offset: 0x0400, reset: 0, allOnes: 0),
            Row(name: "GICD_IPRIORITYR8: five bits", offset: 0x0420, reset: 0, allOnes: 0xF8F8_F8F8),
            Row(name: "GICD_IPRIORITYR8, byte 3", offset: 0x0423, reset: 0, allOnes: 0xF8, width: .byte),
            Row(name: "GICD_IPRIORITYR23", offset: 0x045C, reset: 0, allOnes: 0xF8F8_F8F8),
            Row(name: "GICD_IPRIORITYR24: past the SPIs", offset: 0x0460, reset: 0, allOnes: 0),
            Row(name: "GICD_ITARGETSR8: affinity routing", offset: 0x0820, reset: 0, allOnes: 0),
            Row(name: "GICD_ICFGR0", offset: 0x0C00, reset: 0, allOnes: 0),
            Row(name: "GICD_ICFGR2", offset: 0x0C08, reset: 0, allOnes: 0xAAAA_AAAA),
            Row(name: "GICD_ICFGR6: past the SPIs", offset: 0x0C18, reset: 0, allOnes: 0),
            Row(name: "GICD_IGRPMODR1", offset: 0x0D04, reset: 0, allOnes: 0),
            Row(name: "GICD_NSACR2", offset: 0x0E08, reset: 0, allOnes: 0),
            Row(name: "GICD_SGIR", offset: 0x0F00, reset: 0, allOnes: 0),
            Row(name: "GICD_SPENDSGIR0", offset: 0x0F20, reset: 0, allOnes: 0),
            Row(name: "GICD_IROUTER31", offset: 0x60F8, reset: 0, allOnes: 0, width: .doubleword),
            Row(name: "GICD_IROUTER32", offset: 0x6100, reset: 0, allOnes: 0xFF_80FF_FFFF, width: .doubleword),
            Row(name: "GICD_IROUTER32, low word", offset: 0x6100, reset: 0, allOnes: 0x80FF_FFFF),
            Row(name: "GICD_IROUTER32, high word", offset: 0x6104, reset: 0, allOnes: 0xFF),
            Row(name: "GICD_IROUTER95", offset: 0x62F8, reset: 0, allOnes: 0xFF_80FF_FFFF, width: .doubleword),
            Row(name: "GICD_IROUTER96: past the SPIs", offset: 0x6300, reset: 0, allOnes: 0, width: .doubleword),
            Row(name: "GICD_PIDR4", offset: 0xFFD0, reset: 0x44, allOnes: 0x44),
            Row(name: "GICD_PIDR0", offset: 0xFFE0, reset: 0x92, allOnes: 0x92),
            Row(name: "GICD_PIDR1", offset: 0xFFE4, reset: 0xB4, allOnes: 0xB4),
            Row(name: "GICD_PIDR2: GICv3", offset: 0xFFE8, reset: 0x3B, allOnes: 0x3B),
            Row(name: "GICD_CIDR0", offset: 0xFFF0, reset: 0x0D, allOnes: 0x0D),
            Row(name: "GICD_CIDR1", offset: 0xFFF4, reset: 0xF0, allOnes: 0xF0),
            Row(name: "GICD_CIDR2", offset: 0xFFF8, reset: 0x05, allOnes: 0x05),
            Row(name: "GICD_CIDR3", offset: 0xFFFC, reset: 0xB1, allOnes: 0xB1),
        ])
    func distributor(_ row: Row) {
        let fixture = GICFixture(start: false)
        #expect(fixture.d(row.offset, row.width) == row.reset)
        fixture.setD(row.offset, .max, row.width)
        #expect(fixture.d(row.offset, row.width) == row.allOnes)
        fixture.setD(row.offset, 0, row.width)
        let keepsOnes = (0x0100..<0x0400).contains(row.offset) && row.offset % 0x100 < 0x80
        #expect(fixture.d(row.offset, row.width) == (keepsOnes ? row.allOnes : row.reset))
    }

    @Test(
        "redistributor registers: reset value and writable bits",
        arguments: [
            Row(name: "GICR_CTLR: DPG0, DPG1NS", offset: 0x0000, reset: 0, allOnes: 0x0300_0000),
            Row(name: "GICR_IIDR", offset: 0x0004, reset: 0x43B, allOnes: 0x43B),
            Row(name: "GICR_STATUSR", offset: 0x0010, reset: 0, allOnes: 0),
            Row(name: "GICR_WAKER: ChildrenAsleep follows", offset: 0x0014, reset: 6, allOnes: 6),
            Row(name: "GICR_PROPBASER: no LPIs", offset: 0x0070, reset: 0, allOnes: 0, width: .doubleword),
            Row(name: "GICR_PENDBASER: no LPIs", offset: 0x0078, reset: 0, allOnes: 0, width: .doubleword),
            Row(name: "GICR_PIDR0", offset: 0xFFE0, reset: 0x93, allOnes: 0x93),
            Row(name: "GICR_PIDR2", offset: 0xFFE8, reset: 0x3B, allOnes: 0x3B),
            Row(name: "GICR_IGROUPR0", offset: 0x1_0080, reset: 0, allOnes: 0xFFFF_FFFF),
            Row(name: "SGI_base has one row", offset: 0x1_0084, reset: 0, allOnes: 0),
            Row(name: "GICR_ISENABLER0", offset: 0x1_0100, reset: 0, allOnes: 0xFFFF_FFFF),
            Row(name: "GICR_ICENABLER0", offset: 0x1_0180, reset: 0, allOnes: 0),
            Row(name: "GICR_ISPENDR0", offset: 0x1_0200, reset: 0, allOnes: 0xFFFF_FFFF),
            Row(name: "GICR_ISACTIVER0", offset: 0x1_0300, reset: 0, allOnes: 0xFFFF_FFFF),
            Row(name: "GICR_IPRIORITYR0", offset: 0x1_0400, reset: 0, allOnes: 0xF8F8_F8F8),
            Row(name: "GICR_IPRIORITYR7, byte 3", offset: 0x1_041F, reset: 0, allOnes: 0xF8, width: .byte),
            Row(name: "past GICR_IPRIORITYR7", offset: 0x1_0420, reset: 0, allOnes: 0),
            Row(
                name: "GICR_ICFGR0: SGIs are edge-triggered", offset: 0x1_0C00, reset: 0xAAAA_AAAA, allOnes: 0xAAAA_AAAA
            ),
            Row(name: "GICR_ICFGR1", offset: 0x1_0C04, reset: 0, allOnes: 0xAAAA_AAAA),
            Row(name: "GICR_IGRPMODR0", offset: 0x1_0D00, reset: 0, allOnes: 0),
            Row(name: "GICR_NSACR", offset: 0x1_0E00, reset: 0, allOnes: 0),
        ])
    func redistributor(_ row: Row) {
        let fixture = GICFixture(start: false)
        for cpu in 0..<2 {
            #expect(fixture.r(cpu, row.offset, row.width) == row.reset)
            fixture.setR(cpu, row.offset, .max, row.width)
            #expect(fixture.r(cpu, row.offset, row.width) == row.allOnes)
            fixture.setR(cpu, row.offset, 0, row.width)
            let keepsOnes = (0x1_0100..<0x1_0400).contains(row.offset) && row.offset % 0x100 < 0x80
            let expected = row.name.hasPrefix("GICR_WAKER") ? 0 : keepsOnes ? row.allOnes : row.reset
            #expect(fixture.r(cpu, row.offset, row.width) == expected)
        }
    }

    @Test("GICR_TYPER: number, affinity, and Last in the last redistributor only, as 64 bits and as two words")
    func typer() {
        let fixture = GICFixture(cpuCount: 18, start: false)
        #expect(fixture.gicr.windowSize == 18 * 0x2_0000)
        #expect(fixture.r(0, 0x0008, .doubleword) == 0x0000_0000_0000_0020)
        #expect(fixture.r(3, 0x0008, .doubleword) == 0x0000_0003_0000_0320)
        #expect(fixture.r(16, 0x0008, .doubleword) == 0x0000_0100_0000_1020)
        #expect(fixture.r(17, 0x0008, .doubleword) == 0x0000_0101_0000_1130)
        #expect(fixture.r(17, 0x0008) == 0x0000_1130)
        #expect(fixture.r(17, 0x000C) == 0x0000_0101)
        fixture.setR(3, 0x0008, .max, .doubleword)
        #expect(fixture.r(3, 0x0008, .doubleword) == 0x0000_0003_0000_0320)
    }

    @Test(
        "GICD_TYPER.ITLinesNumber covers the SPIs", arguments: [(32, 1), (256, 8), (960, 30)] as [(Int, UInt64)])
    func lines(_ spiCount: Int, _ lines: UInt64) {
        #expect(GICFixture(cpuCount: 1, spiCount: spiCount, start: false).d(0x0004) & 0x1F == lines)
    }

    @Test("a width or alignment that a register does not take reads as zero and is not written")
    func widths() {
        let fixture = GICFixture()
        let taken: [(UInt64, AccessWidth)] = [
            (0x0000, .byte), (0x0000, .halfword), (0x0000, .doubleword), (0x0002, .word), (0x0084, .byte),
            (0x0080, .doubleword), (0x0085, .word), (0x0420, .halfword), (0x0421, .word), (0x0420, .doubleword),
            (0x6104, .doubleword), (0x6100, .byte), (0x6102, .word), (0xFFE8, .byte),
        ]
        fixture.setD(0x6100, 0xFF_80FF_FFFF, .doubleword)
        for (offset, width) in taken {
            #expect(fixture.d(offset, width) == 0, "offset \(offset)")
            fixture.setD(offset, 0, width)
        }
        #expect(fixture.d(0x0000) == 0x53)
        #expect(fixture.d(0x0084) == 0xFFFF_FFFF)
        #expect(fixture.d(0x0420) == 0xA0A0_A0A0)
        #expect(fixture.d(0x6100, .doubleword) == 0xFF_80FF_FFFF)
    }

    @Test(
        "CPU interface registers: reset value and writable bits",
        arguments: [
            (.PMR_EL1, 0x00, 0xF8), (.BPR0_EL1, 2, 7), (.BPR1_EL1, 3, 7), (.CTLR_EL1, 0x8400, 0x8403),
            (.SRE_EL1, 7, 7), (.IGRPEN0_EL1, 0, 1), (.IGRPEN1_EL1, 0, 1), (.AP0R0_EL1, 0, 0xFFFF_FFFF),
            (.AP1R0_EL1, 0, 0xFFFF_FFFF), (.RPR_EL1, 0xFF, 0xFF), (.IAR0_EL1, 1023, 1023), (.IAR1_EL1, 1023, 1023),
            (.HPPIR0_EL1, 1023, 1023), (.HPPIR1_EL1, 1023, 1023), (.EOIR0_EL1, 0, 0), (.EOIR1_EL1, 0, 0),
            (.DIR_EL1, 0, 0), (.SGI0R_EL1, 0, 0), (.SGI1R_EL1, 0, 0), (.ASGI1R_EL1, 0, 0),
        ] as [(ICCRegister, UInt64, UInt64)])
    func interface(_ register: ICCRegister, _ reset: UInt64, _ allOnes: UInt64) {
        let fixture = GICFixture(start: false)
        #expect(fixture.get(register) == reset)
        fixture.set(register, .max)
        #expect(fixture.get(register) == allOnes)
        #expect(fixture.get(register, cpu: 1) == reset)
        fixture.set(register, 0)
        #expect(fixture.get(register) == (register == .SRE_EL1 ? 7 : reset))
    }

    @Test("ICC_BPR: a value below the least one gives the least one; CBPR makes BPR1 a view of BPR0 plus one")
    func binaryPoints() {
        let fixture = GICFixture()
        fixture.set(.BPR0_EL1, 1)
        fixture.set(.BPR1_EL1, 2)
        #expect(fixture.get(.BPR0_EL1) == 2 && fixture.get(.BPR1_EL1) == 3)
        fixture.set(.BPR1_EL1, 5)
        fixture.set(.CTLR_EL1, 1)
        #expect(fixture.get(.BPR1_EL1) == 3)
        fixture.set(.BPR1_EL1, 6)
        #expect(fixture.get(.BPR1_EL1) == 3)
        fixture.set(.BPR0_EL1, 7)
        #expect(fixture.get(.BPR1_EL1) == 7)
        fixture.set(.CTLR_EL1, 0)
        #expect(fixture.get(.BPR1_EL1) == 5)
    }

    @Test("every ICC register has one encoding, and ICC_AP0R1 and its like have none")
    func encodings() {
        var seen: [ICCRegister] = []
        for crn in UInt8(0)...15 {
            for crm in UInt8(0)...15 {
                for op2 in UInt8(0)...7 {
                    if let register = ICCRegister(crn: crn, crm: crm, op2: op2) { seen.append(register) }
                }
            }
        }
        #expect(seen.count == ICCRegister.allCases.count && Set(seen).count == seen.count)
        #expect(ICCRegister(crn: 12, crm: 8, op2: 5) == nil)
        #expect(ICCRegister(crn: 12, crm: 12, op2: 0) == .IAR1_EL1)
        #expect(ICCRegister(crn: 4, crm: 6, op2: 0) == .PMR_EL1)
        #expect(ICCRegister(crn: 12, crm: 11, op2: 5) == .SGI1R_EL1)
        #expect(ICCRegister.IAR1_EL1.direction == .readOnly && ICCRegister.EOIR1_EL1.direction == .writeOnly)
    }
}
