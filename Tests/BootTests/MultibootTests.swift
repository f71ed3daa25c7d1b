internal import Testing
internal import VMMTestSupport

/// Bare-metal programs entered by multiboot.
@Suite struct MultibootTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Prints its command line and its first module on COM1, and ends with exit code 43; with 3 where multiboot's magic number is not
    /// in EAX. Opcodes: Intel SDM vol. 2.
    private static let code: [UInt8] = [
        0x3D, 0x02, 0xB0, 0xAD, 0x2B,  // cmp eax, 0x2BADB002
        0xB0, 0x01,  // mov al, 1
        0x75, 0x20,  // jne end
        0x8B, 0x73, 0x10,  // mov esi, [ebx + 16]
        0xBA, 0xF8, 0x03, 0x00, 0x00,  // mov edx, 0x3F8
        0xAC,  // line: lodsb
        0x84, 0xC0,  // test al, al
        0x74, 0x03,  // jz module
        0xEE,  // out dx, al
        0xEB, 0xF8,  // jmp line
        0x8B, 0x43, 0x18,  // module: mov eax, [ebx + 24]
        0x8B, 0x30,  // mov esi, [eax]
        0x8B, 0x48, 0x04,  // mov ecx, [eax + 4]
        0x29, 0xF1,  // sub ecx, esi
        0xAC,  // byte: lodsb
        0xEE,  // out dx, al
        0xE2, 0xFC,  // loop byte
        0xB0, 0x15,  // mov al, 21
        0xBA, 0xF4, 0x00, 0x00, 0x00,  // end: mov edx, 0xF4
        0xEE,  // out dx, al
        0xEB, 0xFE,  // jmp .
    ]

    @Test("an ELF32 file, an ELF64 file and a raw kernel get command line and module, and end by debug exit", .needsKVM)
    func guests() throws {
        var builder = MultibootBuilder(Self.code)
        var images = [("elf32", builder.elf32()), ("elf64", builder.elf64())]
        builder.addresses = MultibootBuilder.plainAddresses
        images.append(("raw", builder.raw()))
        let module = try directory.file("module", Array("and a module\n".utf8))
        for (name, bytes) in images {
            let ended = try Swvmm.run([
                "boot", try directory.file(name, bytes), "--initrd", module, "--cmdline", "a line ", "--timeout", "30",
            ])
            #expect(ended.ending == .exited(43), "\(name): \(ended.errors)")
            #expect(ended.output == "a line and a module\n", "\(name)")
        }
    }

    @Test("inspect tells the protocol; a demand for a video mode is refused with its place")
    func inspect() throws {
        var builder = MultibootBuilder(Self.code)
        let ended = try Swvmm.run(["inspect", try directory.file("kernel", builder.elf32())])
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        #expect(ended.output.contains("entered by:   multiboot (32-bit), at 0x100020"))
        builder.flags = 0b111
        let refused = try Swvmm.run(["inspect", try directory.file("video", builder.elf32())])
        #expect(refused.ending == .exited(1))
        #expect(refused.errors.contains("flags 0x4 at offset 0x58, a video mode among it"), "\(refused.errors)")
    }
}
