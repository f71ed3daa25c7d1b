import GICv3
import Testing
import VMMTestSupport

@Suite struct GICPriorityTests {
    let fixture = GICFixture()

    @Test("the most urgent comes first; of equal ones the lowest INTID")
    func order() {
        fixture.setPriority(60, 0x40)
        for spi in [28, 7, 3, 40] { fixture.spi(spi, true) }
        fixture.set(.SGI1R_EL1, 9 << 24 | 1)
        var order: [UInt64] = []
        fixture.set(.CTLR_EL1, 2)
        for _ in 0..<5 {
            let intid = fixture.iar()
            order.append(intid)
            fixture.eoi(intid)
        }
        #expect(order == [60, 9, 35, 39, 72])
        #expect(fixture.iar() == GICFixture.spurious)
    }

    @Test("ICC_PMR: a priority must be below it")
    func mask() {
        fixture.spi(0, true)
        fixture.set(.PMR_EL1, 0xA0)
        #expect(!fixture.irq[0].isAsserted)
        #expect(fixture.iar() == GICFixture.spurious)
        // HPPIR does not look at the mask.
        #expect(fixture.get(.HPPIR1_EL1) == 32)
        fixture.set(.PMR_EL1, 0xA8)
        #expect(fixture.irq[0].isAsserted)
        // The lowest priority there is cannot be let through with five bits.
        fixture.setPriority(32, 0xFF)
        fixture.set(.PMR_EL1, 0xFF)
        #expect(!fixture.irq[0].isAsserted)
    }

    @Test("preemption nests: RPR, AP1R and the line go up and down with IAR and EOIR")
    func nesting() {
        fixture.setPriority(33, 0x80)
        fixture.setPriority(34, 0x80)
        fixture.spi(0, true)
        #expect(fixture.iar() == 32)
        #expect(fixture.get(.RPR_EL1) == 0xA0 && fixture.get(.AP1R0_EL1) == 1 << 20)
        fixture.spi(1, true)
        #expect(fixture.irq[0].isAsserted)
        #expect(fixture.iar() == 33)
        #expect(fixture.get(.RPR_EL1) == 0x80 && fixture.get(.AP1R0_EL1) == 1 << 20 | 1 << 16)
        // Equal priority does not preempt.
        fixture.spi(2, true)
        #expect(!fixture.irq[0].isAsserted && fixture.iar() == GICFixture.spurious)
        fixture.eoi(33)
        #expect(fixture.get(.RPR_EL1) == 0xA0)
        fixture.spi(1, false)
        #expect(fixture.iar() == 34)
        fixture.eoi(34)
        fixture.eoi(32)
        #expect(fixture.get(.RPR_EL1) == 0xFF && fixture.get(.AP1R0_EL1) == 0)
    }

    @Test(
        "binary point: an interrupt preempts when its group priority is lower",
        arguments: [(3, true), (4, true), (5, false), (6, false), (7, false)] as [(UInt64, Bool)])
    func binaryPoint(_ point: UInt64, _ preempts: Bool) {
        // 0x90 and 0x80 differ in bit 4: part of the group priority up to BPR1 4 (bits 7:4).
        fixture.set(.BPR1_EL1, point)
        fixture.setPriority(32, 0x90)
        fixture.setPriority(33, 0x80)
        fixture.spi(0, true)
        #expect(fixture.iar() == 32)
        fixture.spi(1, true)
        #expect(fixture.irq[0].isAsserted == preempts)
    }

    @Test("the subpriority orders what pends, and RPR shows the group priority")
    func subpriority() {
        fixture.set(.BPR1_EL1, 6)
        fixture.setPriority(33, 0x90)
        fixture.spi(0, true)
        fixture.spi(1, true)
        #expect(fixture.iar() == 33)
        #expect(fixture.get(.RPR_EL1) == 0x80)
    }

    @Test("group 0 and BPR0: no preemption at 7; CBPR makes it hold for group 1")
    func group0BinaryPoint() {
        fixture.setD(0x0084, 0)
        fixture.set(.BPR0_EL1, 7)
        fixture.setPriority(33, 0x00)
        fixture.spi(0, true)
        #expect(fixture.get(.IAR0_EL1) == 32)
        #expect(fixture.get(.AP0R0_EL1) == 1)
        fixture.spi(1, true)
        #expect(!fixture.fiq[0].isAsserted)
        fixture.set(.EOIR0_EL1, 32)
        #expect(fixture.get(.IAR0_EL1) == 33)

        for cbpr in [0, 1] as [UInt64] {
            let common = GICFixture()
            common.set(.BPR0_EL1, 7)
            common.set(.CTLR_EL1, cbpr)
            common.setPriority(33, 0x00)
            common.spi(0, true)
            #expect(common.iar() == 32)
            #expect(common.get(.RPR_EL1) == (cbpr == 0 ? 0xA0 : 0))
            common.spi(1, true)
            #expect(common.irq[0].isAsserted == (cbpr == 0))
        }
    }

    @Test("group 0 goes to FIQ and IAR0, group 1 to IRQ and IAR1; only the most urgent is signalled")
    func groups() {
        fixture.setD(0x0084, 0xFFFF_FFFE)
        fixture.spi(0, true)
        fixture.spi(1, true)
        #expect(fixture.fiq[0].isAsserted && !fixture.irq[0].isAsserted)
        #expect(fixture.get(.HPPIR0_EL1) == 32 && fixture.get(.HPPIR1_EL1) == GICFixture.spurious)
        #expect(fixture.iar() == GICFixture.spurious)
        #expect(fixture.get(.IAR0_EL1) == 32)
        #expect(fixture.get(.AP0R0_EL1) == 1 << 20 && fixture.get(.AP1R0_EL1) == 0)
        // An EOIR of the other group drops nothing.
        fixture.eoi(32)
        #expect(fixture.get(.RPR_EL1) == 0xA0 && fixture.state(32).active)
        fixture.set(.EOIR0_EL1, 32)
        fixture.spi(0, false)
        #expect(fixture.irq[0].isAsserted && !fixture.fiq[0].isAsserted)
    }

    @Test("a group that GICD_CTLR or IGRPEN disables does not stand in the way of the other", arguments: [true, false])
    func groupEnables(_ inDistributor: Bool) {
        fixture.setD(0x0084, 0xFFFF_FFFE)
        fixture.spi(0, true)
        fixture.spi(1, true)
        if inDistributor { fixture.setD(0x0000, 2) } else { fixture.set(.IGRPEN0_EL1, 0) }
        #expect(!fixture.fiq[0].isAsserted && fixture.irq[0].isAsserted)
        #expect(fixture.get(.HPPIR0_EL1) == GICFixture.spurious)
        #expect(fixture.iar() == 33)
    }

    @Test("EOImode 1: EOIR drops the priority, DIR deactivates")
    func splitEOI() {
        fixture.set(.CTLR_EL1, 2)
        fixture.spi(0, true)
        #expect(fixture.iar() == 32)
        fixture.eoi(32)
        #expect(fixture.get(.RPR_EL1) == 0xFF && fixture.state(32).active)
        #expect(!fixture.irq[0].isAsserted)
        fixture.set(.DIR_EL1, 32)
        #expect(!fixture.state(32).active && fixture.irq[0].isAsserted)
    }

    @Test("EOImode 1: an SPI can be deactivated on another CPU")
    func deactivateElsewhere() {
        fixture.set(.CTLR_EL1, 2, cpu: 1)
        fixture.spi(0, true)
        #expect(fixture.iar() == 32)
        fixture.set(.DIR_EL1, 32, cpu: 1)
        #expect(!fixture.state(32).active && fixture.get(.RPR_EL1) == 0xA0)
    }

    @Test("EOImode 0: DIR does nothing")
    func directDeactivate() {
        fixture.spi(0, true)
        #expect(fixture.iar() == 32)
        fixture.set(.DIR_EL1, 32)
        #expect(fixture.state(32).active)
    }

    @Test("EOIR with nothing active does nothing")
    func endWithoutBegin() {
        fixture.setD(0x0304, 1)
        fixture.eoi(32)
        #expect(fixture.state(32).active && fixture.get(.RPR_EL1) == 0xFF)
    }

    @Test("AP1R written: restores a running priority")
    func activePriorities() {
        fixture.spi(0, true)
        fixture.set(.AP1R0_EL1, 1 << 20)
        #expect(!fixture.irq[0].isAsserted && fixture.get(.RPR_EL1) == 0xA0)
        fixture.set(.AP1R0_EL1, 1 << 21)
        #expect(fixture.irq[0].isAsserted)
    }

    @Test("a priority that changes while pending counts at once")
    func priorityChange() {
        fixture.spi(0, true)
        fixture.spi(1, true)
        fixture.setPriority(33, 0x10)
        #expect(fixture.get(.HPPIR1_EL1) == 33)
    }
}
