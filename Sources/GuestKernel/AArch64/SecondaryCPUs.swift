import CSupport

/// Starts the other CPUs by PSCI.
enum SecondaryCPUs {
    // SAFETY: written by the boot CPU before others start; each of them reads `starting` while it is the only one that starts.
    nonisolated(unsafe) private static var mpidrs = InlineArray<64, UInt64>(repeating: 0)
    nonisolated(unsafe) private static var starting = 0

    /// - Parameter mpidrs: affinities by CPU index.
    static func prepare(mpidrs: InlineArray<64, UInt64>) { unsafe self.mpidrs = mpidrs }

    /// - Precondition: `index` is below 64.
    static func mpidr(of index: Int) -> UInt64 { unsafe mpidrs[index] }

    /// The affinity where no device tree says: 16 CPUs a cluster.
    static func usualMPIDR(of index: Int) -> UInt64 { UInt64(index / 16) << 8 | UInt64(index % 16) }

    /// Starts one CPU and waits until it is there, 200 ms at most.
    static func start(_ cpu: CPUState) {
        unsafe starting = cpu.index
        let entry = secondary_start_address()
        guard PSCI.cpuOn(mpidr: mpidr(of: cpu.index), entry: entry, context: cpu.idle.stackTop) else { return }
        let end = Clock.now + 200_000_000
        while !cpu.isOnline, Clock.now < end { CPU.relax() }
    }

    /// The rest of a secondary CPU's start, from boot.S.
    static func main() -> Never {
        let cpu = unsafe CPUState.all[starting]
        Platform.initializeCPU(index: cpu.index)
        GIC.enableCPU()
        cpu.setOnline()
        Scheduler.idle()
    }
}

@c(secondary_main) public func secondaryMain() { SecondaryCPUs.main() }
