import Boot
import Testing
import VMMCore
import VMMTestSupport
import X86

@Suite("The multiboot entry") struct MultibootEntryTests {
    private func plan(
        _ bytes: [UInt8], _ change: (inout BootConfiguration) -> Void = { _ in }
    ) throws -> (plan: X86BootPlan, memory: GuestMemory, registers: X86Registers) {
        var configuration = BootConfiguration(memorySize: 16 << 20)
        change(&configuration)
        let plan = try X86Boot.plan(image: BootImage(bytes), configuration: configuration)
        let memory = try GuestMemory(plan.ramRanges)
        return (plan, memory, try plan.load(into: memory))
    }

    @Test("§3.2: EAX and EBX, 32-bit protected mode with flat segments, paging and interrupts off")
    func registers() throws {
        let (plan, _, registers) = try plan(MultibootBuilder([0xF4]).elf32())
        #expect(plan.bootProtocol == .multiboot)
        #expect(registers.rip == 0x10_0020 && registers.rax == 0x2BAD_B002 && registers.rbx == 0x6000)
        #expect(registers.cr0 & 0x8000_0001 == 1 && registers.efer == 0 && registers.rflags == 2)
        for segment in [registers.cs, registers.ds, registers.es, registers.ss, registers.fs, registers.gs] {
            #expect(segment.base == 0 && segment.limit == 0xFFFF_FFFF)
        }
    }

    @Test("§3.3: the information structure, the module, the memory map and the loader's name, byte by byte")
    func information() throws {
        let (_, memory, registers) = try plan(MultibootBuilder([0xF4]).elf32()) {
            $0.commandLine = "a b"
            $0.initrd = ImageBytes([UInt8](repeating: 0x55, count: 5000))
        }
        let initrd: UInt32 = (16 << 20) - 8192
        var expected: [UInt32] = [0b10_0100_1101, 640, 15 << 10, 0, 0x7000, 1, 0x6078, 0, 0, 0, 0]
        let mapSize: UInt32 = 4 * 24
        expected += [mapSize, 0x6088, 0, 0, 0, 0x60E8]
        expected += [UInt32](repeating: 0, count: 13)
        expected += [initrd, initrd + 5000, 0, 0]
        var bytes = expected.flatMap(\.littleEndianBytes)
        for (start, size, type) in [
            (0, 0xA_0000, 1), (0xA_0000, 0x4_0000, 2), (0xE_0000, 0x2_0000, 3), (0x10_0000, 0xF0_0000, 1),
        ] as [(UInt64, UInt64, UInt32)] {
            bytes += UInt32(20).littleEndianBytes + start.littleEndianBytes + size.littleEndianBytes
            bytes += type.littleEndianBytes
        }
        bytes += Array("swvmm\0".utf8)
        #expect(try memory.copyOut(GuestAddress(registers.rbx), count: bytes.count) == bytes)
        #expect(try memory.copyOut(GuestAddress(0x7000), count: 4) == Array("a b\0".utf8))
        #expect(try memory.copyOut(GuestAddress(UInt64(initrd)), count: 5001).last == 0)
    }

    @Test("without an initrd there is no module")
    func noModule() throws {
        let (_, memory, _) = try plan(MultibootBuilder([0xF4]).elf32())
        #expect(try memory.copyOut(GuestAddress(0x6014), count: 8) == [UInt8](repeating: 0, count: 8))
    }

    @Test("an ELF file goes to its physical addresses, wherever it is linked; an ELF64 file too")
    func elf() throws {
        let builder = MultibootBuilder([0xFA, 0xF4])
        for bytes in [builder.elf32(), builder.elf32(virtual: 0xC010_0000), builder.elf64()] {
            let (_, memory, registers) = try plan(bytes)
            #expect(registers.rip == 0x10_0020)
            #expect(try memory.copyOut(GuestAddress(0x10_0020), count: 2) == [0xFA, 0xF4])
        }
    }

    @Test("§3.1.3: address fields: what is before load_addr stays out, what is behind the file is zero")
    func addressFields() throws {
        var builder = MultibootBuilder([0xFA, 0xF4, 0x77])
        builder.padding = 64
        builder.addresses = [0x10_0020, 0x10_0010, 0x10_0042, 0x10_2000, 0x10_0040]
        let (plan, memory, registers) = try plan(builder.raw())
        #expect(registers.rip == 0x10_0040)
        #expect(try memory.copyOut(GuestAddress(0x10_0040), count: 3) == [0xFA, 0xF4, 0])
        #expect(try memory.copyOut(GuestAddress(0x10_0020), count: 4) == [0x02, 0xB0, 0xAD, 0x1B])
        let kernel = try #require(plan.placements.first { $0.purpose == .kernel })
        #expect(kernel.range.start == GuestAddress(0x10_0010) && kernel.range.size == 0x1FF0)
    }

    @Test("a kernel that would lie on what swvmm writes, or outside of RAM")
    func refusals() throws {
        var builder = MultibootBuilder([0xF4])
        for address: UInt32 in [0x6000, 0xA_0000, 0xFFFF_0000] {
            builder.addresses = [address, address, 0, 0, address + 32]
            #expect(throws: BootImageError.self) { try plan(builder.raw()) }
        }
    }
}
