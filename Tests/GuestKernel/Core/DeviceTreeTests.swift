import KernelCore
import Testing

/// Writes a flattened device tree.
struct DeviceTreeWriter {
    private var structure = ByteWriter()
    private var strings = ByteWriter()

    mutating func node(_ name: String, _ body: (inout DeviceTreeWriter) -> Void) {
        structure.big(UInt32(1))
        structure.text(name)
        structure.align(4)
        body(&self)
        structure.big(UInt32(2))
    }

    mutating func property(_ name: String, _ value: [UInt8]) {
        structure.big(UInt32(4))
        structure.big(UInt32(3))
        structure.big(UInt32(value.count))
        structure.big(UInt32(strings.bytes.count))
        strings.text(name)
        structure.bytes += value
        structure.align(4)
    }

    mutating func property(_ name: String, cells: [UInt32]) {
        var value = ByteWriter()
        for cell in cells { value.big(cell) }
        property(name, value.bytes)
    }

    mutating func property(_ name: String, text: String) { property(name, Array(text.utf8) + [0]) }

    func encoded(reservations: [(UInt64, UInt64)]) -> [UInt8] {
        let structureBytes = structure.bytes + [0, 0, 0, 9]
        let structureOffset = 40 + (reservations.count + 1) * 16
        var tree = ByteWriter()
        for value in [
            0xD00D_FEED, structureOffset + structureBytes.count + strings.bytes.count, structureOffset,
            structureOffset + structureBytes.count, 40, 17, 16, 0, strings.bytes.count, structureBytes.count,
        ] { tree.big(UInt32(value)) }
        for (start, size) in reservations + [(0, 0)] {
            tree.big(start)
            tree.big(size)
        }
        return tree.bytes + structureBytes + strings.bytes
    }
}

@Suite struct DeviceTreeTests {
    static let base: UInt64 = 0x4400_0000

    static func sample() -> [UInt8] {
        var tree = DeviceTreeWriter()
        tree.node("") { root in
            root.property("#address-cells", cells: [2])
            root.property("#size-cells", cells: [2])
            root.node("reserved-memory") { node in
                node.property("#address-cells", cells: [1])
                node.property("#size-cells", cells: [1])
                node.node("buffer@48000000") { $0.property("reg", cells: [0x4800_0000, 0x10_0000]) }
            }
            root.node("memory@40000000") { node in
                node.property("device_type", text: "memory")
                node.property("reg", cells: [0, 0x4000_0000, 0, 0x1000_0000, 1, 0, 0, 0x2000_0000])
            }
            root.node("memory-controller@1000") { $0.property("reg", cells: [0, 0x1000, 0, 0x1000]) }
            root.node("chosen") { node in
                node.property("bootargs", text: "-v x=1")
                node.property("stdout-path", text: "/pl011@9000000")
                node.property("linux,initrd-start", cells: [0x4700_0000])
                node.property("linux,initrd-end", cells: [0, 0x4710_0000])
                node.node("memory@0") { $0.property("reg", cells: [0, 0, 0, 0x1000]) }
            }
            root.node("cpus") { node in
                node.property("#address-cells", cells: [1])
                node.property("#size-cells", cells: [0])
                for cpu in 0..<3 as Range<UInt32> {
                    node.node("cpu@\(cpu)") { $0.property("reg", cells: [cpu | 0x100]) }
                }
                node.node("cpu-map") { $0.property("reg", cells: [7]) }
            }
            root.node("psci") { node in
                node.property("method", text: "hvc")
                node.property("method2", text: "smc")
            }
        }
        return tree.encoded(reservations: [(0x4000_0000, 0x8_0000)])
    }

    static func read(_ bytes: [UInt8]) -> DeviceTree<ArrayMemory>? {
        DeviceTree(memory: ArrayMemory(base: base, bytes: bytes), address: base)
    }

    @Test("memory by the root's cells, less reservations; chosen, cpus and psci")
    func facts() throws {
        let facts = DeviceTreeFacts(try #require(Self.read(Self.sample())))
        #expect(
            Array(facts.memory) == [
                PhysicalRange(from: 0x4008_0000, to: 0x4800_0000), PhysicalRange(from: 0x4810_0000, to: 0x5000_0000),
                PhysicalRange(start: 0x1_0000_0000, size: 0x2000_0000),
            ])
        #expect(facts.commandLine?.string == "-v x=1" && facts.standardOutput?.string == "/pl011@9000000")
        #expect(facts.initialRAMDisk == PhysicalRange(from: 0x4700_0000, to: 0x4710_0000))
        #expect(facts.cpuCount == 3 && facts.cpu(2) == 0x102 && facts.cpu(3) == nil && facts.cpu(-1) == nil)
        #expect(facts.psciMethod == .hypervisorCall)
    }

    @Test("the items come in the order of the structure block, and nodes are balanced")
    func items() throws {
        var depth = 0
        var names: [String] = []
        for item in try #require(Self.read(Self.sample())) {
            switch item {
            case .begin(let name):
                depth += 1
                if depth == 2 { names.append(name.string) }
            case .end: depth -= 1
            case .property: #expect(depth > 0)
            }
        }
        #expect(depth == 0)
        #expect(
            names == ["reserved-memory", "memory@40000000", "memory-controller@1000", "chosen", "cpus", "psci"])
    }

    @Test("more CPUs than are listed are counted")
    func manyCPUs() throws {
        var tree = DeviceTreeWriter()
        tree.node("") { root in
            root.node("cpus") { node in
                for cpu in 0..<100 as Range<UInt32> { node.node("cpu@\(cpu)") { $0.property("reg", cells: [0, cpu]) } }
            }
        }
        let facts = DeviceTreeFacts(try #require(Self.read(tree.encoded(reservations: []))))
        #expect(facts.cpuCount == 100 && facts.cpu(63) == 63 && facts.cpu(64) == nil)
    }

    @Test("headers that make no sense are refused")
    func headers() {
        for (offset, value) in [(0, 0), (3, 0), (4, 0xFF), (8, 0xFF), (11, 0x39), (23, 15), (27, 99), (32, 0xFF)] {
            var bytes = Self.sample()
            bytes[offset] = UInt8(value)
            // A total size beyond the memory is found out while reading; all others at once.
            if offset == 4 { continue }
            #expect(Self.read(bytes)?.bootCPU == nil, "offset \(offset)")
        }
        #expect(Self.read([])?.bootCPU == nil && Self.read(Array(Self.sample().prefix(39)))?.bootCPU == nil)
    }

    @Test("cut and damaged trees trap nothing and end")
    func damagedTrees() {
        let sample = Self.sample()
        let cut = (0..<sample.count).map { Array(sample.prefix($0)) }
        for bytes in cut + damaged(sample, count: 4000, seed: 21) {
            guard let tree = Self.read(bytes) else { continue }
            let facts = DeviceTreeFacts(tree)
            _ = facts.commandLine?.bytes
            #expect(facts.memory.count <= BootMemoryMap.capacity && facts.cpuCount < 100)
        }
    }
}
