internal import Glibc
internal import Testing
internal import VMMTestSupport

/// Input that cannot be booted: one clear line on standard error, the right exit code, nothing on standard output.
@Suite struct BadInputTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Runs `swvmm boot` and expects it to refuse, in one line that holds each of `words`.
    private func refuses(
        _ arguments: [String], code: Int32 = 1, _ words: String..., launcher: [String] = [],
        location: SourceLocation = #_sourceLocation
    ) throws {
        let ended = try Swvmm.run(["boot"] + arguments, launcher: launcher)
        #expect(ended.ending == .exited(code), "\(ended.errors)", sourceLocation: location)
        #expect(ended.output == "", sourceLocation: location)
        let lines = ended.errors.split(separator: "\n")
        // A usage error comes with the usage behind it.
        if code == 1 { #expect(lines.count == 1, "\(ended.errors)", sourceLocation: location) }
        for word in words {
            #expect(lines.first?.contains(word) == true, "no '\(word)' in \(ended.errors)", sourceLocation: location)
        }
        #expect(ended.leavesNothing, sourceLocation: location)
    }

    private func image(_ segments: [ELFImageBuilder.Segment], entry: UInt64 = 0x10_0000) -> ELFImageBuilder {
        ELFImageBuilder(entry: entry, segments: segments)
    }

    private var goodImage: ELFImageBuilder { image([.init(at: 0x10_0000, [0xFA, 0xF4])]) }

    // MARK: - Files

    @Test("a file that is missing, a directory, a device, or unreadable")
    func notAFile() throws {
        try refuses(["\(directory.path)/none"], "none: cannot be opened: No such file")
        try refuses([directory.path], "is a directory")
        try refuses(["/dev/null"], "/dev/null: is not a regular file")
        try refuses(["--initrd", "\(directory.path)/none"], "none: cannot be opened")
        try refuses(["--memory-disk", "\(directory.path)/none"], "none: cannot be opened")
        try refuses(["--host-path", directory.path, "kernel"], "\(directory.path)/kernel: cannot be opened")
    }

    @Test("a pipe as image does not make it wait", .timeLimit(.minutes(2)))
    func namedPipe() throws {
        let path = "\(directory.path)/pipe"
        #expect(unsafe mkfifo(path, 0o600) == 0)
        try refuses([path], "is not a regular file")
    }

    @Test("ArgumentParser's hidden option, whose JSON encoder is left out (docs/adr/0015-what-programs-leave-out.md)")
    func hiddenOption() throws {
        let ended = try Swvmm.run(["--experimental-dump-help"])
        #expect(ended.ending == .exited(64))
        #expect(ended.output == "")
        #expect(ended.errors == "Error: this program has no JSON encoder\n")
    }

    // MARK: - Formats (what needs a plan needs KVM, which says the counter's frequency)

    @Test("empty, random, gzip, zstd, qcow2 and Linux images are named")
    func foreignFormats() throws {
        try refuses([try directory.file("empty", [])], "empty: an empty file")
        try refuses([try directory.file("random", Array("not an image".utf8))], "random", "unknown format", "0x6e 0x6f")
        try refuses(
            [try directory.file("gz", [0x1F, 0x8B, 8, 0] + [UInt8](repeating: 1, count: 60))],
            "gz: gzip: corrupt at offset 0x")
        try refuses(
            [try directory.file("zst", [0x28, 0xB5, 0x2F, 0xFD] + [UInt8](repeating: 1, count: 60))],
            "zst: zstd: ", "offset 0x")
        var qcow2 = [UInt8](repeating: 0, count: 512)
        qcow2.replaceSubrange(0..<8, with: [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 3])
        try refuses([try directory.file("qcow2", qcow2)], "qcow2", "version 3", "offset 0x0")
        var bzImage = [UInt8](repeating: 0, count: 4096)
        bzImage.replaceSubrange(0x1FE..<0x208, with: [0x55, 0xAA, 0xEB, 0x66, 0x48, 0x64, 0x72, 0x53, 0x0F, 0x02])
        try refuses([try directory.file("bzImage", bzImage)], "without a 64-bit entry", "2.15")
    }

    @Test("an image of another architecture, or without a backend for it")
    func foreignArchitecture() throws {
        var builder = goodImage
        builder.machine = 183
        let arm64 = try directory.file("arm64", builder.build())
        try refuses(["--arch", "x86_64", arm64], "arm64", "offset 0x12", "try --arch arm64")
        try refuses([arm64], "arm64")
        try refuses(["--arch", "arm64", "--accel", "kvm"], "no accelerator for arm64", "--accel software")
        builder.machine = 243
        try refuses([try directory.file("riscv", builder.build())], "ELF machine 243", "offset 0x12")
    }

    @Test(
        "an ELF file cut at any place names the part that is missing", .needsKVM,
        arguments: [4, 18, 63, 64, 100, 119, 120, 121])
    func truncated(length: Int) throws {
        let whole = goodImage.build()
        #expect(whole.count == 122)
        let ended = try Swvmm.run("boot", try directory.file("cut", Array(whole[..<length])))
        #expect(ended.ending == .exited(1))
        #expect(ended.output == "")
        #expect(ended.errors.split(separator: "\n").count == 1)
        #expect(ended.errors.contains("truncated") || ended.errors.contains("first \(length) bytes of an ELF file"))
        #expect(ended.errors.contains("offset 0x") && ended.errors.contains("cut: "), "\(ended.errors)")
    }

    @Test("a file larger than the guest's RAM, and one larger than any kernel, are refused at once", .needsKVM)
    func oversized() throws {
        var header = image([.init(at: 0x10_0000, [], memorySize: 200 << 20)])
        header.segments[0].fileSize = 200 << 20
        let large = try directory.sparseFile("large", header.build(), size: 201 << 20)
        try refuses(["--memory", "128M", large], "large", "segment 0", "outside of the guest's RAM", "--memory")
        let huge = try directory.sparseFile("huge", goodImage.build(), size: 1 << 40)
        try refuses([huge], "huge", "more than the limit")
    }

    @Test("segments that overlap, lie out of RAM or wrap; an entry outside of them", .needsKVM)
    func segments() throws {
        func refuse(_ builder: ELFImageBuilder, _ one: String, _ other: String, line: SourceLocation = #_sourceLocation)
            throws
        {
            try refuses([try directory.file("image", builder.build())], one, other, location: line)
        }
        let page = [UInt8](repeating: 0x90, count: 4096)
        try refuse(image([.init(at: 0x10_0000, page), .init(at: 0x10_0800, page)]), "overlap", "segment 1")
        try refuse(
            image([.init(at: 0x10_0000, page), .init(at: 0x2000_0000, page)]), "outside of the guest's RAM", "segment 1"
        )
        try refuse(image([.init(at: 0x10_0000, page, memorySize: 1 << 40)]), "outside of the guest's RAM", "segment 0")
        try refuse(image([.init(at: UInt64.max - 100, page)]), "past the end of the address space", "offset 0x40")
        try refuse(image([.init(at: 0xA_0000, page)], entry: 0xA_0000), "outside of the guest's RAM", "segment 0")
        try refuse(image([.init(at: 0x2000, page)], entry: 0x2000), "overlap", "page tables")
        try refuse(image([.init(at: 0x10_0000, page)], entry: 0x50_0000), "entry 0x500000", "no loaded segment")
        try refuse(image([]), "without a loadable segment", "image")
        try refuse(image([.init(at: 0x10_0000, page, memorySize: 10)]), "4096 bytes in the file", "10 in memory")
    }

    @Test("an initrd or memory disk without room", .needsKVM)
    func noRoom() throws {
        let large = try directory.sparseFile("large", [1], size: 300 << 20)
        try refuses(["--initrd", large], "initrd", "--memory")
        try refuses(["--memory-disk", large], "disk", "--memory")
    }

    // MARK: - Options

    @Test(
        "values that cannot be: exit code 2, and the option is named",
        arguments: [
            ["--memory", "0"], ["--memory", "1"], ["--memory", "4097"], ["--memory", "3.5Q"],
            ["--memory", "99999999999G"],
            ["--memory", "M"], ["--cpus", "0"], ["--cpus", "65"], ["--cpus", "x"], ["--cpus", "99999999999999999999"],
            ["--accel", "nonsense"], ["--arch", "mips"], ["--console", "x"], ["--timeout", "0"], ["--timeout", "-1"],
            ["--timeout", "nan"], ["--timeout", "inf"], ["--bvmdebug", "65536"], ["--nonsense"],
        ])
    func badValues(arguments: [String]) throws { try refuses(arguments, code: 2, arguments[0]) }

    @Test("CPUs that cannot be grouped so: exit code 2, and what is wrong with them")
    func badTopologies() throws {
        try refuses(["--cpus", "8,sockets=3"], code: 2, "3 sockets of 2 cores with 1 thread each make 6, not 8")
        try refuses(["--cpus", "2,cores=4"], code: 2, "1 socket of 4 cores with 1 thread each make 4, not 2")
        try refuses(["--cpus", "8,sockets=64,cores=64,threads=64"], code: 2, "make 262144, not 8")
        try refuses(["--cpus", "8,cores=0"], code: 2, "cores: a number from 1 to 64")
        try refuses(["--cpus", "8,threads=9999999999999999999"], code: 2, "threads: a number from 1 to 64")
        try refuses(["--cpus", "8,threads=-2"], code: 2, "threads: a number from 1 to 64")
        try refuses(["--cpus", "8,dies=2"], code: 2, "'dies' is none of sockets=N")
        try refuses(["--cpus", "8,cores=2,cores=2"], code: 2, "'cores' is there twice")
        try refuses(["--cpus", "8,"], code: 2, "'' is none of")
        try refuses(["--cpus", "sockets=2"], code: 2, "a number from 1 to 64 is wanted first")
        try refuses(["--arch", "x86_64", "--cpus", "6,threads=3"], "threads of a core", "powers of two")
        try refuses(["--arch", "x86_64", "--cpus", "6,sockets=2"], "2 sockets of 3 cores", "powers of two")
    }

    @Test("CPU models that cannot be: exit code 2, and what is wrong with them")
    func badModels() throws {
        try refuses(["--cpu", "x86-64-v9"], code: 2, "'x86-64-v9' is none of host (or max), x86-64-v2, x86-64-v3")
        try refuses(["--cpu", ""], code: 2, "'' is none of")
        try refuses(["--cpu", "host,avx"], code: 2, "'avx': +FEATURE or -FEATURE is wanted")
        try refuses(["--cpu", "host,"], code: 2, "'': +FEATURE or -FEATURE is wanted")
        try refuses(["--cpu", "host,+avx22"], code: 2, "no feature 'avx22'", "did you mean 'avx2'?")
        try refuses(["--cpu", "host,-warpdrive"], code: 2, "no feature 'warpdrive'", "/proc/cpuinfo")
        try refuses(["--cpu", "host,+avx2,-xsave"], code: 2, "avx2 needs xsave, which is taken away")
        try refuses(["--cpu", "x86-64-v2,+aes,-aes"], code: 2, "aes is added and taken away")
        try refuses(["--arch", "arm64", "--cpu", "x86-64-v2"], "arm64 guests have the host's CPU", "only --cpu host")
        try refuses(["--arch", "arm64", "--cpu", "host,-avx"], "arm64 guests have the host's CPU")
        try refuses(["--arch", "x86_64", "--cpu", "host,+sve"], "pmu, sve, pauth, el2 are features of arm64 CPUs")
        try refuses(
            ["--arch", "arm64", "--accel", "software", "--cpu", "host,+sve,+el2,-pmu"],
            "the software CPU has no sve, el2; only KVM on an arm64 host may have")
        try refuses(["--cpu", "host,+sve,-sve"], code: 2, "sve is added and taken away")
        try refuses(["--cpu", "host,+sve,+avx"], code: 2, "features of arm64 CPUs, the others of x86_64 ones")
    }

    @Test("settings that cannot be: exit code 2, and -e is named")
    func badSettings() throws {
        try refuses(["-e", "novalue"], code: 2, "-e novalue", "name=value")
        try refuses(["-e", "=1"], code: 2, "-e", "name is empty")
        try refuses(["-e", "a b=1"], code: 2, "-e", "byte 0x20")
        try refuses(["-e", "a\u{1B}[31m=1"], code: 2, "-e", "byte 0x1b")
        try refuses(["-e", "\(String(repeating: "n", count: 128))=1"], code: 2, "-e", "at most 127")
        try refuses(["-e", "a=\(String(repeating: "v", count: 4096))"], code: 2, "-e a", "at most 4095")
    }

    @Test("an option without its value, and a second image")
    func badShape() throws {
        try refuses(["--memory"], code: 2, "--memory")
        try refuses(["one", "two"], code: 2, "two")
    }

    @Test("more memory than the host has, and too little")
    func memorySizes() throws {
        try refuses(["--memory", "1024T"], "--memory", "more than this host's")
        if HostKVM.isAvailable { try refuses(["--memory", "4K"], "--memory", "at least") }
    }

    @Test("the software CPU executes no x86_64 guests")
    func softwareCPU() throws {
        try refuses(["--accel", "software", "--arch", "x86_64"], "--accel software", "--accel kvm")
    }

    @Test("a command line that is too long", .needsKVM)
    func commandLine() throws {
        try refuses(["--cmdline", String(repeating: "c", count: 5000)], "--cmdline", "5000")
    }

    @Test("a timeline that cannot be written is found before the guest runs")
    func timeline() throws {
        try refuses(["--timeline", "\(directory.path)/none/x.html"], "--timeline", "none/x.html", "No such file")
        try refuses(["--timeline", directory.path], "--timeline", "is a directory")
        try refuses(["--timeline", "/dev/null"], "--timeline", "not a regular file")
        try refuses(["--timeline", ""], "--timeline")
        #expect(directory.names.isEmpty)
    }

    @Test("a bvmdebug port in use", .needsKVM)
    func debugPortInUse() throws {
        let listener = try Loopback.listen()
        defer { close(listener.descriptor) }
        try refuses(["--bvmdebug", "\(listener.port)"], "--bvmdebug", "port \(listener.port)", "in use")
    }
}
