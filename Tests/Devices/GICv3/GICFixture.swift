import GICv3
import VMMCore
import VMMTestSupport

/// A GIC with the test at both ends: its devices as wires, its CPUs as recording lines.
struct GICFixture {
    let irq: [RecordingInterruptLine]
    let fiq: [RecordingInterruptLine]
    let gic: GICv3
    let gicd: any MMIODevice
    let gicr: any MMIODevice

    /// - Parameter start: groups on everywhere, redistributors awake, all priorities let through; every interrupt in
    ///   group 1, enabled, at priority 0xA0 and going to CPU 0.
    init(cpuCount: Int = 2, spiCount: Int = 64, lpis: GICv3.LPISupport? = nil, start: Bool = true) {
        irq = (0..<cpuCount).map { _ in RecordingInterruptLine() }
        fiq = (0..<cpuCount).map { _ in RecordingInterruptLine() }
        gic = GICv3(cpuCount: cpuCount, spiCount: spiCount, irq: irq, fiq: fiq, lpis: lpis)
        gicd = gic.distributor
        gicr = gic.redistributors
        if start { self.start(cpuCount, spiCount) }
    }

    private func start(_ cpuCount: Int, _ spiCount: Int) {
        setD(0x0000, 0x3)
        for row in 1...spiCount / 32 {
            setD(0x0080 + 4 * UInt64(row), .max)
            setD(0x0100 + 4 * UInt64(row), .max)
        }
        for intid in stride(from: 32, to: 32 + spiCount, by: 4) { setD(0x0400 + UInt64(intid), 0xA0A0_A0A0) }
        for cpu in 0..<cpuCount {
            setR(cpu, 0x0014, 0)
            setR(cpu, 0x1_0080, .max)
            setR(cpu, 0x1_0100, .max)
            for intid in stride(from: UInt64(0), to: 32, by: 4) { setR(cpu, 0x1_0400 + intid, 0xA0A0_A0A0) }
            set(.PMR_EL1, 0xFF, cpu: cpu)
            set(.IGRPEN0_EL1, 1, cpu: cpu)
            set(.IGRPEN1_EL1, 1, cpu: cpu)
        }
    }

    // MARK: Distributor

    func d(_ offset: UInt64, _ width: AccessWidth = .word) -> UInt64 { gicd.read(at: offset, width: width) }
    func setD(_ offset: UInt64, _ value: UInt64, _ width: AccessWidth = .word) {
        gicd.write(value & width.mask, at: offset, width: width)
    }

    // MARK: Redistributors. Offsets from 0x1_0000 on are SGI_base.

    func r(_ cpu: Int, _ offset: UInt64, _ width: AccessWidth = .word) -> UInt64 {
        gicr.read(at: UInt64(cpu) * 0x2_0000 + offset, width: width)
    }
    func setR(_ cpu: Int, _ offset: UInt64, _ value: UInt64, _ width: AccessWidth = .word) {
        gicr.write(value & width.mask, at: UInt64(cpu) * 0x2_0000 + offset, width: width)
    }

    // MARK: CPU interface

    func get(_ register: ICCRegister, cpu: Int = 0) -> UInt64 { gic.readSystemRegister(register, cpu: cpu) }
    func set(_ register: ICCRegister, _ value: UInt64, cpu: Int = 0) {
        gic.writeSystemRegister(register, value, cpu: cpu)
    }

    /// Acknowledges in group 1.
    func iar(cpu: Int = 0) -> UInt64 { get(.IAR1_EL1, cpu: cpu) }
    func eoi(_ intid: UInt64, cpu: Int = 0) { set(.EOIR1_EL1, intid, cpu: cpu) }

    // MARK: Interrupts

    static let spurious: UInt64 = 1023

    func spi(_ spi: Int, _ level: Bool) { gic.interruptLine(spi: spi).setLevel(level) }
    func ppi(_ ppi: Int, _ level: Bool, cpu: Int = 0) { gic.interruptLine(ppi: ppi, cpu: cpu).setLevel(level) }

    func setPriority(_ intid: UInt64, _ priority: UInt64) { setD(0x0400 + intid, priority, .byte) }

    /// Makes an interrupt edge-triggered, or level-sensitive.
    func setEdge(_ intid: UInt64, _ isEdge: Bool) {
        let offset = 0x0C00 + intid / 16 * 4
        let bit = UInt64(2) << (2 * (intid % 16))
        setD(offset, isEdge ? d(offset) | bit : d(offset) & ~bit)
    }

    func route(_ intid: UInt64, _ value: UInt64) { setD(0x6000 + 8 * intid, value, .doubleword) }

    /// Pending and active, as the distributor tells.
    func state(_ intid: UInt64) -> (pending: Bool, active: Bool) {
        let bit = UInt64(1) << (intid % 32)
        let row = intid / 32 * 4
        return (d(0x0200 + row) & bit != 0, d(0x0300 + row) & bit != 0)
    }
}
