import AArch64
import FlattenedDeviceTree
import GuestABI
import Testing
import VMMCore
import VMMTestSupport

@Suite("The virt machine's device tree") struct VirtDeviceTreeTests {
    private func tree(cpus: Int = 1, _ change: (inout VirtDeviceTree) throws -> Void = { _ in }) throws
        -> DeviceTreeNode
    {
        let ram = try #require(GuestRange(start: GuestAddress(0x4000_0000), size: 512 << 20))
        var tree = VirtDeviceTree(topology: CPUTopology(count: cpus), ram: [ram])
        try change(&tree)
        return tree.root
    }

    private func node(_ path: String..., of root: DeviceTreeNode) throws -> DeviceTreeNode {
        try path.reduce(root) { parent, name in try #require(parent.children.first { $0.name == name }, "\(name)") }
    }

    private func value(_ name: String, of node: DeviceTreeNode) -> [UInt8]? {
        node.properties.first { $0.name == name }?.value
    }

    private func cells(_ name: String, of node: DeviceTreeNode) -> [UInt32]? {
        guard let bytes = value(name, of: node), bytes.count.isMultiple(of: 4) else { return nil }
        return stride(from: 0, to: bytes.count, by: 4).map { bytes[$0..<$0 + 4].reduce(0) { $0 << 8 | UInt32($1) } }
    }

    @Test("a CPU's reg is its MPIDR affinity, 16 in a cluster, and PSCI starts it", arguments: [1, 2, 17, 123])
    func cpus(count: Int) throws {
        let cpus = try node("cpus", of: try tree(cpus: count))
        #expect(cpus.children.count == count)
        for (index, cpu) in cpus.children.enumerated() {
            #expect(cells("reg", of: cpu) == [UInt32(index / 16 * 0x100 + index % 16)])
            #expect(value("enable-method", of: cpu) == Array("psci\0".utf8))
        }
        #expect(Set(cpus.children.map(\.name)).count == count)
    }

    @Test("cpu-map has the sockets, cores and threads; each CPU is in it once, by its handle")
    func topology() throws {
        #expect(try node("cpus", of: try tree(cpus: 4)).children.allSatisfy { $0.name != "cpu-map" })
        let root = try tree { $0.topology = try CPUTopology(count: 8, sockets: 2, cores: 2, threads: 2) }
        let handles = try node("cpus", of: root).children.compactMap { cells("phandle", of: $0) }
        var mapped: [[UInt32]?] = []
        for socket in 0..<2 {
            for core in 0..<2 {
                for thread in 0..<2 {
                    let place = try node(
                        "cpus", "cpu-map", "socket\(socket)", "cluster0", "core\(core)", "thread\(thread)", of: root)
                    mapped.append(cells("cpu", of: place))
                }
            }
        }
        #expect(mapped == handles && Set(handles).count == 8)
        let flat = try tree { $0.topology = try CPUTopology(count: 2, sockets: 2, cores: nil, threads: nil) }
        let last = try node("cpus", "cpu-map", "socket1", "cluster0", "core0", of: flat)
        #expect(cells("cpu", of: last) == cells("phandle", of: try node("cpus", "cpu@1", of: flat)))
    }

    @Test("the redistributors' region is that of the CPUs there are", arguments: [1, 8])
    func redistributors(count: Int) throws {
        let controller = try node("intc@8000000", of: try tree(cpus: count))
        #expect(
            cells("reg", of: controller) == [0, 0x0800_0000, 0, 0x1_0000, 0, 0x080A_0000, 0, UInt32(count) * 0x2_0000])
    }

    @Test("the ITS is a child of the controller, where a machine has one: two frames, one cell of DeviceID")
    func messages() throws {
        #expect(try node("intc@8000000", of: try tree()).children.isEmpty)
        let its = try node("intc@8000000", "its@8080000", of: try tree { $0.hasITS = true })
        #expect(value("compatible", of: its) == Array("arm,gic-v3-its\0".utf8))
        #expect(cells("reg", of: its) == [0, 0x0808_0000, 0, 0x2_0000])
        #expect(value("msi-controller", of: its) == [] && cells("#msi-cells", of: its) == [1])
        #expect(cells("phandle", of: its) == [4])
    }

    @Test("performance monitors are a node with PPI 7, where the CPUs have them")
    func monitors() throws {
        #expect(try tree().children.allSatisfy { $0.name != "pmu" })
        let monitors = try node("pmu", of: try tree { $0.features = [.pmu] })
        #expect(value("compatible", of: monitors) == Array("arm,armv8-pmuv3\0".utf8))
        #expect(cells("interrupts", of: monitors) == [1, 7, 4])
    }

    @Test("with EL2: PSCI by SMC, a fifth timer, the GIC's maintenance interrupt; without: none of them")
    func hypervisor() throws {
        let plain = try tree()
        #expect(value("method", of: try node("psci", of: plain)) == Array("hvc\0".utf8))
        #expect(cells("interrupts", of: try node("timer", of: plain))?.count == 4 * 3)
        #expect(cells("interrupts", of: try node("intc@8000000", of: plain)) == nil)
        let root = try tree { $0.features = [.el2] }
        #expect(value("method", of: try node("psci", of: root)) == Array("smc\0".utf8))
        #expect(cells("interrupts", of: try node("timer", of: root))?.suffix(6) == [1, 10, 4, 1, 12, 4])
        #expect(cells("interrupts", of: try node("intc@8000000", of: root)) == [1, 9, 4])
    }

    @Test("the PCI bus has a window above 4 GiB only where guest addresses reach it")
    func highWindow() throws {
        func ranges(_ hasWindow: Bool) throws -> [UInt32]? {
            let root = try tree {
                $0.hasPCI = true
                $0.hasHighPCIWindow = hasWindow
            }
            return cells("ranges", of: try node("pcie@10000000", of: root))
        }
        #expect(try ranges(true)?.count == 3 * 7)
        #expect(try ranges(false)?.count == 2 * 7)
        #expect(try ranges(true)?.suffix(7) == [0x0300_0000, 0x80, 0, 0x80, 0, 0x80, 0])
    }

    @Test("every interrupt is a level of an SPI or PPI, none is used twice")
    func interrupts() throws {
        let root = try tree { $0.virtioSlots = (0..<32).map { VirtDeviceTree.VirtioSlot(index: $0) } }
        var seen: Set<[UInt32]> = []
        for device in root.children {
            guard let interrupts = cells("interrupts", of: device) else { continue }
            #expect(interrupts.count.isMultiple(of: 3))
            for start in stride(from: 0, to: interrupts.count, by: 3) {
                #expect(interrupts[start] <= 1 && interrupts[start + 2] == 4)
                #expect(seen.insert(Array(interrupts[start..<start + 2])).inserted, "\(device.name)")
            }
        }
        // UART, clock, GPIO, four timers, virtio.
        #expect(seen.count == 7 + 32)
    }

    @Test("stdout-path and the serial0 alias name a node that is there; its clocks are there too")
    func references() throws {
        let root = try tree()
        for (parent, property) in [("chosen", "stdout-path"), ("aliases", "serial0")] {
            let path = try #require(value(property, of: try node(parent, of: root)))
            #expect(path == Array("/pl011@9000000\0".utf8))
        }
        let handles = root.children.compactMap { cells("phandle", of: $0)?.first }
        #expect(Set(handles).count == handles.count)
        let clocks = try #require(cells("clocks", of: try node("pl011@9000000", of: root)))
        #expect(clocks.count == 2 && clocks.allSatisfy(handles.contains))
        let key = try node("gpio-keys", "poweroff", of: root)
        let gpio = try node("pl061@9030000", of: root)
        #expect(cells("gpios", of: key) == [try #require(cells("phandle", of: gpio)?.first), 3, 0])
    }

    @Test("/chosen: bootargs, the initrd's range, the seeds; none of them when they are not given")
    func chosen() throws {
        let bare = try node("chosen", of: try tree())
        #expect(bare.properties.map(\.name) == ["stdout-path"])
        let seeds = BootSeeds(random: Array(0..<32), layout: 0x0102_0304_0506_0708)
        let full = try node(
            "chosen",
            of: try tree {
                $0.commandLine = "console=ttyAMA0 quiet"
                $0.initrd = GuestRange(start: GuestAddress(0x1_4800_0000), size: 0x123)
                $0.seeds = seeds
            })
        #expect(value("bootargs", of: full) == Array("console=ttyAMA0 quiet\0".utf8))
        #expect(cells("linux,initrd-start", of: full) == [1, 0x4800_0000])
        #expect(cells("linux,initrd-end", of: full) == [1, 0x4800_0123])
        #expect(value("rng-seed", of: full) == seeds.random)
        #expect(value("kaslr-seed", of: full) == [1, 2, 3, 4, 5, 6, 7, 8])
    }

    @Test("seeds: 32 bytes, from the generator that is given; the host's differ each time")
    func seeds() {
        var one = SeededGenerator(seed: 1)
        var other = SeededGenerator(seed: 1)
        let made = BootSeeds.generate(from: &one)
        #expect(made == BootSeeds.generate(from: &other))
        #expect(made.random.count == BootSeeds.randomSize)
        #expect(BootSeeds.generate() != BootSeeds.generate())
    }

    @Test("virtio-mmio windows: address and SPI by their number, coherent, in order")
    func virtio() throws {
        let root = try tree { $0.virtioSlots = [.init(index: 31), .init(index: 0)] }
        let windows = root.children.filter { $0.name.hasPrefix("virtio_mmio@") }
        #expect(windows.map(\.name) == ["virtio_mmio@a000000", "virtio_mmio@a003e00"])
        #expect(cells("reg", of: windows[1]) == [0, 0x0A00_3E00, 0, 0x200])
        #expect(cells("interrupts", of: windows[1]) == [0, 47, 4])
        #expect(value("dma-coherent", of: windows[1]) == [])
    }

    @Test(
        "the PCI host: configuration space of buses 0 to 15, windows, four interrupts in a map of four slots by four pins"
    )
    func pci() throws {
        let host = try node("pcie@10000000", of: try tree { $0.hasPCI = true })
        #expect(value("compatible", of: host) == Array("pci-host-ecam-generic\0".utf8))
        #expect(cells("reg", of: host) == [0, 0x3F00_0000, 0, 0x0100_0000])
        #expect(cells("bus-range", of: host) == [0, 15] && value("dma-coherent", of: host) == [])
        let ranges: [UInt32] = [
            0x0100_0000, 0, 0, 0, 0x3EFF_0000, 0, 0x1_0000,
            0x0200_0000, 0, 0x1000_0000, 0, 0x1000_0000, 0, 0x2EFF_0000,
            0x0300_0000, 0x80, 0, 0x80, 0, 0x80, 0,
        ]
        #expect(cells("ranges", of: host) == ranges)
        #expect(cells("interrupt-map-mask", of: host) == [0x1800, 0, 0, 7])
        let map = try #require(cells("interrupt-map", of: host))
        #expect(map.count == 16 * 10)
        for (number, start) in stride(from: 0, to: map.count, by: 10).enumerated() {
            let (slot, pin) = (UInt32(number / 4), UInt32(number % 4))
            let entry: [UInt32] = [slot << 11, 0, 0, pin + 1, 1, 0, 0, 0, 3 + (slot + pin) % 4, 4]
            #expect(Array(map[start..<start + 10]) == entry)
        }
        #expect(cells("msi-map", of: host) == nil)
    }

    @Test("messages go to the ITS, by requester ID, where there is one")
    func messageMap() throws {
        let root = try tree { ($0.hasPCI, $0.hasITS) = (true, true) }
        let map = try #require(cells("msi-map", of: try node("pcie@10000000", of: root)))
        let its = try #require(try node("intc@8000000", of: root).children.first)
        #expect(map == [0, try #require(cells("phandle", of: its)?.first), 0, 0x1_0000])
    }

    @Test("each device's window is one of the memory map's regions")
    func regions() throws {
        let regions = VirtMemoryMap.regions(withFlash: false)
        let root = try tree(cpus: 123) { $0.virtioSlots = (0..<32).map { VirtDeviceTree.VirtioSlot(index: $0) } }
        for device in root.children where !device.name.hasPrefix("memory") {
            guard let reg = cells("reg", of: device) else { continue }
            for start in stride(from: 0, to: reg.count, by: 4) {
                let address = UInt64(reg[start]) << 32 | UInt64(reg[start + 1])
                let size = UInt64(reg[start + 2]) << 32 | UInt64(reg[start + 3])
                #expect(
                    regions.contains { $0.start <= address && address + size <= $0.start + $0.size }, "\(device.name)")
            }
        }
    }

    @Test("flattened, every property reads back")
    func flattened() throws {
        let root = try tree(cpus: 4) { ($0.commandLine, $0.hasPCI) = ("x", true) }
        let flat = try FlattenedDeviceTree(root: root)
        func check(_ node: DeviceTreeNode, at path: String) {
            for property in node.properties {
                #expect(flat.property(property.name, at: path.isEmpty ? "/" : path) == property.value)
            }
            for child in node.children { check(child, at: "\(path)/\(child.name)") }
        }
        check(root, at: "")
        #expect(try FlattenedDeviceTree(checking: flat.bytes) == flat)
    }
}
