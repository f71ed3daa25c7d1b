import KernelCore
import Testing

@Suite("Where devices are") struct DeviceLocationsTests {
    static func text(_ text: String) throws -> MemoryText<ArrayMemory> {
        try #require(ArrayMemory(base: 0x1000, bytes: Array(text.utf8) + [0]).text(at: 0x1000, limit: 200))
    }

    static func location(_ start: UInt64, _ size: UInt64, _ interrupt: UInt32) -> VirtioMMIOLocation {
        VirtioMMIOLocation(range: PhysicalRange(start: start, size: size), interrupt: interrupt)
    }

    @Test(
        "SIZE@ADDRESS:INTERRUPT, and nothing else, is a location",
        arguments: [
            ("0x200@0xfeb00000:16", location(0xFEB0_0000, 0x200, 16)),
            ("512@0xfeb00e00:5", location(0xFEB0_0E00, 512, 5)),
            ("4K@0xa000000:48:1", location(0xA00_0000, 4096, 48)), ("", nil), ("0x200", nil), ("0x200@0xfeb00000", nil),
            ("0x200@0xfeb00000:", nil), ("@0xfeb00000:1", nil), ("0x200@:1", nil), ("0x200:0xfeb00000@1", nil),
            ("0@0xfeb00000:1", nil), ("0x200@0:1", nil), ("2@0xffffffffffffffff:1", nil),
            ("0x200@0xfeb00000:1024", nil),
            ("1@2:3:4:5", nil), ("1@2@3:4", nil), ("0x200@0xfeb00000:x", nil),
        ] as [(String, VirtioMMIOLocation?)])
    func locations(text: String, expected: VirtioMMIOLocation?) throws {
        #expect(VirtioMMIOLocation(try Self.text(text)) == expected)
    }

    @Test("parameters of these names count, in any order, and come back by address")
    func parameters() throws {
        var locations = DeviceLocations()
        #expect(locations.isEmpty)
        for (name, value) in [
            ("virtio_mmio.device.1", "0x200@0x3000:3"), ("virtio_mmio.device", "0x200@0x1000:1"),
            ("virtio_mmio.device.0", "0x200@0x2000:2"), ("virtio_mmio.devices", "0x200@0x4000:4"),
            ("virtio_mmio.device.2", "nonsense"), ("xvirtio_mmio.device", "0x200@0x5000:5"),
        ] { locations.take(name: try Self.text(name), value: try Self.text(value)) }
        #expect(locations.virtioMMIO.map(\.interrupt) == [1, 2, 3])
        #expect(locations.ecam == nil)
        locations.take(name: try Self.text("pci.ecam"), value: try Self.text("0xe0000000"))
        locations.take(name: try Self.text("pci.ecam"), value: try Self.text("nonsense"))
        locations.take(name: try Self.text("pci.ecam.x"), value: try Self.text("1"))
        #expect(locations.ecam == 0xE000_0000)
    }

    @Test("more devices than any machine has are left out")
    func cap() throws {
        var locations = DeviceLocations()
        for index in 1...200 {
            locations.take(name: try Self.text("virtio_mmio.device"), value: try Self.text("1@\(index):1"))
        }
        #expect(locations.virtioMMIO.count == DeviceLocations.limit)
    }

    static func tree() -> [UInt8] {
        var tree = DeviceTreeWriter()
        tree.node("") { root in
            root.property("#address-cells", cells: [2])
            root.property("#size-cells", cells: [2])
            root.node("virtio_mmio@a000200") { node in
                node.property("reg", cells: [0, 0xA00_0200, 0, 0x200])
                node.property("interrupts", cells: [0, 17, 1])
                node.property("compatible", text: "virtio,mmio")
                node.node("inner") { $0.property("reg", cells: [0, 0, 0, 1]) }
            }
            root.node("virtio_mmio@a000000") { node in
                node.property("compatible", text: "virtio,mmio")
                node.property("interrupts", cells: [0, 16, 1])
                node.property("reg", cells: [0, 0xA00_0000, 0, 0x200])
            }
            root.node("ppi@1") { node in
                node.property("compatible", text: "virtio,mmio")
                node.property("interrupts", cells: [1, 16, 1])
                node.property("reg", cells: [0, 0xB00_0000, 0, 0x200])
            }
            root.node("uart@9000000") { node in
                node.property("compatible", text: "arm,pl011")
                node.property("interrupts", cells: [0, 1, 4])
                node.property("reg", cells: [0, 0x900_0000, 0, 0x1000])
            }
            root.node("pcie@10000000") { node in
                node.property("compatible", text: "pci-host-ecam-generic")
                node.property("reg", cells: [0x40, 0x1000_0000, 0, 0x1000_0000])
            }
        }
        return tree.encoded(reservations: [])
    }

    @Test("virtio,mmio and pci-host-ecam-generic nodes of a device tree")
    func deviceTree() throws {
        let memory = ArrayMemory(base: 0x4400_0000, bytes: Self.tree())
        var locations = DeviceLocations()
        locations.take(try #require(DeviceTree(memory: memory, address: 0x4400_0000)))
        #expect(
            locations.virtioMMIO == [Self.location(0xA00_0000, 0x200, 16), Self.location(0xA00_0200, 0x200, 17)])
        #expect(locations.ecam == 0x40_1000_0000)
    }

    @Test("damaged trees are read without a trap")
    func damagedTrees() {
        for bytes in damaged(Self.tree(), count: 3000, seed: 11) {
            var locations = DeviceLocations()
            let memory = ArrayMemory(base: 0x4400_0000, bytes: bytes)
            if let tree = DeviceTree(memory: memory, address: 0x4400_0000) { locations.take(tree) }
            #expect(locations.virtioMMIO.count <= DeviceLocations.limit)
        }
    }
}
