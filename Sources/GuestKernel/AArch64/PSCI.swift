import CSupport

/// The firmware interface to CPUs and power. Source: Arm DEN 0022, §5.1.
enum PSCI {
    // SAFETY: written before other CPUs start.
    nonisolated(unsafe) static var usesSMC = false

    private static func call(_ function: UInt64, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0) -> UInt64 {
        unsafe usesSMC ? psci_smc(function, a, b, c) : psci_hvc(function, a, b, c)
    }

    /// Starts the CPU `mpidr` at `entry`, with `context` in x0. Returns whether the firmware agreed.
    static func cpuOn(mpidr: UInt64, entry: UInt64, context: UInt64) -> Bool {
        call(0xC400_0003, mpidr, entry, context) == 0
    }

    static func systemOff() -> Never {
        _ = call(0x8400_0008)
        CPU.haltForever()
    }

    static func systemReset() -> Never {
        _ = call(0x8400_0009)
        CPU.haltForever()
    }
}
