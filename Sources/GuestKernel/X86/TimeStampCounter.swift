import CSupport

/// How fast the TSC runs, from the first source that knows.
enum TimeStampCounter {
    /// Hertz.
    static func frequency(_ boot: BootInformation) -> UInt64 {
        boot.parameter("machdep.counter_freq")?.integer ?? fromCPUID() ?? fromHypervisor() ?? fromIntervalTimer()
            ?? 1_000_000_000
    }

    /// Leaf 15H: crystal × EBX / EAX. Source: Intel SDM volume 3, §18.7.3.
    private static func fromCPUID() -> UInt64? {
        guard cpuid(0, 0).eax >= 0x15 else { return nil }
        let leaf = cpuid(0x15, 0)
        guard leaf.eax != 0, leaf.ebx != 0, leaf.ecx != 0 else { return nil }
        return UInt64(leaf.ecx) * UInt64(leaf.ebx) / UInt64(leaf.eax)
    }

    /// Leaf 40000010H (kHz), or KVM's clock page, from which the frequency follows.
    private static func fromHypervisor() -> UInt64? {
        guard cpuid(1, 0).ecx & 1 << 31 != 0 else { return nil }
        let identity = cpuid(0x4000_0000, 0)
        if identity.eax >= 0x4000_0010 {
            let kHz = cpuid(0x4000_0010, 0).eax
            if kHz != 0 { return UInt64(kHz) * 1000 }
        }
        // "KVMK" and KVM_FEATURE_CLOCKSOURCE2.
        guard identity.ebx == 0x4B4D_564B, cpuid(0x4000_0001, 0).eax & 1 << 3 != 0 else { return nil }
        return fromKVMClock()
    }

    /// Source: Linux Documentation/virt/kvm/x86/msr.rst, MSR_KVM_SYSTEM_TIME_NEW:
    /// {u32 version, u32 pad, u64 tsc, u64 time, u32 multiplier, s8 shift}; ns = (ticks << shift) × multiplier / 2^32.
    private static func fromKVMClock() -> UInt64? {
        let page = Heap.allocatePages(order: 0)
        defer { Heap.free(page) }
        store64(page + 24, 0)
        write_msr(MSR.kvmSystemTime, page | 1)
        let multiplier = UInt64(load32(page + 24))
        let shift = Int(Int8(bitPattern: load8(page + 28)))
        write_msr(MSR.kvmSystemTime, 0)
        guard multiplier != 0, (-31...31).contains(shift) else { return nil }
        let frequency = (1_000_000_000 << 32) / multiplier
        return shift >= 0 ? frequency >> UInt64(shift) : frequency << UInt64(-shift)
    }

    /// Counts TSC ticks while channel 0 of the 8254 counts 5 ms; its interrupt goes nowhere. Source: Intel 8254 datasheet.
    private static func fromIntervalTimer() -> UInt64? {
        // Channel 0, low then high byte, mode 2: counts down from 65536 and again.
        out8(PCPlatform.pitPort + 3, 0b0011_0100)
        out8(PCPlatform.pitPort, 0)
        out8(PCPlatform.pitPort, 0)
        let first = intervalTimerCount()
        let start = read_tsc()
        var ticks: UInt64 = 0
        var end = start
        while ticks < intervalTimerFrequency / 200 {
            end = read_tsc()
            // Where there is no such timer the count stands still.
            if end - start > 10_000_000_000 { return nil }
            ticks = UInt64(first &- intervalTimerCount())
        }
        let frequency = (end - start) * intervalTimerFrequency / ticks
        return frequency > 50_000_000 ? frequency : nil
    }

    private static var intervalTimerFrequency: UInt64 { 1_193_182 }

    private static func intervalTimerCount() -> UInt16 {
        // Latch channel 0, then low and high byte.
        out8(PCPlatform.pitPort + 3, 0)
        let low = UInt16(in8(PCPlatform.pitPort))
        return UInt16(in8(PCPlatform.pitPort)) << 8 | low
    }
}
