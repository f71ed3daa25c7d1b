import Boot
import Testing
import VMMCore
import X86

@Suite("SMBIOS tables") struct SMBIOSTablesTests {
    private static let address: UInt64 = 0xF_0000

    private func tables(
        memory: UInt64 = 256 << 20, topology: CPUTopology = CPUTopology(count: 2),
        _ change: (inout SMBIOSIdentity) -> Void = { _ in }
    ) throws -> SMBIOSTables {
        var facts = SMBIOSTables.Facts(
            topology: topology, memorySize: memory, ramRanges: try X86MemoryMap.ramRanges(memory))
        change(&facts.identity)
        return SMBIOSTables(at: Self.address, facts)
    }

    private struct Structure {
        let type: UInt8
        let handle: UInt16
        let formatted: ImageBytes
        let strings: [String]
    }

    /// Walks them as a guest does.
    private func structures(_ tables: SMBIOSTables) -> [Structure] {
        var rest = tables.bytes[SMBIOSTables.structuresOffset...]
        var found: [Structure] = []
        while rest.count >= 4 {
            let formatted = ImageBytes(Array(rest.prefix(Int(rest[rest.startIndex + 1]))))
            rest = rest.dropFirst(formatted.bytes.count)
            var strings: [String] = []
            while let end = rest.firstIndex(of: 0), end > rest.startIndex {
                strings.append(String(decoding: rest[..<end], as: UTF8.self))
                rest = rest[(end + 1)...]
            }
            rest = rest.dropFirst(strings.isEmpty ? 2 : 1)
            found.append(
                Structure(
                    type: formatted.load(UInt8.self, at: 0) ?? 0, handle: formatted.load(UInt16.self, at: 2) ?? 0,
                    formatted: formatted, strings: strings))
        }
        return found
    }

    @Test("§5.2.2: the 64-bit entry point has a sum of zero, and tells the structures' place and size")
    func entryPoint() throws {
        let bytes = ImageBytes(try tables().bytes)
        #expect(Self.address.isMultiple(of: 16) && Self.address == X86MemoryMap.smbiosTables)
        #expect(Array(bytes.bytes.prefix(5)) == Array("_SM3_".utf8))
        #expect(bytes.bytes.prefix(24).reduce(0, &+) == 0)
        #expect(bytes.slice(at: 6, count: 5).map(Array.init) == [24, 3, 4, 0, 1])
        #expect(bytes.load(UInt32.self, at: 12) == UInt32(bytes.count) - 32)
        #expect(bytes.load(UInt64.self, at: 16) == Self.address + 32)
    }

    @Test("§6.2: the required structures are there with the lengths of their version, and handles that differ")
    func required() throws {
        let all = structures(try tables { $0.oemStrings = ["a"] })
        #expect(all.map(\.type) == [0, 1, 3, 4, 11, 16, 17, 19, 32, 127])
        #expect(all.map { $0.formatted.bytes.count } == [0x1A, 0x1B, 0x16, 0x30, 5, 0x17, 0x28, 0x1F, 11, 4])
        #expect(Set(all.map(\.handle)).count == all.count)
    }

    @Test("§7.2: the system's texts by number, and the UUID with its first three fields turned around")
    func system() throws {
        let system = try #require(
            structures(
                try tables {
                    ($0.manufacturer, $0.product, $0.serial, $0.family) = ("Maker", "Thing", "S-1", "Kin")
                    $0.uuid = (1...16).map { UInt8($0) }
                }
            ).first { $0.type == 1 })
        #expect(system.strings == ["Maker", "Thing", "S-1", "Kin"])
        #expect(system.formatted.slice(at: 4, count: 4).map(Array.init) == [1, 2, 0, 3])
        #expect(
            system.formatted.slice(at: 8, count: 16).map(Array.init)
                == [4, 3, 2, 1, 6, 5, 8, 7, 9, 10, 11, 12, 13, 14, 15, 16])
        #expect(system.formatted.slice(at: 24, count: 3).map(Array.init) == [6, 0, 4])
    }

    @Test("§7.5: a processor a socket, with its cores and threads")
    func processors() throws {
        let topology = try CPUTopology(count: 16, sockets: 2, cores: 4, threads: 2)
        let processors = structures(try tables(topology: topology)).filter { $0.type == 4 }
        #expect(processors.map(\.strings.first) == ["CPU 0", "CPU 1"])
        for processor in processors {
            #expect(processor.formatted.slice(at: 0x23, count: 3).map(Array.init) == [4, 4, 8])
            #expect(processor.formatted.load(UInt16.self, at: 0x26) == 0b11100)
            #expect(processor.formatted.load(UInt16.self, at: 0x2E) == 8)
        }
    }

    @Test(
        "§7.17 to §7.20: memory in one piece, and as the address space has it",
        arguments: [256, 5 << 10, 64 << 10] as [UInt64])
    func memory(mebibytes: UInt64) throws {
        let all = structures(try tables(memory: mebibytes << 20))
        let array = try #require(all.first { $0.type == 16 }).formatted
        #expect(array.load(UInt32.self, at: 7) == UInt32(mebibytes << 10))
        let device = try #require(all.first { $0.type == 17 }).formatted
        let isLarge = mebibytes >= 0x7FFF
        #expect(device.load(UInt16.self, at: 12) == (isLarge ? 0x7FFF : UInt16(mebibytes)))
        #expect(device.load(UInt32.self, at: 28) == (isLarge ? UInt32(mebibytes) : 0))
        let ranges = all.filter { $0.type == 19 }.map(\.formatted)
        let sizes = ranges.map {
            UInt64($0.load(UInt32.self, at: 8) ?? 0) + 1 - UInt64($0.load(UInt32.self, at: 4) ?? 0)
        }
        #expect(sizes.reduce(0, +) == mebibytes << 10)
        #expect(ranges.count == (mebibytes > 3 << 10 ? 2 : 1))
    }

    @Test("the most and longest strings, and a processor a socket, leave room for what lies behind")
    func size() throws {
        let topology = try CPUTopology(count: CPUTopology.limit, sockets: CPUTopology.limit, cores: 1, threads: 1)
        let text = String(repeating: "x", count: SMBIOSIdentity.textLimit)
        let tables = try tables(topology: topology) {
            $0.oemStrings = Array(repeating: text, count: SMBIOSIdentity.oemStringLimit)
            ($0.manufacturer, $0.product, $0.version, $0.serial, $0.sku, $0.family) = (
                text, text, text, text, text, text
            )
        }
        #expect(Self.address + UInt64(tables.bytes.count) <= X86MemoryMap.mpTable)
        #expect(structures(tables).first { $0.type == 11 }?.strings.count == SMBIOSIdentity.oemStringLimit)
    }
}
