import CSupport

/// The local APIC, as x2APIC (MSRs) where there is one, else xAPIC (memory). Source: Intel SDM volume 3, chapter 10.
enum LocalAPIC {
    /// Register offsets of the xAPIC; an x2APIC's MSR is 0x800 + offset / 16.
    private enum Register {
        static var id: UInt32 { 0x020 }
        static var endOfInterrupt: UInt32 { 0x0B0 }
        static var spurious: UInt32 { 0x0F0 }
        static var interruptCommand: UInt32 { 0x300 }
        /// xAPIC only: the destination.
        static var interruptCommandHigh: UInt32 { 0x310 }
        static var timer: UInt32 { 0x320 }
        static var initialCount: UInt32 { 0x380 }
        static var currentCount: UInt32 { 0x390 }
        static var divide: UInt32 { 0x3E0 }
    }

    // SAFETY: written by the boot CPU before others start.
    nonisolated(unsafe) private static var usesMSRs = false
    nonisolated(unsafe) private static var usesDeadline = false
    /// 2^32 × timer ticks a TSC tick, for one-shot mode; 0 before `calibrate`.
    nonisolated(unsafe) private static var timerTicksPerTSC: UInt64 = 0

    static var isX2APIC: Bool { unsafe usesMSRs }
    static var hasDeadlineTimer: Bool { unsafe usesDeadline }

    /// Switches this CPU's APIC on. On the boot CPU first.
    static func enable() {
        let features = cpuid(1, 0).ecx
        unsafe usesMSRs = features & 1 << 21 != 0
        unsafe usesDeadline = features & 1 << 24 != 0
        // Bit 11 enables the APIC, bit 10 makes it an x2APIC.
        let base = read_msr(MSR.apicBase) | 1 << 11
        write_msr(MSR.apicBase, base)
        if isX2APIC { write_msr(MSR.apicBase, base | 1 << 10) }
        write(Register.spurious, 1 << 8 | UInt32(Vector.spurious))
        // LVT timer: mode in bits 18:17, 2 is TSC-deadline, 0 one-shot.
        write(Register.timer, UInt32(Vector.timer) | (hasDeadlineTimer ? 2 << 17 : 0))
        if !hasDeadlineTimer {
            write(Register.divide, 0b1011)
            if unsafe timerTicksPerTSC == 0 { calibrate() }
        }
    }

    private static func read(_ register: UInt32) -> UInt32 {
        isX2APIC
            ? UInt32(truncatingIfNeeded: read_msr(MSR.x2APIC + register >> 4))
            : load32(PCPlatform.localAPICAddress + UInt64(register))
    }

    private static func write(_ register: UInt32, _ value: UInt32) {
        if isX2APIC {
            write_msr(MSR.x2APIC + register >> 4, UInt64(value))
        } else {
            store32(PCPlatform.localAPICAddress + UInt64(register), value)
        }
    }

    @inline(__always) static func endOfInterrupt() { write(Register.endOfInterrupt, 0) }
}

// MARK: - Timer

extension LocalAPIC {
    /// Interrupts when the TSC reaches `tsc`; at once when it has.
    static func setTimer(tsc: UInt64) {
        if hasDeadlineTimer { return write_msr(MSR.tscDeadline, tsc) }
        let now = read_tsc()
        let ahead = tsc > now ? tsc - now : 0
        let product = ahead.multipliedFullWidth(by: unsafe timerTicksPerTSC)
        let ticks = product.high >= 1 << 31 ? UInt64(UInt32.max) : product.high << 32 | product.low >> 32
        write(Register.initialCount, UInt32(min(max(ticks, 1), UInt64(UInt32.max))))
    }

    /// The one-shot timer's speed: 1 GHz under KVM ("KVMK") and QEMU's TCG ("TCGT"), else measured against the TSC, over
    /// 1/8192 of a second.
    private static func calibrate() {
        let hypervisor = cpuid(1, 0).ecx & 1 << 31 != 0 ? cpuid(0x4000_0000, 0).ebx : 0
        if hypervisor == 0x4B4D_564B || hypervisor == 0x5447_4354 {
            unsafe timerTicksPerTSC = (1_000_000_000 << 32) / Clock.frequency
            return
        }
        write(Register.initialCount, .max)
        let start = read_tsc()
        let length = Clock.frequency >> 13
        while read_tsc() - start < length {}
        let elapsed = read_tsc() - start
        let ticks = UInt64(UInt32.max - read(Register.currentCount))
        write(Register.initialCount, 0)
        unsafe timerTicksPerTSC = max(ticks << 32 / max(elapsed, 1), 1)
    }
}

// MARK: - Interrupts to other CPUs

extension LocalAPIC {
    /// Interrupt command, bits 10:8 delivery mode, 14 assert, 19:18 shorthand.
    private static func command(_ low: UInt32, toAPIC destination: UInt32) {
        if isX2APIC {
            write_msr(MSR.x2APIC + Register.interruptCommand >> 4, UInt64(destination) << 32 | UInt64(low))
            return
        }
        // The two halves must not be torn apart by an interrupt that sends one too.
        let wereOn = CPU.disableInterrupts()
        while load32(PCPlatform.localAPICAddress + UInt64(Register.interruptCommand)) & 1 << 12 != 0 { CPU.relax() }
        write(Register.interruptCommandHigh, destination << 24)
        write(Register.interruptCommand, low)
        if wereOn { CPU.enableInterrupts() }
    }

    static func sendInterrupt(vector: UInt8, toAPIC destination: UInt32) {
        command(1 << 14 | UInt32(vector), toAPIC: destination)
    }

    static func sendInterruptToOthers(vector: UInt8) { command(3 << 18 | 1 << 14 | UInt32(vector), toAPIC: 0) }

    static func sendInit(toAPIC destination: UInt32) { command(1 << 14 | 5 << 8, toAPIC: destination) }

    /// - Parameter page: where the CPU starts, in pages below 1 MiB.
    static func sendStartUp(page: UInt8, toAPIC destination: UInt32) {
        command(1 << 14 | 6 << 8 | UInt32(page), toAPIC: destination)
    }
}
