package import VMMCore

/// A window of memory through which the functions' regions are reached, wherever in it the guest has put them.
///
/// What no region holds reads as ones and ignores writes. A region at an address outside of all windows, over RAM for example,
/// is not reached: RAM and other devices answer there. Threading: any thread; a look-up takes no lock.
/// Source: PCI Local Bus 3.0 §6.2.5.
package final class PCIMemoryWindow: MMIODevice {
    package let windowSize: UInt64
    /// The bus address of its first byte: the same as the CPU's on these machines.
    private let base: UInt64
    private let regions: MovableMMIOBus

    init(_ range: GuestRange, _ regions: MovableMMIOBus) {
        base = range.start.rawValue
        windowSize = range.size
        self.regions = regions
    }

    package func read(at offset: UInt64, width: AccessWidth) -> UInt64 {
        regions.read(base &+ offset, width) ?? width.mask
    }

    package func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        regions.write(value, at: base &+ offset, width)
    }
}
