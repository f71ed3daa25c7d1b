import CSupport

/// The processor, as the rest of the kernel sees it: AArch64 at EL1.
enum CPU {
    /// DAIF.I.
    private static var interruptMask: UInt64 { 1 << 7 }

    /// The virtual counter.
    @inline(__always) static var counter: UInt64 { read_cntvct() }

    /// Index of this CPU, which each keeps in TPIDR_EL1.
    @inline(__always) static var currentIndex: Int { Int(truncatingIfNeeded: read_tpidr()) }

    /// Returns whether interrupts were on.
    @inline(__always) static func disableInterrupts() -> Bool {
        let flags = read_daif()
        disable_irq()
        return flags & interruptMask == 0
    }

    @inline(__always) static func enableInterrupts() { enable_irq() }

    /// Waits for an interrupt and takes it; interrupts are off before and after. WFI wakes for a masked interrupt too, so none
    /// is missed.
    @inline(__always) static func waitForInterrupt() {
        wait_for_interrupt()
        enable_irq()
        instruction_barrier()
        disable_irq()
    }

    @inline(__always) static func relax() { yield_cpu() }

    static func haltForever() -> Never {
        disable_irq()
        while true { wait_for_interrupt() }
    }

    static func sendInterrupt(_ source: InterruptSource, to cpu: Int) {
        GIC.sendInterrupt(SGI.of(source), to: cpu)
    }

    static func sendInterruptToOthers(_ source: InterruptSource) {
        if CPUState.onlineCount > 1 { GIC.sendInterruptToOthers(SGI.of(source)) }
    }

    static func setTimer(counterValue: UInt64) { GenericTimer.set(counterValue) }

    /// Lays out a new thread's stack for `switch_context`; returns its stack pointer.
    static func prepareStack(top: UInt64, entry: UInt64) -> UInt64 {
        let pointer = top - 160
        for offset: UInt64 in stride(from: 0, to: 160, by: 8) { store64(pointer + offset, 0) }
        store64(pointer + 8, entry)
        return pointer
    }
}

/// Software-generated interrupts.
enum SGI {
    static var reschedule: UInt32 { 0 }
    static var halt: UInt32 { 1 }

    static func of(_ source: InterruptSource) -> UInt32 { source == .halt ? halt : reschedule }
}
