import CSupport

/// Starts the other CPUs: INIT, start-up IPI, a trampoline below 1 MiB. Source: Intel SDM volume 3, §8.4.4.
///
/// The CPUs' APIC IDs are taken to be 0, 1, 2 and so on, as swvmm and QEMU number them.
enum SecondaryCPUs {
    // SAFETY: written by the boot CPU; a CPU being started reads it, one at a time.
    nonisolated(unsafe) private static var trampoline: UInt64 = 0
    nonisolated(unsafe) private static var starting = 0
    nonisolated(unsafe) private static var tables: (root: UInt64, efer: UInt64) = (0, 0)

    /// - Parameter trampoline: a page below 1 MiB, 0 when there is none.
    static func prepare(trampoline: UInt64, tables: PageTables) {
        unsafe self.trampoline = trampoline
        unsafe self.tables = (tables.root, tables.efer)
    }

    /// Starts one CPU and waits until it is there, 200 ms at most.
    static func start(_ cpu: CPUState) {
        let page = unsafe trampoline
        guard page != 0 else { return }
        let size = trampoline_end_address() - trampoline_start_address()
        for offset in stride(from: 0, to: size, by: 8) {
            store64(page + offset, load64(trampoline_start_address() + offset))
        }
        unsafe store64(page + size - 24, tables.root)
        unsafe store64(page + size - 16, tables.efer)
        store64(page + size - 8, cpu.idle.stackTop)
        unsafe starting = cpu.index
        let destination = UInt32(cpu.index)
        LocalAPIC.sendInit(toAPIC: destination)
        // Hardware wants 10 ms here; virtual CPUs take the start-up IPI at once. The second one, after a while, is ignored
        // by a CPU that has started.
        LocalAPIC.sendStartUp(page: UInt8(truncatingIfNeeded: page >> 12), toAPIC: destination)
        if !waitUntilOnline(cpu, nanoseconds: 20_000_000) {
            LocalAPIC.sendStartUp(page: UInt8(truncatingIfNeeded: page >> 12), toAPIC: destination)
            _ = waitUntilOnline(cpu, nanoseconds: 180_000_000)
        }
    }

    private static func waitUntilOnline(_ cpu: CPUState, nanoseconds: UInt64) -> Bool {
        let end = Clock.now + nanoseconds
        while !cpu.isOnline {
            if Clock.now > end { return false }
            CPU.relax()
        }
        return true
    }

    /// The rest of a secondary CPU's start, from secondary_entry.
    static func main() -> Never {
        let cpu = unsafe CPUState.all[starting]
        SegmentTables.load(cpu: cpu.index, page: Heap.allocatePages(order: 1))
        LocalAPIC.enable()
        cpu.setOnline()
        Scheduler.idle()
    }
}

@c(secondary_main) public func secondaryMain() { SecondaryCPUs.main() }
