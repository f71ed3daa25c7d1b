import Boot
import Testing
import VMMCore
import VMMTestSupport
import X86

@Suite("The FreeBSD and the plain 64-bit entry") struct DirectEntry64Tests {
    static let unikernel: ELFImageBuilder = {
        var builder = ELFImageBuilder(
            entry: 0x20_0010,
            segments: [
                .init(at: 0x20_0000, [UInt8](repeating: 0x90, count: 0x123)),
                .init(at: 0x40_0000, [7, 7, 7], memorySize: 0x2345),
            ])
        builder.notes = [ELFImageBuilder.swvmmNote, ELFImageBuilder.pvhNote(0x20_0020)]
        return builder
    }()

    private func plan(
        _ builder: ELFImageBuilder, memory: UInt64 = 16 << 20,
        _ change: (inout BootConfiguration) throws -> Void = { _ in }
    ) throws -> X86BootPlan {
        var configuration = BootConfiguration(memorySize: memory)
        try change(&configuration)
        return try X86Boot.plan(image: BootImage(builder.build()), configuration: configuration)
    }

    @Test("elf64_freebsd.c: stack words, page tables, GDT and registers, byte by byte")
    func handover() throws {
        let plan = try plan(Self.unikernel)
        let memory = try GuestMemory(plan.ramRanges)
        let registers = try plan.load(into: memory)
        let handover = try #require(plan.handover)

        #expect(registers.rip == 0x20_0010)
        #expect(registers.rsp == 0x1000)
        #expect(registers.rflags == 2)
        #expect(registers.cr0 == 0x8000_0031)
        #expect(registers.cr3 == 0x2000)
        #expect(registers.cr4 == 0x20)
        #expect(registers.efer == 0x500)
        #expect(registers.gdtr == X86DescriptorTable(base: 0x5000, limit: 23))
        #expect(registers.cs == X86Segment(selector: 8, base: 0, limit: 0, accessRights: 0x209B))
        for segment in [registers.ds, registers.es, registers.fs, registers.gs, registers.ss] {
            #expect(segment == X86Segment(selector: 0x10, base: 0, limit: 0, accessRights: 0x93))
        }
        #expect(registers.tr.accessRights == 0x8B)
        #expect(registers.ldtr.accessRights == 0x1_0000)
        #expect(registers.apicBase == 0xFEE0_0900)

        // The kernel ends at 0x402345: environment at 0x403000, metadata at 0x404000, kernend one page on.
        #expect(handover.environmentAddress == 0x40_3000)
        #expect(handover.metadataAddress == 0x40_4000)
        #expect(handover.kernelEnd == 0x40_5000)
        let stack = [UInt32(0), 0x40_4000, 0x40_5000].flatMap(\.littleEndianBytes)
        #expect(try memory.copyOut(GuestAddress(0x1000), count: 12) == stack)
        for index in 0..<UInt64(512) {
            let expected: [UInt64] = [0x3003, 0x4003, index << 21 | 0x83]
            for (table, entry) in zip([0x2000, 0x3000, 0x4000] as [UInt64], expected) {
                #expect(try memory.load(UInt64.self, at: GuestAddress(table + index * 8)) == entry)
            }
        }
        let gdt = [UInt64(0), 0x0020_9800_0000_0000, 0x0000_9000_0000_0000].flatMap(\.littleEndianBytes)
        #expect(try memory.copyOut(GuestAddress(0x5000), count: 24) == gdt)
        #expect(try memory.copyOut(GuestAddress(0x40_0000), count: 4) == [7, 7, 7, 0])
    }

    @Test("bi_load64: the metadata in memory, decoded, is what the kernel needs to know")
    func metadata() throws {
        let plan = try plan(Self.unikernel) {
            $0.commandLine = "hello world"
            $0.cpuCount = 2
            $0.initrd = ImageBytes([1, 2, 3, 4, 5])
            try $0.environment.set("test.mark=42")
        }
        let memory = try GuestMemory(plan.ramRanges)
        try plan.load(into: memory)
        let handover = try #require(plan.handover)
        let bytes = try memory.copyOut(GuestAddress(handover.metadataAddress), count: 4096)
        let metadata = try FreeBSDMetadata.decode(bytes)
        #expect(metadata == handover.metadata)

        let kernel = try #require(metadata.modules.first)
        #expect(kernel.type == "elf kernel")
        #expect(kernel.arguments == "hello world")
        #expect(kernel.address == 0x20_0000)
        #expect(kernel.size == 0x20_2345)
        func number(_ type: UInt32) -> UInt64? { kernel.items.first { $0.type == type }?.number }
        #expect(number(7) == 0x1000)
        #expect(number(6) == handover.environmentAddress)
        #expect(number(8) == handover.kernelEnd)
        #expect(handover.kernelEnd.isMultiple(of: 4096))
        #expect(handover.kernelEnd >= handover.metadataAddress + UInt64(metadata.encoded.count))
        #expect(kernel.items.first { $0.type == 2 }?.payload == Array(Self.unikernel.build().prefix(64)))
        let map = try #require(kernel.items.first { $0.type == 0x1001 })
        #expect(FreeBSDMetadata.Item.decodeSystemMemoryMap(map.payload) == plan.memoryMap)

        let initrd = try #require(metadata.modules.last)
        #expect(initrd == .init(name: "initrd", type: "md_image", address: 0x40_3000, size: 5))
        #expect(try memory.copyOut(GuestAddress(initrd.address), count: 5) == [1, 2, 3, 4, 5])
        let environment = try KernelEnvironment.decode(
            try memory.copyOut(GuestAddress(handover.environmentAddress), count: 4096))
        #expect(environment["test.mark"] == "42")
        #expect(environment["hw.ncpu"] == "2")
    }

    @Test("load_elf.c: a FreeBSD kernel of the upper half goes to its virtual address less the base, with its symbols")
    func freeBSDKernel() throws {
        let base: UInt64 = 0xFFFF_FFFF_8000_0000
        var builder = ELFImageBuilder(
            entry: base + 0x38_0000, segments: [.init(at: base + 0x20_0000, [0xEB, 0xFE], memorySize: 0x20_0005)])
        builder.osABI = 9
        builder.symbols = (table: [UInt8](repeating: 3, count: 24), strings: [0, 65, 0])
        let plan = try plan(builder)
        #expect(plan.entry == base + 0x38_0000)
        let kernel = try #require(plan.handover?.metadata.modules.first)
        #expect(kernel.address == 0x20_0000)
        func number(_ type: UInt32) -> UInt64? { kernel.items.first { $0.type == type }?.number }
        let symbols: UInt64 = 0x40_0008
        #expect(number(3) == symbols)
        #expect(number(4) == symbols + 8 + 24 + 8 + 8)
        #expect(kernel.size == 0x20_0038)
        let memory = try GuestMemory(plan.ramRanges)
        try plan.load(into: memory)
        #expect(try memory.load(UInt64.self, at: GuestAddress(0x40_0008)) == 24)
        #expect(try memory.load(UInt64.self, at: GuestAddress(0x40_0008 + 32)) == 3)
    }

    @Test("boot.rst: a plain ELF64 is entered with boot_params in RSI and the first GiB mapped once")
    func plainELF() throws {
        let builder = ELFImageBuilder(
            entry: 0xFFFF_FFFF_8100_0004,
            segments: [.init(at: 0xFFFF_FFFF_8100_0000, physical: 0x100_0000, [0x90, 0x90, 0x90, 0x90, 0xF4])])
        let plan = try plan(builder, memory: 32 << 20) {
            $0.commandLine = "console=ttyS0"
            $0.initrd = ImageBytes([9, 8, 7])
        }
        let memory = try GuestMemory(plan.ramRanges)
        let registers = try plan.load(into: memory)
        #expect(plan.bootProtocol == .elf64Entry)
        #expect(registers.rip == 0x100_0004)
        #expect(registers.cs.selector == 0x10)
        #expect(registers.ds.selector == 0x18)
        #expect(try memory.load(UInt64.self, at: GuestAddress(0x2000)) == 0x3003)
        #expect(try memory.load(UInt64.self, at: GuestAddress(0x2008)) == 0)
        #expect(try memory.load(UInt64.self, at: GuestAddress(0x3008)) == 0)
        let parameters = registers.rsi
        #expect(try memory.copyOut(GuestAddress(parameters + 0x202), count: 4) == Array("HdrS".utf8))
        #expect(try memory.load(UInt8.self, at: GuestAddress(parameters + 0x1E8)) == 4)
        #expect(try memory.load(UInt64.self, at: GuestAddress(parameters + 0x70)) == 0xE_0000)
        let commandLine = try memory.load(UInt32.self, at: GuestAddress(parameters + 0x228))
        #expect(
            try memory.copyOut(GuestAddress(UInt64(commandLine)), count: 14) == Array("console=ttyS0\0".utf8))
        let ramdisk = try memory.load(UInt32.self, at: GuestAddress(parameters + 0x218))
        #expect(ramdisk == (32 << 20) - 4096)
        #expect(try memory.copyOut(GuestAddress(UInt64(ramdisk)), count: 3) == [9, 8, 7])
        let entry = try memory.copyOut(GuestAddress(parameters + 0x2D0 + 20), count: 20)
        #expect(entry == [UInt64(0xA_0000), 0x4_0000].flatMap(\.littleEndianBytes) + UInt32(2).littleEndianBytes)
    }
}
