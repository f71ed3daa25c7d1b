import KernelCore

/// Configuration space of bus 0 with one function, whose regions are sized as hardware does it.
final class MockPCIFunction {
    /// A region's register: bits that can be written, and what its low bits always are (4: 64 bits wide, 1: I/O).
    struct Region {
        var mask: UInt32
        var type: UInt32 = 0
    }

    let space = MockRegisters(size: PCIFunction.busSize)
    private let base: UInt64

    init(slot: UInt64, vendor: UInt16 = 0x1AF4, device: UInt16 = 0x1042, regions: [Region] = []) {
        base = slot << 15
        for index in 0..<32 as Range<UInt64> { space.set(UInt16.max, index << 15) }
        set(vendor, 0)
        set(device, 2)
        for (index, region) in regions.enumerated() { set(region.type, 0x10 + UInt64(index) * 4) }
        let (space, base) = (space, base)
        space.onStore = { offset, value in
            guard offset >= base + 0x10, offset < base + 0x28 else { return }
            let index = Int(offset - base - 0x10) / 4
            let region = index < regions.count ? regions[index] : Region(mask: 0)
            space.set(UInt32(value) & region.mask | region.type, offset)
        }
    }

    func set<Value: FixedWidthInteger>(_ value: Value, _ offset: UInt64) { space.set(value, base + offset) }

    func load32(_ offset: UInt64) -> UInt32 { space.load32(base + offset) }

    /// Puts capabilities, each with its identifier but without the link, into a list at 0x40, 32 bytes apart.
    func setCapabilities(_ capabilities: [[UInt8]]) {
        set(UInt16(1 << 4), 6)
        for (index, bytes) in capabilities.enumerated() {
            let offset = 0x40 + UInt64(index) * 32
            set(UInt8(offset), index == 0 ? 0x34 : offset - 32 + 1)
            set(bytes[0], offset)
            for (place, byte) in bytes.dropFirst().enumerated() { set(byte, offset + 2 + UInt64(place)) }
        }
    }

    /// struct virtio_pci_cap without its link. Source: virtio 1.2 §4.1.4.
    static func capability(
        _ type: UInt8, region: UInt8, offset: UInt32, size: UInt32, multiplier: UInt32? = nil
    ) -> [UInt8] {
        var bytes = ByteWriter()
        bytes.bytes = [0x09, multiplier == nil ? 16 : 20, type, region, 0, 0, 0]
        bytes.little(offset)
        bytes.little(size)
        if let multiplier { bytes.little(multiplier) }
        return bytes.bytes
    }

    func function(slot: UInt32) -> PCIFunction? { PCIFunction(space, slot: slot, number: 0) }
}
