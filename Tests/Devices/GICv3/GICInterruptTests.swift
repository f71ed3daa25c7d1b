import GICv3
import Testing
import VMMCore
import VMMTestSupport

@Suite struct GICInterruptTests {
    let fixture = GICFixture()

    @Test("level-sensitive: pending with the wire, active and pending after the acknowledge, again after EOI")
    func level() {
        fixture.spi(1, true)
        #expect(fixture.irq[0].isAsserted && !fixture.irq[1].isAsserted && !fixture.fiq[0].isAsserted)
        #expect(fixture.get(.HPPIR1_EL1) == 33)
        #expect(fixture.iar() == 33)
        #expect(!fixture.irq[0].isAsserted)
        #expect(fixture.state(33) == (true, true))
        #expect(fixture.iar() == GICFixture.spurious)
        fixture.eoi(33)
        #expect(fixture.irq[0].isAsserted)
        #expect(fixture.iar() == 33)
        fixture.spi(1, false)
        #expect(fixture.state(33) == (false, true))
        fixture.eoi(33)
        #expect(fixture.state(33) == (false, false))
        #expect(!fixture.irq[0].isAsserted)
    }

    @Test("level-sensitive: a wire that falls before the acknowledge leaves nothing")
    func levelWithdrawn() {
        fixture.spi(0, true)
        fixture.spi(0, false)
        #expect(!fixture.irq[0].isAsserted)
        #expect(fixture.iar() == GICFixture.spurious)
    }

    @Test("edge-triggered: a pulse is remembered, a second one while active makes it active and pending")
    func edge() {
        fixture.setEdge(40, true)
        fixture.spi(8, true)
        fixture.spi(8, false)
        #expect(fixture.state(40) == (true, false))
        #expect(fixture.iar() == 40)
        #expect(fixture.state(40) == (false, true))
        fixture.spi(8, true)
        #expect(fixture.state(40) == (true, true))
        #expect(!fixture.irq[0].isAsserted)
        fixture.eoi(40)
        #expect(fixture.iar() == 40)
        fixture.eoi(40)
        // The wire is still high: no edge, no interrupt.
        #expect(fixture.iar() == GICFixture.spurious)
    }

    @Test("ISPENDR and ICPENDR: a level-sensitive interrupt stays pending by its wire")
    func pendingRegisters() {
        fixture.setD(0x0204, 1 << 5)
        #expect(fixture.state(37) == (true, false) && fixture.irq[0].isAsserted)
        fixture.setD(0x0284, 1 << 5)
        #expect(fixture.state(37) == (false, false) && !fixture.irq[0].isAsserted)
        fixture.spi(5, true)
        fixture.setD(0x0284, 1 << 5)
        #expect(fixture.state(37) == (true, false))
        fixture.setD(0x0204, 1 << 5)
        fixture.spi(5, false)
        #expect(fixture.state(37) == (true, false))
        #expect(fixture.iar() == 37)
        #expect(fixture.state(37) == (false, true))
    }

    @Test("ISACTIVER keeps an interrupt from the CPU, ICACTIVER lets it go")
    func activeRegisters() {
        fixture.setD(0x0304, 1 << 2)
        fixture.spi(2, true)
        #expect(!fixture.irq[0].isAsserted)
        #expect(fixture.get(.RPR_EL1) == 0xFF)
        fixture.setD(0x0384, 1 << 2)
        #expect(fixture.irq[0].isAsserted)
    }

    @Test("a disabled interrupt pends and is not forwarded")
    func disabled() {
        fixture.setD(0x0184, 1 << 3)
        fixture.spi(3, true)
        #expect(fixture.state(35).pending && !fixture.irq[0].isAsserted)
        fixture.setD(0x0104, 1 << 3)
        #expect(fixture.irq[0].isAsserted)
    }

    @Test("PPIs belong to their CPU: the same INTID on another one is another interrupt")
    func ppis() {
        fixture.ppi(11, true, cpu: 1)
        #expect(fixture.irq[1].isAsserted && !fixture.irq[0].isAsserted)
        #expect(fixture.r(1, 0x1_0200) == 1 << 27 && fixture.r(0, 0x1_0200) == 0)
        #expect(fixture.iar() == GICFixture.spurious)
        #expect(fixture.iar(cpu: 1) == 27)
        fixture.eoi(27, cpu: 0)
        #expect(fixture.r(1, 0x1_0300) == 1 << 27)
        fixture.ppi(11, false, cpu: 1)
        fixture.eoi(27, cpu: 1)
        #expect(fixture.r(1, 0x1_0300) == 0)
    }

    @Test("ICC_SGI1R: the target list of a cluster")
    func sgiTargets() {
        let fixture = GICFixture(cpuCount: 18)
        fixture.set(.SGI1R_EL1, 5 << 24 | 0b101)
        #expect((0..<18).filter { fixture.irq[$0].isAsserted } == [0, 2])
        #expect(fixture.iar(cpu: 2) == 5)
        // Aff1 1: CPUs 16 and 17; a target that does not exist is nobody.
        fixture.set(.SGI1R_EL1, 6 << 24 | 1 << 16 | 0b1110)
        #expect(fixture.iar(cpu: 17) == 6 && fixture.iar(cpu: 16) == GICFixture.spurious)
        fixture.set(.SGI1R_EL1, 7 << 24 | 1 << 32 | 1)
        fixture.set(.SGI1R_EL1, 7 << 24 | 1 << 48 | 1)
        #expect(fixture.r(0, 0x1_0200) == 1 << 5)
    }

    @Test("ICC_SGI1R.IRM: all CPUs but the sender")
    func sgiBroadcast() {
        let fixture = GICFixture(cpuCount: 4)
        fixture.set(.SGI1R_EL1, 1 << 40 | 3 << 24 | 0xF, cpu: 2)
        #expect((0..<4).filter { fixture.irq[$0].isAsserted } == [0, 1, 3])
    }

    @Test("an SGI of the other group is not made pending")
    func sgiGroups() {
        fixture.set(.SGI0R_EL1, 4 << 24 | 1)
        #expect(fixture.r(0, 0x1_0200) == 0)
        fixture.setR(0, 0x1_0080, 0xFFFF_FFEF)
        fixture.set(.SGI1R_EL1, 4 << 24 | 1)
        fixture.set(.ASGI1R_EL1, 4 << 24 | 1)
        #expect(fixture.r(0, 0x1_0200) == 0)
        fixture.set(.SGI0R_EL1, 4 << 24 | 1)
        #expect(fixture.fiq[0].isAsserted && !fixture.irq[0].isAsserted)
        fixture.set(.ASGI1R_EL1, 5 << 24 | 1)
        #expect(fixture.r(0, 0x1_0200) == 0x30)
    }

    @Test("an SGI can be set and cleared in ISPENDR0 and ICPENDR0")
    func sgiPending() {
        fixture.setR(1, 0x1_0200, 1)
        #expect(fixture.irq[1].isAsserted)
        fixture.setR(1, 0x1_0280, 1)
        #expect(!fixture.irq[1].isAsserted)
    }

    @Test("affinity routing: an SPI follows IROUTER, pending or not")
    func routing() {
        fixture.spi(4, true)
        #expect(fixture.irq[0].isAsserted)
        fixture.route(36, 1)
        #expect(!fixture.irq[0].isAsserted && fixture.irq[1].isAsserted)
        // Nobody has affinity 0.0.0.9, nor 0.0.1.0: the interrupt stays pending.
        for value in [9, 0x100, 0x1_0000, 0x1_0000_0000] as [UInt64] {
            fixture.route(36, value)
            #expect(!fixture.irq[0].isAsserted && !fixture.irq[1].isAsserted)
        }
        #expect(fixture.state(36).pending)
        fixture.route(36, 0)
        #expect(fixture.iar() == 36)
    }

    @Test("an active SPI that is routed elsewhere comes there after its EOI")
    func routingWhileActive() {
        fixture.spi(4, true)
        #expect(fixture.iar() == 36)
        fixture.route(36, 1)
        #expect(!fixture.irq[1].isAsserted)
        fixture.eoi(36)
        #expect(fixture.irq[1].isAsserted && !fixture.irq[0].isAsserted)
    }

    @Test("1-of-N: the first CPU that is awake, has the group on and no DPG")
    func oneOfN() {
        let fixture = GICFixture(cpuCount: 3)
        func asserted() -> [Int] { (0..<3).filter { fixture.irq[$0].isAsserted } }
        fixture.route(50, 1 << 31 | 2)
        fixture.spi(18, true)
        #expect(asserted() == [0])
        fixture.set(.IGRPEN1_EL1, 0, cpu: 0)
        #expect(asserted() == [1])
        fixture.setR(1, 0x0000, 1 << 25)
        #expect(asserted() == [2])
        fixture.setR(2, 0x0014, 2)
        #expect(asserted() == [])
        fixture.setR(1, 0x0000, 1 << 24)
        #expect(asserted() == [1])
        #expect(fixture.iar(cpu: 1) == 50)
        fixture.set(.IGRPEN1_EL1, 1, cpu: 0)
        #expect(asserted() == [])
        fixture.eoi(50, cpu: 1)
        #expect(asserted() == [0])
    }

    @Test("GICR_WAKER.ProcessorSleep: what pends meanwhile comes when it is cleared")
    func sleep() {
        fixture.setR(0, 0x0014, 2)
        #expect(fixture.r(0, 0x0014) == 6)
        fixture.spi(0, true)
        fixture.set(.SGI1R_EL1, 1)
        #expect(!fixture.irq[0].isAsserted && fixture.get(.HPPIR1_EL1) == GICFixture.spurious)
        fixture.setR(0, 0x0014, 0)
        #expect(fixture.r(0, 0x0014) == 0)
        #expect(fixture.iar() == 0)
    }

    @Test("an interrupt with a nonsense INTID cannot be ended, and nothing else is")
    func nonsense() {
        fixture.spi(0, true)
        #expect(fixture.iar() == 32)
        for intid in [1020, 1021, 1023] as [UInt64] {
            fixture.eoi(intid)
            #expect(fixture.get(.RPR_EL1) == 0xA0)
        }
        fixture.set(.CTLR_EL1, 2)
        for intid in [96, 1019, 1024, 8192, 0xFF_FFFF, .max] as [UInt64] { fixture.set(.DIR_EL1, intid) }
        #expect(fixture.state(32) == (true, true))
    }

    @Test("a PPI's level that comes after a later one is passed over")
    func orderedPPI() {
        let fixture = GICFixture(cpuCount: 1)
        let wire = fixture.gic.interruptLine(ppi: 11, cpu: 0)
        wire.setLevel(false, order: 2)
        wire.setLevel(true, order: 1)
        #expect(!fixture.irq[0].isAsserted)
        wire.setLevel(true, order: 3)
        #expect(fixture.irq[0].isAsserted)
    }
}
