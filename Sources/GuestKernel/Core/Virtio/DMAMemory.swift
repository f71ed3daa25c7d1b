/// Memory that a device reads and writes too: the kernel's bytes, and the address the device knows them by.
///
/// A device is handed addresses, never copies: whoever gives a piece of such memory to a driver leaves it alone until the
/// driver gives it back. The device may write at any time all the same: what it wrote is read once and checked.
package struct DMAMemory: Sendable {
    package let storage: RawStorage
    /// Of the first byte, for the device: a physical address.
    package let address: UInt64

    package init(storage: RawStorage, address: UInt64) {
        self.storage = storage
        self.address = address
    }

    package var count: Int { storage.count }

    /// - Precondition: the range is within bounds.
    package func segment(at offset: Int, count: Int) -> DMASegment {
        precondition(offset >= 0 && count >= 0 && offset <= self.count && count <= self.count - offset)
        return DMASegment(address: address + UInt64(offset), count: UInt32(count))
    }

    /// A part as memory of its own; the caller keeps the parts apart.
    ///
    /// - Precondition: the range is within bounds, and begins at a multiple of 8.
    package func part(at offset: Int, count: Int) -> DMAMemory {
        DMAMemory(storage: storage.part(at: offset, count: count), address: address + UInt64(offset))
    }

    package var segment: DMASegment { segment(at: 0, count: count) }
}

/// A piece of memory as a device is told of it.
package struct DMASegment: Equatable, Sendable {
    package var address: UInt64
    /// In bytes.
    package var count: UInt32

    package init(address: UInt64, count: UInt32) {
        self.address = address
        self.count = count
    }
}
