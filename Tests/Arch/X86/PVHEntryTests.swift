import Boot
import Testing
import VMMCore
import VMMTestSupport
import X86

@Suite("The PVH entry") struct PVHEntryTests {
    private let builder: ELFImageBuilder = {
        var builder = ELFImageBuilder(entry: 0x20_0000, segments: [.init(at: 0x20_0000, [0xFA, 0xF4])])
        builder.notes = [ELFImageBuilder.pvhNote(0x20_0001)]
        return builder
    }()

    @Test("start_info.h version 1: start_info, module list and memory map, byte by byte")
    func startInfo() throws {
        var configuration = BootConfiguration(memorySize: 16 << 20)
        configuration.commandLine = "a b"
        configuration.initrd = ImageBytes([UInt8](repeating: 0x55, count: 5000))
        let plan = try X86Boot.plan(image: BootImage(builder.build()), configuration: configuration)
        let memory = try GuestMemory(plan.ramRanges)
        let registers = try plan.load(into: memory)
        #expect(plan.bootProtocol == .pvh)

        let initrd: UInt64 = (16 << 20) - 8192
        var expected = [UInt32(0x336E_C578), 1, 0, 1].flatMap(\.littleEndianBytes)
        expected += [UInt64(0x6038), 0x7000, 0xE_0000, 0x6058].flatMap(\.littleEndianBytes)
        expected += [UInt32(4), 0].flatMap(\.littleEndianBytes)
        expected += [initrd, 5000, 0, 0].flatMap(\.littleEndianBytes)
        for (start, size, type) in [
            (0, 0xA_0000, 1), (0xA_0000, 0x4_0000, 2), (0xE_0000, 0x2_0000, 3), (0x10_0000, 0xF0_0000, 1),
        ] {
            expected += [UInt64(start), UInt64(size), UInt64(type)].flatMap(\.littleEndianBytes)
        }
        #expect(try memory.copyOut(GuestAddress(registers.rbx), count: expected.count) == expected)
        #expect(try memory.copyOut(GuestAddress(0x7000), count: 4) == Array("a b\0".utf8))
        #expect(try memory.copyOut(GuestAddress(initrd), count: 5001).last == 0)
    }

    @Test("virtio-mmio windows are words of the command line, before what is init's")
    func devices() throws {
        var configuration = BootConfiguration(memorySize: 16 << 20)
        configuration.commandLine = "quiet -- single"
        configuration.devices.windows = [0xFEB0_0000, 0xFEB0_0200].map {
            .init(address: $0, size: 0x200, interrupt: $0 == 0xFEB0_0000 ? 16 : 17)
        }
        let plan = try X86Boot.plan(image: BootImage(builder.build()), configuration: configuration)
        let memory = try GuestMemory(plan.ramRanges)
        try plan.load(into: memory)
        let words = "virtio_mmio.device=512@0xfeb00000:16 virtio_mmio.device=512@0xfeb00200:17"
        let line = "quiet \(words) -- single\0"
        #expect(try memory.copyOut(GuestAddress(0x7000), count: line.utf8.count) == Array(line.utf8))
        configuration.commandLine = String(repeating: "x", count: BootConfiguration.maximumCommandLine)
        #expect(throws: BootImageError.commandLineTooLong(length: 4096 + words.utf8.count, limit: 4095)) {
            try X86Boot.plan(image: BootImage(builder.build()), configuration: configuration)
        }
    }

    @Test("a vmlinux is told its console, and of its devices by ACPI, as a bzImage is")
    func linux() throws {
        var builder = builder
        builder.notes.append(("Linux", 0x100, [0, 0, 0, 0]))
        var configuration = BootConfiguration(memorySize: 16 << 20)
        configuration.linuxConsole = "ttyS0"
        configuration.devices.windows = [.init(address: 0xFEB0_0000, size: 0x200, interrupt: 16)]
        for (line, expected) in [
            ("quiet", "console=ttyS0 quiet"), ("console=hvc0", "console=hvc0"),
            ("acpi=off console=hvc0", "acpi=off console=hvc0 virtio_mmio.device=512@0xfeb00000:16"),
        ] {
            configuration.commandLine = line
            let plan = try X86Boot.plan(image: BootImage(builder.build()), configuration: configuration)
            #expect(plan.bootProtocol == .pvh)
            let memory = try GuestMemory(plan.ramRanges)
            try plan.load(into: memory)
            let bytes = Array("\(expected)\0".utf8)
            #expect(try memory.copyOut(GuestAddress(0x7000), count: bytes.count) == bytes)
        }
    }

    @Test("pvh.pandoc: 32-bit protected mode, flat segments, paging off, a task state segment of 0x67 bytes and one")
    func registers() throws {
        let plan = try X86Boot.plan(
            image: BootImage(builder.build()), configuration: BootConfiguration(memorySize: 16 << 20))
        let registers = plan.registers
        #expect(registers.rip == 0x20_0001)
        #expect(registers.rbx == 0x6000)
        #expect(registers.cr0 & ~0x10 == 1)
        #expect(registers.cr4 == 0)
        #expect(registers.efer == 0)
        #expect(registers.rflags & 0x2_0300 == 0)  // VM, IF, TF
        #expect(registers.cs == X86Segment(selector: 8, base: 0, limit: 0xFFFF_FFFF, accessRights: 0xC09B))
        for segment in [registers.ds, registers.es, registers.ss] {
            #expect(segment == X86Segment(selector: 0x10, base: 0, limit: 0xFFFF_FFFF, accessRights: 0xC093))
        }
        #expect(registers.tr == X86Segment(selector: 0x18, base: 0, limit: 0x67, accessRights: 0x8B))
    }

    @Test("an entry outside the segments is refused")
    func entry() {
        var broken = builder
        broken.notes = [ELFImageBuilder.pvhNote(0x20_0002)]
        #expect(throws: BootImageError.entryOutsideSegments(0x20_0002)) {
            try X86Boot.plan(
                image: BootImage(broken.build()), configuration: BootConfiguration(memorySize: 16 << 20))
        }
    }
}
