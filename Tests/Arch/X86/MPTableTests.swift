import Boot
import Testing
import X86

@Suite("The MP table") struct MPTableTests {
    private static let address: UInt64 = 0xF_E000

    /// The configuration table, without the floating pointer.
    private func configuration(cpuCount: Int = 2, _ devices: DeviceAnnouncement = DeviceAnnouncement()) -> ImageBytes {
        ImageBytes(Array(MPTable(at: Self.address, cpuCount: cpuCount, devices: devices).bytes.dropFirst(16)))
    }

    /// Its entries: those of processors have 20 bytes, all others 8.
    private func entries(of table: ImageBytes) -> [[UInt8]] {
        var rest = Array(table.bytes.dropFirst(44))
        var entries: [[UInt8]] = []
        while let type = rest.first {
            let size = type == 0 ? 20 : 8
            entries.append(Array(rest.prefix(size)))
            rest.removeFirst(min(size, rest.count))
        }
        return entries
    }

    @Test("§4.1: the floating pointer is at a multiple of 16, has a sum of zero, and leads to the table behind it")
    func floatingPointer() throws {
        let bytes = ImageBytes(MPTable(at: Self.address, cpuCount: 2, devices: DeviceAnnouncement()).bytes)
        #expect(Self.address.isMultiple(of: 16) && Self.address == X86MemoryMap.mpTable)
        #expect(Array(bytes.bytes.prefix(4)) == Array("_MP_".utf8))
        #expect(bytes.load(UInt32.self, at: 4) == 0xF_E010)
        #expect(bytes.load(UInt8.self, at: 8) == 1 && bytes.load(UInt8.self, at: 9) == 4)
        #expect(bytes.bytes.prefix(16).reduce(0, &+) == 0)
        // No default configuration, and no IMCR: virtual wire mode.
        #expect(bytes.slice(at: 11, count: 5).map(Array.init) == [0, 0, 0, 0, 0])
    }

    @Test("§4.2: the header's length, count and sum are those of the table")
    func header() throws {
        let table = configuration(cpuCount: 3, DeviceAnnouncement(pciECAM: 0xE000_0000))
        #expect(Array(table.bytes.prefix(4)) == Array("PCMP".utf8))
        #expect(table.load(UInt16.self, at: 4) == UInt16(table.count))
        #expect(table.load(UInt16.self, at: 34) == UInt16(entries(of: table).count))
        #expect(table.load(UInt32.self, at: 36) == 0xFEE0_0000)
        #expect(table.bytes.reduce(0, &+) == 0)
    }

    @Test("§4.3: entries come in the order of their types; CPU 0 boots; the I/O APIC's number is none of a CPU's")
    func order() throws {
        let all = entries(of: configuration(cpuCount: 2))
        #expect(all.map(\.[0]) == all.map(\.[0]).sorted())
        #expect(all[0].prefix(4).elementsEqual([0, 0, 0x14, 3]))
        #expect(all[1].prefix(4).elementsEqual([0, 1, 0x14, 1]))
        #expect(all[2] == [1, 0] + Array("ISA   ".utf8))
        #expect(all[3] == [2, 2, 0x11, 1, 0, 0, 0xC0, 0xFE])
        #expect(all.suffix(2) == [[4, 3, 0, 0, 0, 0, 0xFF, 0], [4, 1, 0, 0, 0, 0, 0xFF, 1]])
    }

    @Test("§4.3.4: the ISA bus's interrupts are at the inputs of their numbers, but for the cascade")
    func isaInterrupts() {
        let interrupts = entries(of: configuration()).filter { $0[0] == 3 }
        #expect(interrupts.map(\.[5]) == [0, 1] + Array(3...15))
        #expect(interrupts.allSatisfy { $0[1...3] == [0, 0, 0] && $0[5] == $0[7] && $0[6] == 2 })
    }

    @Test("§D.3: every pin of every slot of PCI bus 0 is at its wire, level-triggered and active high")
    func pciInterrupts() {
        let all = entries(of: configuration(DeviceAnnouncement(pciECAM: 0xE000_0000)))
        #expect(all.filter { $0[0] == 1 }.map { $0[1] } == [0, 1])
        let pins = all.filter { $0[0] == 3 && $0[4] == 0 }
        #expect(pins.count == 128)
        for pin in pins {
            #expect(pin[2] == 0b1101 && pin[7] == 16 + (pin[5] >> 2 + pin[5] & 3) % 4)
        }
    }

    @Test("virtio-mmio windows' inputs once each, level-triggered and active high")
    func windows() {
        var devices = DeviceAnnouncement()
        devices.windows = (0..<10).map {
            .init(address: 0xFEB0_0000 + $0 * 0x200, size: 0x200, interrupt: 16 + UInt32($0) % 8)
        }
        let interrupts = entries(of: configuration(devices)).filter { $0[0] == 3 && $0[5] >= 16 }
        #expect(interrupts.map(\.[7]) == Array(16...23))
        #expect(interrupts.allSatisfy { $0[2] == 0b1101 && $0[5] == $0[7] })
    }

    @Test("the largest table ends below 1 MiB")
    func size() {
        let table = MPTable(at: Self.address, cpuCount: 255, devices: DeviceAnnouncement(pciECAM: 0xE000_0000))
        #expect(Self.address + UInt64(table.bytes.count) <= X86MemoryMap.legacyAreaEnd)
    }
}
