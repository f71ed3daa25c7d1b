internal import Testing
internal import VMMTestSupport

/// Kernel images and bare programs for arm64, on the software CPU. The guests are a few instructions long.
@Suite struct LinuxImageTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func boot(_ arguments: [String]) throws -> Ended {
        try Swvmm.run(["boot", "--arch", "arm64", "--timeout", "30"] + arguments)
    }

    private func refuses(
        _ arguments: [String], code: Int32 = 1, _ words: String..., location: SourceLocation = #_sourceLocation
    ) throws {
        let ended = try boot(arguments)
        #expect(ended.ending == .exited(code), "\(ended.errors)", sourceLocation: location)
        #expect(ended.output == "", sourceLocation: location)
        let lines = ended.errors.split(separator: "\n")
        if code == 1 { #expect(lines.count == 1, "\(ended.errors)", sourceLocation: location) }
        for word in words {
            #expect(lines.first?.contains(word) == true, "no '\(word)' in \(ended.errors)", sourceLocation: location)
        }
    }

    @Test("an Image, plain, in gzip and in EFI zboot, finds x0 at its device tree and x1 to x3 zero, and powers off")
    func images() throws {
        let image = ARM64Guests.image()
        for (name, bytes) in [
            ("Image", image), ("Image.gz", ARM64Guests.gzip(image)),
            ("zboot", ARM64Guests.zboot(ARM64Guests.gzip(image))),
            ("offset", ARM64Guests.image(textOffset: 0x8_0000)),
        ] {
            let ended = try boot([try directory.file(name, bytes)])
            #expect(ended.ending == .exited(0), "\(name): \(ended.errors)")
        }
    }

    @Test("--earlycon: the UART's earlycon before the user's command line, unless that has one; for Linux only")
    func earlyConsole() throws {
        let image = try directory.file("Image", ARM64Guests.image())
        let parameter = "earlycon=pl011,mmio32,0x9000000"
        for (line, isAdded) in [("quiet", true), ("earlycon quiet", false)] {
            let tree = "\(directory.path)/tree.dtb"
            let ended = try boot([image, "--earlycon", "--cmdline", line, "--dump-dtb", tree])
            #expect(ended.ending == .exited(0), "\(ended.errors)")
            let text = try HostText.read(tree)
            #expect(text.contains("\(isAdded ? "\(parameter) " : "")\(line)\0"))
            #expect(text.contains(parameter) == isAdded)
        }
        try refuses(["--earlycon"], "--earlycon", "no Linux kernel")
    }

    @Test("a kernel that says nothing: told once after seconds, with the CPU's place and --earlycon to try")
    func silence() throws {
        // wfi; b .-4
        let image = try directory.file("Image", ARM64Guests.image([0xD503_207F, 0x17FF_FFFF]))
        let ended = try Swvmm.run([
            "boot", "--arch", "arm64", image, "--cpus", "2", "--timeout", "7", "--cmdline", "root=/dev/vda",
        ])
        #expect(ended.ending == .exited(124))
        let hints = ended.errors.split(separator: "\n").prefix { !$0.hasPrefix("vCPU 0 after") }
        #expect(hints.count { $0.contains("nothing came from the guest's console in 5 s") } == 1, "\(ended.errors)")
        for words in [
            "vCPU 0, EL1 at 0x", ": b #0x", "not started by the guest: vCPU 1", "--earlycon", "/dev/vda",
        ] {
            #expect(hints.contains { $0.contains(words) }, "no '\(words)' in \(ended.errors)")
        }
    }

    @Test("an ELF program and a raw binary are entered the same way")
    func barePrograms() throws {
        let code = ARM64Guests.bytes(ARM64Guests.checksEntry)
        var builder = ELFImageBuilder(entry: 0x4008_0000, segments: [.init(at: 0x4008_0000, code)])
        builder.machine = 183
        #expect(try boot([try directory.file("program.elf", builder.build())]).ending == .exited(0))
        let raw = try directory.file("program.bin", code)
        for options in [["0x40080000"], ["1073741824"], ["0x4ff00000"]] {
            #expect(try boot(["--load-address"] + options + [raw]).ending == .exited(0))
        }
        let behind = try directory.file("behind.bin", [UInt8](repeating: 0, count: 64) + code)
        #expect(try boot(["--load-address", "0x40100000", "--entry", "0x40100040", behind]).ending == .exited(0))
    }

    @Test(
        "the UART gets the input of a kernel unless --console says otherwise: a bare program echoes what it reads there"
    )
    func console() throws {
        // x1 = 0x09000000; wait for input in UARTFR; send it back; power off.
        let code: [UInt32] = [
            0xD2A1_2001,  // movz x1, #0x900, lsl #16
            0xB940_1822,  // ldr w2, [x1, #0x18]
            0x3727_FFE2,  // tbnz w2, #4, . - 4
            0xB940_0022,  // ldr w2, [x1]
            0xB900_0022,  // str w2, [x1]
            0x5280_0100,  // movz w0, #8: SYSTEM_OFF
            0x72B0_8000,  // movk w0, #0x8400, lsl #16
            0xD400_0002,  // hvc #0
        ]
        let path = try directory.file("echo", ARM64Guests.bytes(code))
        let ended = try Swvmm.run(
            ["boot", "--arch", "arm64", "--timeout", "30", "--load-address", "0x40080000", path], input: .text("x"))
        #expect(ended.ending == .exited(0) && ended.output == "x", "\(ended.errors)")
    }

    @Test("inspect tells the layers and the protocol, as text and as JSON")
    func inspection() throws {
        let path = try directory.file("zboot", ARM64Guests.zboot(ARM64Guests.gzip(ARM64Guests.image())))
        let text = try Swvmm.run("inspect", path)
        #expect(text.ending == .exited(0), "\(text.errors)")
        for part in [
            "EFI zboot kernel", "of gzip) that holds a Linux arm64 Image, pages of 4 KiB", "architecture: arm64",
            "the Linux arm64 boot protocol, at 0x40000000", "pc=0x40000000 x0=0x40200000", "kernel", "device tree",
        ] {
            #expect(text.output.contains(part), "no '\(part)' in \(text.output)")
        }
        guard
            case .object(let members) = try JSONText.parse(
                try Swvmm.run("inspect", "--json", "--load-address", "0x40000000", "--arch", "arm64", path).output)
        else {
            Issue.record("no object")
            return
        }
        #expect(members["format"] == .string("a raw binary"))
        #expect(members["protocol"] == .string("EL1 at the entry, with a device tree"))
    }

    @Test("broken and foreign kernels: one line that names the file and the offset")
    func brokenKernels() throws {
        let packed = ARM64Guests.gzip(ARM64Guests.image())
        try refuses([try directory.file("cut.gz", Array(packed.dropLast(9)))], "cut.gz: gzip: truncated at offset 0x")
        var corrupt = packed
        corrupt[packed.count - 8] ^= 1
        try refuses([try directory.file("bad.gz", corrupt)], "bad.gz: gzip: corrupt at offset 0x")
        try refuses(
            [try directory.file("cutboot", Array(ARM64Guests.zboot(packed).dropLast()))], "cutboot: truncated",
            "offset 0x8")
        try refuses(
            [try directory.file("lzma", ARM64Guests.zboot([0x5D, 0, 0], name: "lzma"))], "'lzma'", "offset 0x40")
        try refuses([try directory.file("big", ARM64Guests.image(flags: 1))], "big-endian", "offset 0x18")
        try refuses([try directory.file("far", ARM64Guests.image(textOffset: 4 << 20))], "text_offset", "offset 0x8")
        try refuses(
            [try directory.file("huge", ARM64Guests.image(imageSize: 1 << 40))], "kernel", "outside of the guest's RAM")
        try refuses(["--arch", "x86_64", try directory.file("Image", ARM64Guests.image())], "offset 0x38")
        var vmlinux = ELFImageBuilder(
            entry: 0xFFFF_8000_8000_0000, segments: [.init(at: 0xFFFF_8000_8000_0000, [1, 2, 3, 4])])
        vmlinux.machine = 183
        try refuses([try directory.file("vmlinux", vmlinux.build())], "0xffff800080000000", "give the Image")
    }

    @Test("an initrd that does not fit, and raw binaries where no memory is or without what they need")
    func badPlaces() throws {
        let image = try directory.file("Image", ARM64Guests.image())
        let initrd = try directory.sparseFile("initrd", [1], size: 40 << 20)
        try refuses(["--memory", "32M", "--initrd", initrd, image], "initrd", "outside of the guest's RAM", "--memory")
        let raw = try directory.file("raw", [1, 2, 3, 4])
        try refuses(["--load-address", "0x1000", raw], "kernel at ", "outside of the guest's RAM")
        try refuses(["--load-address", "0xffffffffffffffff", raw], "no room for kernel")
        try refuses(["--load-address", "0x40000000", "--entry", "0x40000004", raw], "the entry 0x40000004")
        try refuses(["--load-address", "0x40000000", try directory.file("none", [])], "an empty file")
        try refuses(["--load-address", "0x40000000", "--arch", "x86_64", raw], "arm64 only")
        try refuses(["--entry", "0x40000000", raw], code: 2, "--entry: only with --load-address")
        try refuses(["--load-address", "0x40000000"], code: 2, "--load-address: an image is wanted")
        for address in ["-1", "+1", "0x", "0x1ffffffffffffffff", "here"] {
            try refuses(["--load-address=\(address)", raw], code: 2, "--load-address")
        }
    }
}
