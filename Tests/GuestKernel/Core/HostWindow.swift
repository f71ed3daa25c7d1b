import Glibc
import KernelCore

/// Host memory that plays the part of physical memory from `start` on. Untouched pages cost nothing.
@safe
final class HostWindow {
    let start: UInt64
    private let size: Int
    private let base: UnsafeMutableRawPointer
    let window: PhysicalWindow

    init?(start: UInt64, size: UInt64) {
        guard
            let base = unsafe mmap(
                nil, Int(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            unsafe base != MAP_FAILED
        else { return nil }
        self.start = start
        self.size = Int(size)
        unsafe self.base = base
        unsafe window = PhysicalWindow(offset: UInt(bitPattern: base) &- UInt(start))
    }

    deinit { unsafe munmap(base, size) }

    /// Fills a range with a byte other than 0: memory need not be clear at boot.
    func soil(_ range: PhysicalRange) {
        guard let pointer = unsafe window.pointer(to: range.start) else { return }
        unsafe memset(pointer, 0xA5, Int(range.size))
    }

    func storage(at offset: Int, count: Int) -> RawStorage { unsafe RawStorage(base: base + offset, count: count) }
}
