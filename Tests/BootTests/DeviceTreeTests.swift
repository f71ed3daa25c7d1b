internal import Testing
internal import VMMTestSupport

/// `--dump-dtb` and `--dtb`, with the device tree compiler and dt-schema as judges.
@Suite struct DeviceTreeTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func dump(_ arguments: String..., name: String = "virt.dtb") throws -> String {
        let path = "\(directory.path)/\(name)"
        let ended = try Swvmm.run(["boot", "--arch", "arm64", "--dump-dtb", path] + arguments)
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        #expect(ended.output == "" && ended.errors == "")
        return path
    }

    @Test(
        "dtc has no warning for the tree, and its source makes the same tree again",
        .enabled(if: HostTool.isThere(HostTool.deviceTreeCompiler), "there is no dtc"),
        arguments: [
            [], ["--cpus", "20", "--cmdline", "a b", "-m", "3G"], ["--cpus", "64"],
            ["--cpus", "8,sockets=2,threads=2"], ["--cpu", "host,+pmu,+el2"],
        ])
    func compiler(arguments: [String]) throws {
        let path = "\(directory.path)/virt.dtb"
        let ended = try Swvmm.run(["boot", "--arch", "arm64", "--dump-dtb", path] + arguments)
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        func dtc(_ arguments: String...) throws -> String {
            let (code, text) = try HostTool.run([HostTool.deviceTreeCompiler] + arguments, in: directory)
            #expect(code == .exited(0))
            return text
        }
        let source = "\(directory.path)/virt.dts"
        #expect(try dtc("-I", "dtb", "-O", "dts", "-o", source, path) == "")
        // In source made of a blob, handles are numbers, which dtc warns of.
        _ = try dtc("-q", "-q", "-I", "dts", "-O", "dtb", "-o", "\(directory.path)/again.dtb", source)
        _ = try dtc("-q", "-I", "dtb", "-O", "dts", "-o", "\(directory.path)/again.dts", "\(directory.path)/again.dtb")
        #expect(try HostText.read(source) == HostText.read("\(directory.path)/again.dts"))
    }

    @Test(
        "dt-schema's own schemas accept it: root, /chosen, /cpus, memory, interrupts, clocks, GPIOs",
        .enabled(if: HostTool.deviceTreeSchema != nil, "dt-schema is not installed: scripts/install-dependencies test"))
    func schema() throws {
        let validator = try #require(HostTool.deviceTreeSchema)
        let kernel = try directory.file("Image", ARM64Guests.image())
        let initrd = try directory.file("initrd", [1, 2, 3])
        let path = try dump(
            "--cpus", "4,threads=2", "--cpu", "host,+pmu,+el2", "--cmdline", "quiet", "--initrd", initrd, kernel)
        let (_, text) = try HostTool.run([validator, path], in: directory)
        // Types that only the kernel's bindings tell: without them each value is a mere string of bytes.
        let untyped = ["method", "cpu_suspend", "cpu_off", "cpu_on", "linux,code"]
        let complaints = text.split(separator: "\n").filter { line in
            !line.hasPrefix("\t")
                && !untyped.contains { line.contains(" \($0): b'") && line.contains("is not of type") }
        }
        #expect(complaints.isEmpty, "\(text)")
    }

    @Test("the tree of a kernel has its command line and initrd; without one, neither")
    func contents() throws {
        let kernel = try directory.file("Image", ARM64Guests.image())
        let initrd = try directory.file("initrd", [1, 2, 3])
        let full = try HostText.read(try dump("--cmdline", "console=ttyAMA0", "--initrd", initrd, kernel))
        #expect(full.contains("console=ttyAMA0") && full.contains("linux,initrd-start"))
        let bare = try HostText.read(try dump(kernel))
        #expect(!bare.contains("linux,initrd-start") && !bare.contains("bootargs"))
    }

    @Test("inspect writes the tree too; a file that cannot be written, and x86_64, which has none, are told")
    func inspection() throws {
        let path = "\(directory.path)/inspected.dtb"
        let ended = try Swvmm.run("inspect", "--arch", "arm64", "--dump-dtb", path)
        #expect(ended.ending == .exited(0) && ended.output.contains("device tree"))
        #expect(try HostText.read(path).contains("arm,gic-v3"))
        for arguments in [["boot", "--arch", "x86_64"], ["boot", "--arch", "x86_64", "--dtb", path]] {
            let refused = try Swvmm.run(arguments + ["--dump-dtb", path])
            #expect(refused.ending == .exited(1) && refused.errors.contains("x86_64 machines have no device tree"))
        }
        let unwritable = try Swvmm.run("boot", "--arch", "arm64", "--dump-dtb", "\(directory.path)/no/file")
        #expect(unwritable.ending == .exited(1) && unwritable.errors.contains("--dump-dtb: "), "\(unwritable.errors)")
    }

    @Test("a dumped tree, given back by --dtb, boots the unikernel")
    func roundTrip() throws {
        let path = try dump("--cpus", "2")
        let ended = try Swvmm.run(
            ["boot", "--arch", "arm64", "--cpus", "2", "--dtb", path, "--timeout", "60"],
            input: .text("uptime\npoweroff\n"))
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        #expect(ended.output.contains("unikernel arm64, 2 CPUs"))
    }

    @Test("--dtb with a file that is no tree, is cut, or is broken: one line that names option, file and what is wrong")
    func badTrees() throws {
        let path = try dump()
        let whole = try HostText.bytes(path)
        var otherVersion = whole
        otherVersion[23] = 1
        var broken = whole
        // off_dt_struct, behind the end.
        broken.replaceSubrange(8..<12, with: [0, 1, 0, 0])
        for (name, bytes, words) in [
            ("empty", [], "truncated: 40 bytes"),
            ("text", Array(repeating: 0x61, count: 100), "does not begin with d0 0d"),
            ("cut", Array(whole.dropLast()), "truncated: \(whole.count) bytes are wanted, \(whole.count - 1)"),
            ("old", otherVersion, "version"), ("broken", broken, "offset 0x4"),
        ] as [(String, [UInt8], String)] {
            let ended = try Swvmm.run("boot", "--arch", "arm64", "--dtb", try directory.file(name, bytes))
            #expect(ended.ending == .exited(1))
            #expect(ended.errors.split(separator: "\n").count == 1)
            #expect(
                ended.errors.contains("--dtb \(directory.path)/\(name): ") && ended.errors.contains(words),
                "\(ended.errors)")
        }
    }
}
