import Boot
import Testing
import X86

@Suite("ACPI tables") struct ACPITablesTests {
    private static let address: UInt64 = 0xE_0000

    private func tables(cpuCount: Int = 2, windows: Int = 0, hasPCI: Bool = true) -> ACPITables {
        var devices = DeviceAnnouncement(pciECAM: hasPCI ? 0xE000_0000 : nil)
        devices.windows = (0..<windows).map {
            .init(address: 0xFEB0_0000 + UInt64($0) * 0x200, size: 0x200, interrupt: 16 + UInt32($0) % 8)
        }
        return ACPITables(at: Self.address, cpuCount: cpuCount, devices: devices)
    }

    private func bytes(_ signature: String, of tables: ACPITables) -> ImageBytes? {
        tables.places.first { $0.signature == signature }.map { ImageBytes(Array(tables.bytes[$0.range])) }
    }

    @Test("§5.2.6: each table has its signature, its length and a sum of zero")
    func headers() throws {
        for place in tables(windows: 3).places where place.signature != "RSD PTR " {
            let table = Array(tables(windows: 3).bytes[place.range])
            #expect(Array(table.prefix(4)) == Array(place.signature.utf8))
            #expect(ImageBytes(table).load(UInt32.self, at: 4) == UInt32(table.count))
            if place.signature != "FACS" { #expect(table.reduce(0, &+) == 0, "\(place.signature)") }
        }
    }

    @Test("§5.2.5.3: the root pointer is at a multiple of 16, both its sums are zero, and it leads to every table")
    func root() throws {
        let tables = tables()
        let root = try #require(bytes("RSD PTR ", of: tables))
        #expect(root.bytes.prefix(20).reduce(0, &+) == 0)
        #expect(root.bytes.reduce(0, &+) == 0)
        #expect(root.count == 36)
        func offset(_ signature: String) -> UInt64? {
            tables.places.first { $0.signature == signature }.map { Self.address + UInt64($0.range.lowerBound) }
        }
        #expect(root.load(UInt64.self, at: 24) == offset("XSDT"))
        let xsdt = try #require(bytes("XSDT", of: tables))
        let entries = stride(from: UInt64(36), to: xsdt.count, by: 8).map { xsdt.load(UInt64.self, at: $0) }
        #expect(entries == ["FACP", "APIC", "MCFG", "SPCR"].map(offset))
        let fadt = try #require(bytes("FACP", of: tables))
        #expect(fadt.load(UInt32.self, at: 36).map(UInt64.init) == offset("FACS"))
        #expect(fadt.load(UInt64.self, at: 140) == offset("DSDT"))
        #expect(try #require(offset("FACS")).isMultiple(of: 64))
    }

    @Test("§5.2.9: PM1 and the timer where the device is, the reset register, the legacy PC's parts that are there")
    func fixedHardware() throws {
        let fadt = try #require(bytes("FACP", of: tables()))
        #expect(fadt.count == 276)
        #expect(fadt.load(UInt16.self, at: 46) == 9)
        #expect(fadt.load(UInt32.self, at: 56) == 0x600)
        #expect(fadt.load(UInt32.self, at: 64) == 0x604)
        #expect(fadt.load(UInt32.self, at: 76) == 0x608)
        #expect(fadt.load(UInt8.self, at: 108) == 0x32)
        #expect(fadt.load(UInt32.self, at: 112) == 0x565)
        #expect(fadt.slice(at: 116, count: 13).map(Array.init) == [1, 8, 0, 1, 0xF9, 0xC, 0, 0, 0, 0, 0, 0, 6])
        #expect(fadt.slice(at: 148, count: 12).map(Array.init) == [1, 32, 0, 2, 0, 6, 0, 0, 0, 0, 0, 0])
        #expect(fadt.slice(at: 208, count: 12).map(Array.init) == [1, 32, 0, 3, 8, 6, 0, 0, 0, 0, 0, 0])
    }

    @Test("§5.2.12: a local APIC a CPU, an I/O APIC, the SCI's override and the NMI")
    func interruptControllers() throws {
        let madt = try #require(bytes("APIC", of: tables(cpuCount: 2)))
        var expected: [UInt8] = [0, 0, 0xE0, 0xFE, 1, 0, 0, 0]
        expected += [0, 8, 0, 0, 1, 0, 0, 0] + [0, 8, 1, 1, 1, 0, 0, 0]
        expected += [1, 12, 0, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0]
        expected += [2, 10, 0, 9, 9, 0, 0, 0, 0x0D, 0]
        expected += [4, 6, 0xFF, 0, 0, 1]
        #expect(Array(madt.bytes.dropFirst(36)) == expected)
    }

    @Test("without a PCI bus there is no MCFG, and no bridge in the DSDT")
    func noBus() throws {
        let tables = tables(windows: 1, hasPCI: false)
        #expect(bytes("MCFG", of: tables) == nil)
        let dsdt = try #require(bytes("DSDT", of: tables)).bytes
        #expect(dsdt.firstRange(of: Array("PCI0".utf8)) == nil)
        // Name (_HID, "LNRO0005"), Name (_UID, Zero), Name (_CRS, Buffer: Memory32Fixed, Interrupt, EndTag).
        var device: [UInt8] = [0x5B, 0x82, 0x3A]
        device += "V000\u{8}_HID\u{D}LNRO0005\0\u{8}_UID\0\u{8}_CRS".utf8
        device += [0x11, 0x1A, 0x0A, 0x17]
        device += [0x86, 9, 0, 1, 0, 0, 0xB0, 0xFE, 0, 2, 0, 0, 0x89, 6, 0, 9, 1, 16, 0, 0, 0, 0x79, 0]
        #expect(dsdt.firstRange(of: device) != nil)
    }

    @Test("the tables of the largest machine fit where they go")
    func size() {
        let tables = tables(cpuCount: 255, windows: 32)
        #expect(tables.bytes.count <= Int(X86MemoryMap.smbiosTables - X86MemoryMap.firmwareTables))
    }
}
