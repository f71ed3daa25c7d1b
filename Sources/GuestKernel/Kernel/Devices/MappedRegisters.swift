import CSupport

/// Registers of a device in physical memory, which is mapped uncached.
final class MappedRegisters: RegisterWindow {
    private let base: UInt64
    let size: UInt64

    /// Maps a range. It stays mapped.
    init(_ range: PhysicalRange) {
        PageTables.mapDevice(range)
        base = range.start
        size = range.size
    }

    func load8(_ offset: UInt64) -> UInt8 { CSupport.load8(place(offset, 1)) }
    func load16(_ offset: UInt64) -> UInt16 { CSupport.load16(place(offset, 2)) }
    func load32(_ offset: UInt64) -> UInt32 { CSupport.load32(place(offset, 4)) }
    func store8(_ value: UInt8, _ offset: UInt64) { CSupport.store8(place(offset, 1), value) }
    func store16(_ value: UInt16, _ offset: UInt64) { CSupport.store16(place(offset, 2), value) }
    func store32(_ value: UInt32, _ offset: UInt64) { CSupport.store32(place(offset, 4), value) }

    private func place(_ offset: UInt64, _ width: UInt64) -> UInt64 {
        precondition(size >= width && offset <= size - width)
        return base + offset
    }
}
