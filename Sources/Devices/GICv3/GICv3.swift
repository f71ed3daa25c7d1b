internal import Synchronization
package import VMMCore

/// A GICv3 with one security state (GICD_CTLR.DS is always one), as QEMU's `virt` machine offers it to a guest at EL1:
/// a distributor, a redistributor for each CPU, and the CPU interfaces' system registers. Affinity routing is always on;
/// CPU n has affinity 0.0.(n / 16).(n mod 16). Five priority bits are implemented. Given guest memory it has LPIs, 8192 of them,
/// and an ITS.
///
/// The group of an interrupt decides the signal: group 1 asserts a CPU's IRQ line, group 0 its FIQ line. A 1-of-N
/// interrupt goes to the first CPU that is awake and has its group enabled. Of several interrupts of one priority the one
/// with the lowest INTID comes first. GICD_CTLR.RWP and GICR_CTLR.RWP never read as one: each write has taken effect when
/// it returns.
///
/// Threading: everything from any thread; a CPU's system registers on that CPU's thread. The CPUs' lines are called
/// without a lock held, on the thread that caused the change. Order: when the call that caused a change returns, the
/// lines have that change or a later one.
/// Errors: none that a guest can cause; see `GICState` on registers that are not there.
/// Guest memory is read and written, for LPIs, with the controller's lock held.
/// Source: GICv3 (Arm IHI 0069).
package final class GICv3: Sendable {
    /// Redistributors that fit between 0x080A_0000 and the UART at 0x0900_0000 of the `virt` machine.
    package static let maximumCPUCount = 123
    /// SPIs of the `virt` machine.
    package static let defaultSPICount = 256

    private let irq: [any OrderedInterruptLine]
    private let fiq: [any OrderedInterruptLine]
    private let state: Mutex<GICState>
    let faults: GuestFaultLog?
    package let cpuCount: Int
    package let spiCount: Int

    /// - Parameters:
    ///   - cpuCount: 1 to `maximumCPUCount`.
    ///   - spiCount: a multiple of 32, from 32 to 960.
    ///   - irq: CPU n's IRQ input, level-sensitive, at index n.
    ///   - fiq: likewise, FIQ.
    ///   - lpis: nil: neither LPIs nor an ITS.
    package init(
        cpuCount: Int, spiCount: Int = GICv3.defaultSPICount, irq: [any OrderedInterruptLine],
        fiq: [any OrderedInterruptLine], lpis: LPISupport? = nil
    ) {
        precondition((1...Self.maximumCPUCount).contains(cpuCount))
        precondition(irq.count == cpuCount && fiq.count == cpuCount)
        precondition((32...960).contains(spiCount) && spiCount % 32 == 0)
        self.cpuCount = cpuCount
        self.spiCount = spiCount
        self.irq = irq
        self.fiq = fiq
        faults = lpis?.faults
        state = Mutex(GICState(cpuCount: cpuCount, spiCount: spiCount, memory: lpis?.memory))
    }

    /// The distributor's 64 KiB, GICD.
    package var distributor: some MMIODevice { GICDistributor(gic: self) }

    /// The redistributors' frames, GICR: 128 KiB a CPU, RD_base and SGI_base.
    package var redistributors: some MMIODevice { GICRedistributors(gic: self) }

    /// The input of a shared peripheral interrupt: `spi` counts from 0 (INTID 32), below `spiCount`.
    package func interruptLine(spi: Int) -> some InterruptLine {
        precondition((0..<spiCount).contains(spi))
        return GICSPIInput(gic: self, spi: spi)
    }

    /// The input of a CPU's private peripheral interrupt: `ppi` is 0 to 15 (INTID 16 to 31).
    package func interruptLine(ppi: Int, cpu: Int) -> some OrderedInterruptLine {
        precondition((0..<16).contains(ppi) && (0..<cpuCount).contains(cpu))
        return GICPPIInput(gic: self, ppi: ppi, cpu: cpu)
    }

    // MARK: CPU interface

    /// MRS. Reading ICC_IAR acknowledges. A register that cannot be read gives zero: `ICCRegister.direction` says which
    /// instructions are undefined.
    /// - Parameter cpu: 0 to `cpuCount` - 1.
    package func readSystemRegister(_ register: ICCRegister, cpu: Int) -> UInt64 {
        perform { $0.read(register, cpu: cpu) }
    }

    /// MSR. A register that cannot be written stays as it is.
    package func writeSystemRegister(_ register: ICCRegister, _ value: UInt64, cpu: Int) {
        perform { $0.write(value, to: register, cpu: cpu) }
    }

    // MARK: Steps

    /// Takes one step, then brings the CPUs' lines to what came of it.
    @inline(__always)
    func perform<Result: Sendable>(_ step: (inout GICState) -> Result) -> Result {
        let (result, delivery) = state.withLock { state in (step(&state), state.takeDelivery()) }
        if let first = delivery.first {
            deliver(first)
            for other in delivery.others { deliver(other) }
        }
        return result
    }

    private func deliver(_ step: GICDelivery.Step) {
        switch step.signal {
        case .irq: irq[step.cpu].setLevel(step.change.level, order: step.change.order)
        case .fiq: fiq[step.cpu].setLevel(step.change.level, order: step.change.order)
        }
    }

    /// A step that changes nothing that a line depends on.
    @inline(__always)
    func look<Result: Sendable>(_ step: (borrowing GICState) -> Result) -> Result {
        state.withLock { step($0) }
    }
}

/// GICD: the distributor's frame.
private final class GICDistributor: MMIODevice {
    private let gic: GICv3

    init(gic: GICv3) { self.gic = gic }

    var windowSize: UInt64 { 0x1_0000 }

    func read(at offset: UInt64, width: AccessWidth) -> UInt64 {
        gic.look { $0.readDistributor(offset, width) }
    }

    func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        gic.perform { $0.writeDistributor(value, offset, width) }
    }
}

/// GICR: the frames of all redistributors.
private final class GICRedistributors: MMIODevice {
    private let gic: GICv3

    init(gic: GICv3) { self.gic = gic }

    var windowSize: UInt64 { UInt64(gic.cpuCount) * GICRLayout.sizePerCPU }

    func read(at offset: UInt64, width: AccessWidth) -> UInt64 {
        gic.look { $0.readRedistributor(offset, width) }
    }

    func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        gic.perform { $0.writeRedistributor(value, offset, width) }
    }
}

private final class GICSPIInput: InterruptLine {
    private let gic: GICv3
    private let spi: Int

    init(gic: GICv3, spi: Int) {
        self.gic = gic
        self.spi = spi
    }

    func setLevel(_ asserted: Bool) { gic.perform { $0.setInput(asserted, spi: spi) } }
}

private final class GICPPIInput: OrderedInterruptLine {
    private let gic: GICv3
    private let ppi: Int
    private let cpu: Int

    init(gic: GICv3, ppi: Int, cpu: Int) {
        self.gic = gic
        self.ppi = ppi
        self.cpu = cpu
    }

    func setLevel(_ asserted: Bool) { gic.perform { $0.setInput(asserted, ppi: ppi, cpu: cpu) } }

    func setLevel(_ asserted: Bool, order: UInt64) {
        gic.perform { $0.setInput(asserted, ppi: ppi, cpu: cpu, order: order) }
    }
}
