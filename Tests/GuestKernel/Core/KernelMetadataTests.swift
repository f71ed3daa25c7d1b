import GuestABI
import KernelCore
import Testing

@Suite struct KernelMetadataTests {
    static let base: UInt64 = 0x20_0000

    /// A list as bhyveload makes it, behind an environment and a command line.
    static func sample(arm: Bool = false) -> [UInt8] {
        var list = ByteWriter()
        list.record(KernelMetadata.name) { $0.text("/boot/entropy") }
        list.record(KernelMetadata.type) { $0.text("boot_entropy_cache") }
        list.record(KernelMetadata.arguments) { $0.text("not the kernel's") }
        list.record(KernelMetadata.name) { $0.text("kernel") }
        list.record(KernelMetadata.type) { $0.text(KernelMetadata.kernelType) }
        list.record(KernelMetadata.arguments) { $0.text("-v mark=42") }
        list.record(KernelMetadata.metadata | KernelMetadata.environment) { $0.little(base + 0x1000) }
        list.record(KernelMetadata.metadata | KernelMetadata.kernelEnd) { $0.little(UInt64(0x345_000)) }
        list.record(KernelMetadata.metadata | KernelMetadata.howTo) { $0.little(KernelMetadata.rebootSerial) }
        list.record(KernelMetadata.metadata | KernelMetadata.systemMemoryMap) { payload in
            if arm {
                payload.little(UInt64(2 * 48))
                payload.little(UInt64(48))
                payload.little(UInt32(1))
                payload.align(16)
                for (type, start, pages) in [(7, 0x4000_0000, 0x1000), (6, 0x4080_0000, 16)]
                    as [(UInt32, UInt64, UInt64)]
                {
                    payload.little(type)
                    payload.little(UInt32(0))
                    payload.little(start)
                    payload.little(UInt64(0))
                    payload.little(pages)
                    payload.little(UInt64(0xF))
                    payload.little(UInt64(0))
                }
            } else {
                for (start, size, type) in [(0, 0xA_0000, 1), (0x10_0000, 0x700_0000, 1), (0xE_0000, 0x2_0000, 2)]
                    as [(UInt64, UInt64, UInt32)]
                {
                    payload.little(start)
                    payload.little(size)
                    payload.little(type)
                }
            }
        }
        list.record(KernelMetadata.metadata | KernelMetadata.deviceTree) { $0.little(UInt64(0x4400_0000)) }
        list.record(KernelMetadata.name) { $0.text("ramdisk") }
        list.record(KernelMetadata.type) { $0.text("md_image") }
        list.record(KernelMetadata.metadata | KernelMetadata.kernelEnd) { $0.little(UInt64(1)) }
        list.record(KernelMetadata.end)
        while list.bytes.count < 0x1000 { list.bytes.append(0) }
        list.text("console=bvm")
        list.text("broken")
        list.text("hw.ncpu=2")
        list.text("hw.ncpu=3")
        list.text("empty=")
        list.text("size=64M")
        list.text("a=b=c")
        list.text("")
        return list.bytes
    }

    static func read(_ bytes: [UInt8]) -> KernelMetadataSummary<ArrayMemory>? {
        KernelMetadataSummary(memory: ArrayMemory(base: base, bytes: bytes), address: base)
    }

    @Test("the records of the module of type \"elf kernel\" are taken, and no other module's")
    func kernelRecords() throws {
        let summary = try #require(Self.read(Self.sample()))
        #expect(summary.commandLine?.string == "-v mark=42")
        #expect(summary.kernelEnd == 0x345_000)
        #expect(summary.howTo == KernelMetadata.rebootSerial)
        #expect(summary.deviceTreeAddress == 0x4400_0000)
        #expect(summary.ending == .endRecord)
    }

    @Test("SMAP: packed 20-byte entries; what is not usable is carved out")
    func systemMemoryMap() throws {
        let bytes = Self.sample()
        let record = try #require(Self.read(bytes)?.memoryMap)
        let map = SystemMemoryMap(
            memory: ArrayMemory(base: Self.base, bytes: bytes), address: record.address, length: record.length)
        #expect(Array(map).map(\.type) == [1, 1, 2])
        #expect(
            Array(map.usableMemory()) == [
                PhysicalRange(start: 0, size: 0xA_0000), PhysicalRange(start: 0x10_0000, size: 0x700_0000),
            ])
    }

    @Test("EFI_MAP: descriptors begin at the next multiple of 16 after the header, and are as far apart as it says")
    func efiMemoryMap() throws {
        let bytes = Self.sample(arm: true)
        let record = try #require(Self.read(bytes)?.memoryMap)
        let map = try #require(
            EFIMemoryMap(
                memory: ArrayMemory(base: Self.base, bytes: bytes), address: record.address, length: record.length))
        #expect(Array(map).map(\.type) == [7, 6])
        #expect(
            Array(map.usableMemory()) == [
                PhysicalRange(start: 0x4000_0000, size: 0x80_0000), PhysicalRange(from: 0x4081_0000, to: 0x4100_0000),
            ])
    }

    @Test("the environment: first of two entries counts, entries without = are skipped, numbers take suffixes")
    func environment() throws {
        let environment = try #require(Self.read(Self.sample())).environment
        #expect(environment.value(of: EnvironmentName.console)?.string == "bvm")
        #expect(environment.integer(EnvironmentName.cpus) == 2)
        #expect(environment.integer("size") == 64 << 20)
        #expect(environment.value(of: "empty")?.count == 0)
        #expect(environment.value(of: "a")?.string == "b=c")
        #expect(environment.value(of: "broken") == nil)
        #expect(environment.value(of: "hw.ncp") == nil)
        #expect(environment.integer("console") == nil)
        #expect(environment.map(\.name.string) == ["console", "hw.ncpu", "hw.ncpu", "empty", "size", "a"])
    }

    @Test("an environment without an end ends with memory, and no unfinished entry is given")
    func unfinishedEnvironment() {
        let memory = ArrayMemory(base: 0x100, bytes: Array("one=1\0two=2".utf8))
        #expect(KernelEnvironment(memory: memory, address: 0x100).map(\.name.string) == ["one"])
        #expect(KernelEnvironment(memory: memory, address: .max).map(\.name.string).isEmpty)
        #expect(KernelEnvironment(memory: memory, address: nil).map(\.name.string).isEmpty)
        let endless = ArrayMemory(base: 0, bytes: [UInt8](repeating: 0x3D, count: 200_000))
        #expect(KernelEnvironment(memory: endless, address: 0).map(\.name.string).isEmpty)
    }

    @Test(
        "numbers",
        arguments: [
            ("0", 0), ("42", 42), ("0x1fF", 0x1FF), ("4K", 4096), ("2g", 2 << 30), ("1T", 1 << 40), ("0x10k", 0x4000),
            ("18446744073709551615", UInt64.max), ("", nil), ("0x", nil), ("18446744073709551616", nil),
            ("16777216T", nil),
            ("1 ", nil), ("-1", nil), ("K", nil), ("4KK", nil), ("4K1", nil), ("0xg", nil), ("12a", nil),
        ] as [(String, UInt64?)])
    func numbers(text: String, value: UInt64?) {
        var parser = IntegerParser()
        for byte in text.utf8 { parser.add(byte) }
        #expect(parser.value == value)
    }

    @Test("a list cut anywhere ends, and says that it was truncated")
    func truncated() {
        let bytes = Self.sample()
        var reader = KernelMetadataReader(memory: ArrayMemory(base: Self.base, bytes: bytes), address: Self.base)
        var lengths = 8
        while let record = reader.next() { lengths += 8 + Int(record.length + 7) & ~7 }
        for count in 0..<lengths {
            var cut = KernelMetadataReader(
                memory: ArrayMemory(base: Self.base, bytes: Array(bytes[..<count])), address: Self.base)
            while cut.next() != nil {}
            #expect(cut.ending == .truncated || (cut.ending == .endRecord && count >= lengths - 3))
        }
    }

    @Test("a list without an end is given up after the limit")
    func endless() {
        let bytes = [UInt8](repeating: 1, count: 8) + [UInt8](repeating: 0, count: 8)
        var list = ByteWriter()
        for _ in 0..<5000 { list.record(KernelMetadata.size) }
        var reader = KernelMetadataReader(memory: ArrayMemory(base: 0, bytes: list.bytes), address: 0)
        var count = 0
        while reader.next() != nil { count += 1 }
        #expect(count == KernelMetadataReader<ArrayMemory>.recordLimit && reader.ending == .tooManyRecords)
        // Lengths that wrap the address space, and an address at its very end.
        for address in [0, UInt64.max - 7, UInt64.max - 15] {
            var reader = KernelMetadataReader(
                memory: ArrayMemory(base: address, bytes: bytes), address: address)
            while reader.next() != nil {}
            #expect(reader.ending == .truncated)
        }
    }

    @Test("damaged lists trap nothing and end")
    func damagedLists() {
        for arm in [false, true] {
            for bytes in damaged(Self.sample(arm: arm), count: 2000, seed: 11) {
                guard let summary = Self.read(bytes) else { continue }
                _ = summary.commandLine?.bytes
                for entry in summary.environment { _ = entry.value.integer }
                guard let record = summary.memoryMap else { continue }
                let memory = ArrayMemory(base: Self.base, bytes: bytes)
                let map = SystemMemoryMap(memory: memory, address: record.address, length: record.length)
                #expect(map.usableMemory().count <= BootMemoryMap.capacity)
                let efi = EFIMemoryMap(memory: memory, address: record.address, length: record.length)
                #expect((efi?.usableMemory().count ?? 0) <= BootMemoryMap.capacity)
            }
        }
    }
}
