/// What memory there is, for those who read at addresses that may be anything.
enum PhysicalMemory {
    // SAFETY: written once, before other CPUs run.
    nonisolated(unsafe) private static var map = BootMemoryMap()

    /// Remembers the usable memory, the kernel's own included.
    static func remember(_ usable: BootMemoryMap) { unsafe map = usable }

    /// True when `count` bytes at `address` are RAM and mapped.
    static func isReadable(_ address: UInt64, count: UInt64) -> Bool {
        for index in 0..<(unsafe map.count) {
            let range = unsafe map[index]
            if address >= max(range.start, 4096), address < range.end, range.end - address >= count { return true }
        }
        return false
    }

    static var totalBytes: UInt64 { unsafe map.totalBytes }
}
