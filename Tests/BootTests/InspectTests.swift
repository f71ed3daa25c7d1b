internal import Testing
internal import VMMTestSupport

/// `swvmm inspect` and `swvmm doctor`: neither needs KVM.
@Suite struct InspectTests {
    @Test("both bundled images are told and planned", arguments: ["x86_64", "arm64"])
    func bundledImages(architecture: String) throws {
        let ended = try Swvmm.run("inspect", "--arch", architecture, "--cpus", "2", "-e", "a=1", "-e", "a=2")
        #expect(ended.ending == .exited(0))
        #expect(ended.errors == "")
        #expect(ended.output.contains("bundled unikernel: ELF64 for \(architecture)"))
        #expect(ended.output.contains("entered by:   FreeBSD kernel metadata"))
        #expect(ended.output.contains("  a=2"))
        #expect(!ended.output.contains("  a=1"))
        #expect(ended.output.contains("hw.ncpu=2"))
    }

    @Test(
        "--json is JSON",
        arguments: [
            ["inspect", "--json"], ["inspect", "--arch", "arm64", "--json", "--dump-metadata"],
            ["inspect", "--json", "-e", "quote=\"\\\u{7F}é\t"], ["doctor", "--json"],
        ])
    func json(arguments: [String]) throws {
        let ended = try Swvmm.run(arguments)
        let value = try JSONText.parse(ended.output)
        guard case .object(let members) = value else {
            Issue.record("no object: \(ended.output)")
            return
        }
        if arguments[0] == "inspect" {
            #expect(members["bootable"] == .word("true"))
            #expect(ended.ending == .exited(0))
        }
        if arguments.contains("-e"), case .object(let settings) = members["environment"] {
            #expect(settings["quote"] == .string("\"\\\u{7F}é\t"))
        }
    }

    @Test("--extract writes the kernel without what it is packed in; of one that cannot be unpacked nothing")
    func extract() throws {
        let directory = try TemporaryDirectory()
        let kernel = ELFImageBuilder(entry: 0x10_0000, segments: [.init(at: 0x10_0000, [0xFA, 0xF4])]).build()
        let path = "\(directory.path)/vmlinux"
        // One block of literals only, the kernel's size behind it.
        let block: [UInt8] = [0xF0, UInt8(kernel.count - 15)] + kernel
        let lz4 = [0x02, 0x21, 0x4C, 0x18] + UInt32(block.count).littleEndianBytes + block
        for payload in [ARM64Guests.gzip(kernel), lz4 + UInt32(kernel.count).littleEndianBytes] {
            let image = try directory.file("vmlinuz", BzImageBuilder(payload: payload).build())
            let ended = try Swvmm.run(["inspect", "--arch", "x86_64", image, "--extract", path])
            #expect(ended.ending == .exited(0), "\(ended.errors)")
            #expect(try HostText.bytes(path) == kernel)
        }
        let broken = try directory.file("broken", BzImageBuilder(payload: [0x1F, 0x8B, 0, 0]).build())
        let refused = try Swvmm.run(["inspect", "--arch", "x86_64", broken, "--extract", "\(path)2"])
        #expect(refused.ending == .exited(1))
        #expect((try? HostText.bytes("\(path)2")) == nil)
    }

    @Test("an image that cannot be booted: exit code 1, the reason in JSON and on standard error")
    func unbootable() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.file("disk", [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 3] + [UInt8](repeating: 0, count: 100))
        let ended = try Swvmm.run("inspect", "--json", path)
        #expect(ended.ending == .exited(1))
        #expect(ended.errors.contains("qcow2"))
        guard case .object(let members) = try JSONText.parse(ended.output) else {
            Issue.record("no object")
            return
        }
        #expect(members["bootable"] == .word("false"))
        #expect(members["arch"] != nil && members["reason"] != nil)
    }

    @Test("initrd and memory disk are memory disks in the metadata, found in --host-path")
    func metadata() throws {
        let directory = try TemporaryDirectory()
        _ = try directory.file("ramdisk", [UInt8](repeating: 7, count: 5000))
        let disk = try directory.file("disk", [UInt8](repeating: 8, count: 6000))
        let ended = try Swvmm.run(
            "inspect", "--dump-metadata", "--host-path", directory.path, "--initrd", "ramdisk", "--memory-disk", disk,
            "--cmdline",
            "quiet x=1")
        #expect(ended.ending == .exited(0))
        let records = ended.output.split(separator: "\n").map(String.init)
        let initrd = try #require(records.firstIndex(of: "  NAME  initrd"))
        #expect(records[initrd + 1] == "  TYPE  md_image")
        #expect(records[initrd + 3] == "  SIZE  0x1388")
        let memoryDisk = try #require(records.firstIndex(of: "  NAME  disk0"))
        #expect(records[memoryDisk + 3] == "  SIZE  0x1770")
        #expect(records.contains("  ARGS  quiet x=1"))
        for item in ["ENVP", "KERNEND", "SMAP", "HOWTO", "ELFHDR"] {
            #expect(records.contains { $0.hasPrefix("  METADATA \(item)  ") }, "no \(item)")
        }
    }

    @Test("an image is found in --host-path")
    func hostPath() throws {
        let directory = try TemporaryDirectory()
        _ = try X86Code { $0.halt() }.write(to: directory)
        let ended = try Swvmm.run("inspect", "--host-path", directory.path, "guest.elf")
        #expect(ended.ending == .exited(0))
        #expect(ended.output.contains("guest.elf: ELF64 for x86_64"))
    }

    @Test("doctor says what runs here, and its exit code is the same answer", .needsKVM)
    func doctor() throws {
        let ended = try Swvmm.run("doctor")
        #expect(ended.ending == .exited(0))
        #expect(ended.output.contains("x86_64 guests: yes, on KVM"))
        #expect(ended.output.contains("arm64 guests: yes, on the software CPU"))
    }

    @Test("output that cannot be written is an error", arguments: ["inspect", "--help"])
    func fullDisk(argument: String) throws {
        let ended = try Swvmm.run([argument], launcher: ["/bin/sh", "-c", "exec \"$@\" >/dev/full", "sh"])
        #expect(ended.ending == .exited(1))
        #expect(ended.errors == "swvmm: error: standard output: No space left on device\n")
    }

    @Test("help and version are no errors", arguments: [["--help"], ["boot", "--help"], ["--version"], []])
    func help(arguments: [String]) throws {
        let ended = try Swvmm.run(arguments)
        #expect(ended.ending == .exited(0))
        #expect(!ended.output.isEmpty && ended.errors.isEmpty)
    }

    @Test(
        "an unknown command or option: exit code 2",
        arguments: [["frobnicate"], ["inspect", "--frob"], ["doctor", "x"]])
    func unknown(arguments: [String]) throws {
        let ended = try Swvmm.run(arguments)
        #expect(ended.ending == .exited(2))
        #expect(ended.output.isEmpty && ended.errors.contains(arguments[arguments.count - 1]))
    }
}
