import KernelCore
import Testing

@Suite("PCI functions") struct PCIFunctionTests {
    @Test("a scan finds the functions of bus 0, and several in a slot only where the header says so")
    func scan() {
        let mock = MockPCIFunction(slot: 3)
        // A second function behind the first: not looked for yet.
        mock.space.set(0x1AF4 as UInt16, 3 << 15 | 1 << 12)
        mock.space.set(0x1041 as UInt16, 3 << 15 | 1 << 12 | 2)
        func scan() -> [UInt16] {
            var found: [UInt16] = []
            PCIFunction.forEach(mock.space) { found.append($0.device) }
            return found
        }
        #expect(scan() == [0x1042])
        for index in 2..<8 as Range<UInt64> { mock.space.set(UInt16.max, 3 << 15 | index << 12) }
        mock.set(0x80 as UInt8, 0x0E)
        #expect(scan() == [0x1042, 0x1041])
        // A bridge is no endpoint.
        mock.set(0x01 as UInt8, 0x0E)
        #expect(scan().isEmpty)
    }

    @Test("a capability list is followed to its end, and ends when it bites its tail or points into the header")
    func capabilities() throws {
        let mock = MockPCIFunction(slot: 1)
        let function = try #require(mock.function(slot: 1))
        func list() -> [UInt8] {
            var found: [UInt8] = []
            function.forEachCapability { identifier, _ in found.append(identifier) }
            return found
        }
        #expect(list().isEmpty)
        mock.setCapabilities([[0x11, 0], [0x09, 0], [0x05, 0]])
        #expect(list() == [0x11, 0x09, 0x05])
        mock.set(0x40 as UInt8, 0x81)
        #expect(list().count == 48)
        mock.set(0x20 as UInt8, 0x81)
        #expect(list() == [0x11, 0x09, 0x05])
    }

    @Test("a region that has a place keeps it, and is not touched")
    func placedRegion() throws {
        let mock = MockPCIFunction(
            slot: 1, regions: [.init(mask: 0xFFFF_F000), .init(mask: 0xFFFF_C000, type: 12), .init(mask: .max)])
        mock.set(0xE000_1000 as UInt32, 0x10)
        mock.set(0x4000_000C as UInt32, 0x14)
        mock.set(0x80 as UInt32, 0x18)
        let function = try #require(mock.function(slot: 1))
        var window = PCIMemoryWindow(start: 0x1000_0000, size: 0x1000_0000)
        #expect(function.place(ofRegion: 0, in: &window, limit: .max) == 0xE000_1000)
        #expect(function.place(ofRegion: 1, in: &window, limit: .max) == 0x80_4000_0000)
        #expect(mock.space.stores.isEmpty)
    }

    @Test("a region without a place gets one at the window's end, aligned to its size")
    func unplacedRegions() throws {
        let mock = MockPCIFunction(
            slot: 1,
            regions: [
                .init(mask: 0xFFFF_F000), .init(mask: 0xFFFF_C000, type: 12), .init(mask: .max),
                .init(mask: 0xFFFF_FF80, type: 1),
            ])
        mock.set(0x0407 as UInt16, 4)
        let function = try #require(mock.function(slot: 1))
        var window = PCIMemoryWindow(start: 0x1000_0000, size: 0x1000_0000)
        #expect(function.place(ofRegion: 0, in: &window, limit: .max) == 0x1FFF_F000)
        #expect(mock.load32(0x10) == 0x1FFF_F000)
        // It does not answer while it is sized and moved.
        #expect(mock.load32(4) & 0xFFFF == 0x0405)
        #expect(function.place(ofRegion: 1, in: &window, limit: .max) == 0x1FFF_8000)
        #expect(mock.load32(0x14) == 0x1FFF_800C && mock.load32(0x18) == 0)
        // Again: it has a place now.
        #expect(function.place(ofRegion: 0, in: &window, limit: .max) == 0x1FFF_F000)
        // I/O, not there, and no register at all.
        #expect(function.place(ofRegion: 3, in: &window, limit: .max) == nil)
        #expect(function.place(ofRegion: 4, in: &window, limit: .max) == nil)
        #expect(function.place(ofRegion: 6, in: &window, limit: .max) == nil)
    }

    @Test("a 64-bit region beyond what can be mapped is moved into the window")
    func highRegion() throws {
        let mock = MockPCIFunction(slot: 1, regions: [.init(mask: 0xFFFF_C000, type: 12), .init(mask: .max)])
        mock.set(0x80 as UInt32, 0x14)
        let function = try #require(mock.function(slot: 1))
        var window = PCIMemoryWindow(start: 0x1000_0000, size: 0x1000_0000)
        #expect(function.place(ofRegion: 0, in: &window, limit: 1 << 39) == 0x1FFF_C000)
        #expect(mock.load32(0x14) == 0)
    }

    @Test(
        "the window gives powers of two that fit, and nothing else",
        arguments: [(16, 0x1FF0), (4096, 0x1000), (8192, nil), (0, nil), (8, nil), (48, nil), (.max, nil)]
            as [(UInt64, UInt64?)])
    func window(size: UInt64, place: UInt64?) {
        var window = PCIMemoryWindow(start: 0x1000, size: 0x1000)
        #expect(window.take(size) == place)
    }

    @Test("§6.8.2: messages go into their entries, unmasked, and are enabled for the function")
    func messages() throws {
        let mock = MockPCIFunction(slot: 1)
        // Three entries at 0x2000 of region 4; masked as a whole.
        mock.setCapabilities([[0x09, 0], [0x11, 0x02, 0x40, 0x04, 0x20, 0, 0]])
        let function = try #require(mock.function(slot: 1))
        let location = try #require(MSIXTable.Location(function))
        #expect(location.count == 3 && location.region == 4 && location.offset == 0x2000)
        let entries = MockRegisters(size: 48)
        let table = MSIXTable(function, location, entries: entries)
        table.set(1, MSIXTable.Message(address: 0x1_FEE0_0000, data: 0x41))
        #expect(
            entries.stores == [.init(16, 0xFEE0_0000), .init(20, 1), .init(24, 0x41), .init(28, 0)])
        table.enable()
        #expect(mock.load32(0x60) >> 16 == 0x8002)
        #expect(MSIXTable.Location(try #require(MockPCIFunction(slot: 1).function(slot: 1))) == nil)
    }
}
