internal import VMMCore

/// An indirect way to a function's regions through its configuration space: a capability with the fields bar, offset, length and
/// data. For software that cannot map the regions, as firmware may.
///
/// Source: virtio 1.2 §4.1.4.9, struct virtio_pci_cfg_cap.
struct PCIAccessWindow: Sendable {
    /// What the fields say, checked.
    struct Access {
        let device: any MMIODevice
        let offset: UInt64
        let width: AccessWidth
    }

    /// Of the capability.
    let offset: Int

    private var dataOffset: Int { offset + 16 }

    /// Whether an access touches the data register.
    func holds(_ start: Int, _ count: Int) -> Bool { start < dataOffset + 4 && start + count > dataOffset }

    /// The access that the fields describe; nil: not one that lies aligned in a region of the function.
    func access(_ space: ConfigurationSpace, _ regions: [PCIRegion]) -> Access? {
        let bar = Int(space.load(UInt8.self, at: offset + 4))
        let place = UInt64(space.load(UInt32.self, at: offset + 8))
        guard let region = regions.first(where: { $0.index == bar }),
            let width = AccessWidth(rawValue: UInt8(clamping: space.load(UInt32.self, at: offset + 12))),
            width != .doubleword, place % UInt64(width.bytes) == 0,
            place < region.device.windowSize, UInt64(width.bytes) <= region.device.windowSize - place
        else { return nil }
        return Access(device: region.device, offset: place, width: width)
    }

    func data(in space: ConfigurationSpace) -> UInt32 { space.load(at: dataOffset) }

    /// Sets the first `count` bytes.
    func setData(_ value: UInt32, count: Int, in space: inout ConfigurationSpace) {
        space.write(value, at: dataOffset, count: count)
    }
}
