import CSupport

/// GICv3: distributor, redistributors, and the CPU interface in system registers. One security state, all interrupts in group 1.
/// Source: Arm IHI 0069, chapters 9 (distributor, redistributor) and 12 (registers).
enum GIC {
    private enum Distributor {
        static var control: UInt64 { VirtPlatform.gicDistributorAddress }
        static var group: UInt64 { VirtPlatform.gicDistributorAddress + 0x080 }
        static var setEnable: UInt64 { VirtPlatform.gicDistributorAddress + 0x100 }
        static var priority: UInt64 { VirtPlatform.gicDistributorAddress + 0x400 }
        static var configuration: UInt64 { VirtPlatform.gicDistributorAddress + 0xC00 }
        static var router: UInt64 { VirtPlatform.gicDistributorAddress + 0x6000 }
    }

    /// Offsets in a redistributor: RD_base, and SGI_base 64 KiB behind.
    private enum Redistributor {
        static var type: UInt64 { 0x0008 }
        static var waker: UInt64 { 0x0014 }
        static var group: UInt64 { 0x1_0080 }
        static var setEnable: UInt64 { 0x1_0100 }
        static var priority: UInt64 { 0x1_0400 }
    }

    /// All interrupts have one priority; the mask lets it through.
    private static var priority: UInt8 { 0x80 }

    static func enableDistributor() {
        // ARE (bit 4), EnableGrp1 (bit 1).
        store32(Distributor.control, 1 << 4 | 1 << 1)
    }

    /// Redistributor and CPU interface of this CPU; its SGIs and timer.
    static func enableCPU() {
        guard let frame = redistributor() else { return }
        // GICR_WAKER: clear ProcessorSleep, wait for ChildrenAsleep to clear.
        store32(frame + Redistributor.waker, load32(frame + Redistributor.waker) & ~(1 << 1))
        while load32(frame + Redistributor.waker) & 1 << 2 != 0 { CPU.relax() }
        store32(frame + Redistributor.group, .max)
        enablePrivate(SGI.reschedule, frame)
        enablePrivate(SGI.halt, frame)
        enablePrivate(GenericTimer.interrupt, frame)
        write_icc_sre(1)
        instruction_barrier()
        write_icc_pmr(0xFF)
        write_icc_igrpen1(1)
        instruction_barrier()
    }

    private static func enablePrivate(_ interrupt: UInt32, _ frame: UInt64) {
        store8(frame + Redistributor.priority + UInt64(interrupt), priority)
        store32(frame + Redistributor.setEnable, 1 << interrupt)
    }

    /// Makes a shared peripheral interrupt level-triggered, whatever the loader left.
    static func setLevelTriggered(_ interrupt: UInt32) {
        let word = Distributor.configuration + UInt64(interrupt / 16) * 4
        store32(word, load32(word) & ~(2 << (interrupt % 16 * 2)))
    }

    /// Sends a shared peripheral interrupt to the boot CPU.
    static func enableShared(_ interrupt: UInt32) {
        let word = UInt64(interrupt / 32) * 4
        let bit: UInt32 = 1 << (interrupt % 32)
        store32(Distributor.group + word, load32(Distributor.group + word) | bit)
        store8(Distributor.priority + UInt64(interrupt), priority)
        store64(Distributor.router + UInt64(interrupt) * 8, affinity(read_mpidr()))
        store32(Distributor.setEnable + word, bit)
    }

    /// Takes all pending interrupts.
    static func handleInterrupts() {
        while true {
            let interrupt = UInt32(truncatingIfNeeded: read_icc_iar1())
            // 1020 to 1023: none.
            if interrupt >= 1020 { return }
            let source = source(interrupt)
            if source == .timer { GenericTimer.stop() }
            // The end of interrupt comes before the handler, which may halt; a level-triggered line is lowered before that.
            // Devices' handlers do so themselves, and halt nothing.
            if source == .console { PL011.acknowledge() }
            if source != .device { write_icc_eoir1(UInt64(interrupt)) }
            Interrupts.handle(source, number: interrupt)
            if source == .device { write_icc_eoir1(UInt64(interrupt)) }
        }
    }

    private static func source(_ interrupt: UInt32) -> InterruptSource {
        switch interrupt {
        case SGI.reschedule: .reschedule
        case SGI.halt: .halt
        case GenericTimer.interrupt: .timer
        case PL011.interrupt: .console
        case 32...: .device
        default: .other
        }
    }
}

// MARK: - Interrupts to other CPUs

extension GIC {
    /// ICC_SGI1R_EL1: target list of an affinity's 16 CPUs.
    static func sendInterrupt(_ number: UInt32, to cpu: Int) {
        let target = SecondaryCPUs.mpidr(of: cpu)
        data_barrier()
        write_icc_sgi1r(
            UInt64(number) << 24 | (target >> 8 & 0xFF) << 16 | (target >> 16 & 0xFF) << 32 | (target >> 32 & 0xFF)
                << 48
                | (target >> 4 & 0xF) << 44 | 1 << (target & 0xF))
        instruction_barrier()
    }

    static func sendInterruptToOthers(_ number: UInt32) {
        data_barrier()
        // IRM: all but this one.
        write_icc_sgi1r(UInt64(number) << 24 | 1 << 40)
        instruction_barrier()
    }

    /// MPIDR's affinity fields as GICD_IROUTER has them.
    private static func affinity(_ mpidr: UInt64) -> UInt64 { mpidr & 0xFF_00FF_FFFF }

    /// The redistributor of this CPU, by GICR_TYPER's affinity.
    private static func redistributor() -> UInt64? {
        let mpidr = read_mpidr()
        let wanted = (mpidr >> 32 & 0xFF) << 24 | mpidr & 0xFF_FFFF
        var frame = VirtPlatform.gicRedistributorAddress
        for _ in 0..<123 {
            let type = load64(frame + Redistributor.type)
            if type >> 32 == wanted { return frame }
            // Last.
            if type & 1 << 4 != 0 { return nil }
            frame += VirtPlatform.gicRedistributorStride
        }
        return nil
    }
}
