package import VMMCore

/// Where a driver put a virtqueue, as it wrote it: not yet checked.
package struct QueueLayout: Hashable, Sendable {
    /// Entries.
    package var size: UInt32
    /// The descriptor table of a split ring, the descriptor ring of a packed one.
    package var descriptorTable: GuestAddress
    /// The available ring, or the driver's event suppression structure.
    package var driverArea: GuestAddress
    /// The used ring, or the device's event suppression structure.
    package var deviceArea: GuestAddress

    package init(size: UInt32, descriptorTable: GuestAddress, driverArea: GuestAddress, deviceArea: GuestAddress) {
        self.size = size
        self.descriptorTable = descriptorTable
        self.driverArea = driverArea
        self.deviceArea = deviceArea
    }

    /// The part of `size` bytes from `start` on, if it is as aligned as it must be, and RAM.
    func window(
        _ area: QueueFault.Area, _ start: GuestAddress, alignment: UInt64, size: Int, _ memory: GuestMemory
    ) throws(QueueFault) -> GuestWindow {
        guard start.rawValue % alignment == 0 else { throw .misaligned(area, start) }
        guard let window = memory.window(at: start, size: size) else { throw .outsideRAM(area, start) }
        return window
    }
}

/// The three parts of a split ring, checked: sizes, alignments, and that they are RAM.
///
/// Source: virtio 1.2 §2.7 (table of alignments and sizes), §2.7.6, §2.7.8.
struct SplitRingAreas: Sendable {
    /// A power of two, 1 to 32768.
    let size: UInt16
    let descriptors: GuestWindow
    let available: GuestWindow
    let used: GuestWindow

    init(_ layout: QueueLayout, maximumSize: UInt16, memory: GuestMemory) throws(QueueFault) {
        guard layout.size > 0, layout.size & (layout.size - 1) == 0, layout.size <= UInt32(maximumSize) else {
            throw .badSize(layout.size, maximum: maximumSize)
        }
        let count = Int(layout.size)
        size = UInt16(layout.size)
        descriptors = try layout.window(
            .descriptorTable, layout.descriptorTable, alignment: 16, size: Descriptor.byteCount * count, memory)
        available = try layout.window(
            .availableRing, layout.driverArea, alignment: 2, size: AvailableRing.size(count), memory)
        used = try layout.window(.usedRing, layout.deviceArea, alignment: 4, size: UsedRing.size(count), memory)
    }
}

/// Offsets in the available ring. Source: virtio 1.2 §2.7.6, struct virtq_avail.
enum AvailableRing {
    /// Bit 0: the driver wants no interrupts. Ignored with VIRTIO_F_EVENT_IDX.
    static let flags = 0
    static let index = 2
    static func entry(_ index: Int) -> Int { 4 &+ 2 &* index }
    static func usedEvent(_ size: Int) -> Int { 4 &+ 2 &* size }
    static func size(_ size: Int) -> Int { 6 + 2 * size }
    static let noInterrupt: UInt16 = 1
}

/// Offsets in the used ring. Source: virtio 1.2 §2.7.8, struct virtq_used.
enum UsedRing {
    /// Bit 0: the device wants no notifications. Zero with VIRTIO_F_EVENT_IDX.
    static let flags = 0
    static let index = 2
    static func id(_ index: Int) -> Int { 4 &+ 8 &* index }
    static func length(_ index: Int) -> Int { 8 &+ 8 &* index }
    static func availableEvent(_ size: Int) -> Int { 4 &+ 8 &* size }
    static func size(_ size: Int) -> Int { 6 + 8 * size }
    static let noNotify: UInt16 = 1
}
