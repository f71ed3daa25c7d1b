package import VMMCore

/// What is behind a base address register: a device's registers in memory.
///
/// Source: PCI Local Bus 3.0 §6.2.5.1.
package struct PCIRegion: Sendable {
    package enum Width: Hashable, Sendable {
        case memory32
        /// Takes the next base address register, too.
        case memory64
    }

    /// The register's number, 0 to 5.
    package let index: Int
    package let width: Width
    package let device: any MMIODevice
    /// A power of two from 4 KiB on, so that no other device shares a page.
    package let size: UInt64

    package static let minimumSize: UInt64 = 4096
    package static let count = 6

    /// - Parameter device: its window is the region, rounded up.
    package init(_ index: Int, _ device: any MMIODevice, width: Width = .memory32) {
        let wanted = max(device.windowSize, Self.minimumSize)
        precondition(wanted <= 1 << 40 && (0..<Self.count).contains(index))
        precondition(width == .memory32 ? wanted <= 1 << 31 : index + 1 < Self.count)
        self.index = index
        self.width = width
        self.device = device
        size = 1 << UInt64(UInt64.bitWidth - (wanted - 1).leadingZeroBitCount)
    }

    var offset: Int { HeaderOffset.baseAddresses + 4 * index }

    /// Bits 2:1 of the register: 0 for 32 bits, 2 for 64. Not prefetchable: reads have effects.
    private var typeBits: UInt64 { width == .memory64 ? 0b100 : 0 }

    /// Puts the register into `space`, at 0. What cannot be written reads as zero: that is how software finds the size.
    func define(in space: inout ConfigurationSpace) {
        let mask = ~(size - 1)
        switch width {
        case .memory32: space.define(UInt32(typeBits), writable: UInt32(truncatingIfNeeded: mask), at: offset)
        case .memory64: space.define(typeBits, writable: mask, at: offset)
        }
    }

    /// Where software has put the region.
    func address(in space: ConfigurationSpace) -> UInt64 {
        switch width {
        case .memory32: UInt64(space.load(UInt32.self, at: offset) & ~0xF)
        case .memory64: space.load(UInt64.self, at: offset) & ~0xF
        }
    }

    func setAddress(_ address: UInt64, in space: inout ConfigurationSpace) {
        space.write(UInt32(truncatingIfNeeded: address), at: offset, count: 4)
        if width == .memory64 { space.write(UInt32(truncatingIfNeeded: address >> 32), at: offset + 4, count: 4) }
    }
}
