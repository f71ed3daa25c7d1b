import KernelCore
import Testing

@Suite struct StartInfoTests {
    static let base: UInt64 = 0x6000

    static func sample(version: UInt32 = 1) -> [UInt8] {
        var info = ByteWriter()
        info.little(UInt32(0x336E_C578))
        info.little(version)
        info.little(UInt32(0))
        info.little(UInt32(1))
        info.little(base + 0x100)
        info.little(base + 0x80)
        info.little(UInt64(0xE_0000))
        info.little(base + 0x180)
        info.little(UInt32(3))
        info.little(UInt32(0))
        info.align(0x80)
        info.text("console=serial")
        info.align(0x100)
        for value in [0x100_0000, 0x2_0000, 0, 0] as [UInt64] { info.little(value) }
        info.align(0x180)
        for (start, size, type) in [(0, 0x9_FC00, 1), (0xF_0000, 0x1_0000, 2), (0x10_0000, 0x3F0_0000, 1)]
            as [(UInt64, UInt64, UInt32)]
        {
            info.little(start)
            info.little(size)
            info.little(type)
            info.little(UInt32(0))
        }
        return info.bytes
    }

    static func read(_ bytes: [UInt8]) -> StartInfo<ArrayMemory>? {
        StartInfo(memory: ArrayMemory(base: base, bytes: bytes), address: base)
    }

    @Test("version 1: command line, module, RSDP and memory map")
    func version1() throws {
        let info = try #require(Self.read(Self.sample()))
        #expect(info.commandLine?.string == "console=serial" && info.rsdp == 0xE_0000)
        #expect(info.module(0)?.range == PhysicalRange(start: 0x100_0000, size: 0x2_0000) && info.module(1) == nil)
        #expect(
            Array(info.usableMemory()) == [
                PhysicalRange(start: 0, size: 0x9_FC00), PhysicalRange(start: 0x10_0000, size: 0x3F0_0000),
            ])
        #expect(info.memoryMapEntry(3) == nil)
    }

    @Test("version 0 has no memory map; another magic number is no start info")
    func others() throws {
        #expect(try #require(Self.read(Self.sample(version: 0))).usableMemory().count == 0)
        var bytes = Self.sample()
        bytes[0] ^= 1
        #expect(Self.read(bytes)?.version == nil && Self.read([])?.version == nil)
    }

    @Test("damaged ones trap nothing")
    func damagedInfos() {
        for bytes in damaged(Self.sample(), count: 3000, seed: 9) {
            guard let info = Self.read(bytes) else { continue }
            _ = info.commandLine?.bytes
            for index in 0...info.moduleCount { _ = info.module(index) }
            #expect(info.usableMemory().count <= BootMemoryMap.capacity)
        }
    }
}
