/// Time since the kernel was entered, from the CPU's counter (TSC, generic timer).
enum Clock {
    // SAFETY: written by `start` before other CPUs run; read only from then on.
    nonisolated(unsafe) private static var hertz: UInt64 = 1_000_000_000
    nonisolated(unsafe) private static var base: UInt64 = 0
    /// 2^32 × ns a tick, and 2^32 × ticks a ns.
    nonisolated(unsafe) private static var nanosecondsPerTick: UInt64 = 1 << 32
    nonisolated(unsafe) private static var ticksPerNanosecond: UInt64 = 1 << 32

    /// - Parameters:
    ///   - frequency: ticks a second, 1 MHz to 4 GHz × 4.
    ///   - base: the counter at the kernel's first instruction.
    static func start(frequency: UInt64, base: UInt64) {
        let frequency = min(max(frequency, 1_000_000), 1 << 34)
        unsafe hertz = frequency
        unsafe self.base = base
        unsafe nanosecondsPerTick = (1_000_000_000 << 32) / frequency
        // In two parts, so that nothing overflows.
        let rest = (frequency % 1_000_000_000) << 32
        unsafe ticksPerNanosecond = ((frequency / 1_000_000_000) << 32) + rest / 1_000_000_000
    }

    /// Ticks a second.
    static var frequency: UInt64 { unsafe hertz }

    /// Nanoseconds since the kernel's first instruction.
    static var now: UInt64 { unsafe scale(CPU.counter &- base, nanosecondsPerTick) }

    /// The counter's value when `now` becomes `nanoseconds`, or a little later.
    static func counterValue(at nanoseconds: UInt64) -> UInt64 {
        unsafe base &+ scale(nanoseconds, ticksPerNanosecond) &+ 1
    }

    /// `value` × `factor` / 2^32.
    private static func scale(_ value: UInt64, _ factor: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: factor)
        return product.high << 32 | product.low >> 32
    }

    /// Waits without sleeping: for hardware, before there are threads.
    static func spin(nanoseconds: UInt64) {
        let end = now + nanoseconds
        while now < end { CPU.relax() }
    }
}
