internal import Glibc
internal import Testing
internal import VMMTestSupport

/// `--disk`: what is refused, and what a guest of a few instructions finds. Whole systems with file systems are in Tests/Suites.
@Suite struct DiskTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Prints on the PL011 the device IDs of windows 1 and 2, and the capacity of window 1 in sectors (below 10), switches off.
    private static let program: [UInt32] = [
        0xD2A1_4001,  // movz x1, #0x0A00, lsl #16
        0xD2A1_2002,  // movz x2, #0x0900, lsl #16
        0xB942_0820, 0x1100_C000, 0xB900_0040,  // ldr w0, [x1, #0x208]; add w0, w0, #'0'; str w0, [x2]
        0xB944_0820, 0x1100_C000, 0xB900_0040,  // ldr w0, [x1, #0x408]; add w0, w0, #'0'; str w0, [x2]
        0xB943_0020, 0x1100_C000, 0xB900_0040,  // ldr w0, [x1, #0x300]; add w0, w0, #'0'; str w0, [x2]
        0x5280_0100, 0x72B0_8000, 0xD400_0002,  // movz w0, #8; movk w0, #0x8400, lsl #16; hvc #0
    ]

    /// Prints the last digits of the device IDs in slots 1 and 2 of the PCI bus, and the capacity that slot 2's BAR 0 leads to,
    /// switches off.
    private static let pciProgram: [UInt32] = [
        0xD2A7_E001, 0xD2A1_2002,  // movz x1, #0x3F00, lsl #16; movz x2, #0x0900, lsl #16
        0x9140_2023, 0x7940_0460, 0x1200_0C00,  // add x3, x1, #0x8000; ldrh w0, [x3, #2]; and w0, w0, #15
        0x1100_C000, 0xB900_0040,  // add w0, w0, #'0'; str w0, [x2]
        0x9140_4023, 0x7940_0460, 0x1200_0C00,  // add x3, x1, #0x10000; ldrh w0, [x3, #2]; and w0, w0, #15
        0x1100_C000, 0xB900_0040,  // add w0, w0, #'0'; str w0, [x2]
        0xB940_1064, 0x9140_0884, 0xB940_0080,  // ldr w4, [x3, #0x10]; add x4, x4, #0x2000; ldr w0, [x4]
        0x1100_C000, 0xB900_0040,  // add w0, w0, #'0'; str w0, [x2]
        0x5280_0100, 0x72B0_8000, 0xD400_0002,  // movz w0, #8; movk w0, #0x8400, lsl #16; hvc #0
    ]

    private func guest(_ program: [UInt32] = program) throws -> String {
        var image = ELFImageBuilder(
            entry: 0x4008_0000, segments: [.init(at: 0x4008_0000, program.flatMap(\.littleEndianBytes))])
        image.machine = 183
        return try directory.file("guest.elf", image.build())
    }

    private func refuses(
        _ arguments: [String], code: Int32 = 1, _ words: String..., location: SourceLocation = #_sourceLocation
    ) throws {
        let ended = try Swvmm.run(["boot", try guest(), "--timeout", "60"] + arguments)
        #expect(ended.ending == .exited(code), "\(ended.errors)", sourceLocation: location)
        #expect(ended.output == "", sourceLocation: location)
        for word in words {
            #expect(ended.errors.contains(word), "no '\(word)' in \(ended.errors)", sourceLocation: location)
        }
    }

    @Test("disks are device 2 in the windows behind the entropy device, in their order")
    func windows() throws {
        let first = try directory.file("first", [UInt8](repeating: 0, count: 3 * 512))
        let second = try directory.file("sec,ond", [UInt8](repeating: 0, count: 512))
        let ended = try Swvmm.run(
            "boot", try guest(), "--transport", "mmio", "--timeout", "60", "-d", "\(first),serial=one,id=system",
            "--disk",
            "\(second.replacing(",", with: ",,")),ro")
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        #expect(ended.output == "223")
    }

    @Test("with a disk, devices are functions of a PCI bus: regions mapped, in their order; so they are when told")
    func functions() throws {
        let path = try directory.file("disk", [UInt8](repeating: 0, count: 3 * 512))
        for transport in [[], ["--transport", "pci"]] {
            let ended = try Swvmm.run(["boot", try guest(Self.pciProgram), "--timeout", "60", "-d", path] + transport)
            #expect(ended.ending == .exited(0), "\(ended.errors)")
            #expect(ended.output == "423")
        }
    }

    @Test("settings: unknown, repeated, contradictory and bad ones are usage errors")
    func settings() throws {
        let path = try directory.file("disk", [UInt8](repeating: 0, count: 512))
        for (setting, words) in [
            ("rw", "'rw' is none of"), ("ro,ro", "'ro' is there twice"),
            ("serial=a,serial=b", "'serial' is there twice"),
            ("ro,snapshot=on", "ro or snapshot=on"), ("snapshot", "on or off"), ("snapshot=maybe", "on or off"),
            ("ro=on", "takes no value"), ("serial=", "serial: 1 to 20"),
            ("serial=123456789012345678901", "serial: 1 to 20"),
            ("serial=a b", "serial: 1 to 20"), ("id=", "id: 1 to 32"), ("id=a/b", "id: 1 to 32"), ("", "'' is none of"),
            ("iops=", "iops: a number above 0"), ("iops=-1", "iops: a number above 0"),
            ("iops=0", "iops: a number above 0"), ("iops=1,iops=2", "'iops' is there twice"),
            ("bps=1X", "bps: a size such as"), ("bps=0", "bps: a size such as"),
            ("direct", "direct: on or off"), ("direct=yes", "direct: on or off"),
            ("direct=on,direct=off", "'direct' is there twice"),
            ("iops=1,bps-burst=1K", "bps-burst: only with bps"),
            ("bps=1M,iops-burst=1", "iops-burst: only with iops"),
        ] {
            try refuses(["-d", "\(path),\(setting)"], code: 2, words)
        }
        try refuses(["-d", ""], code: 2, "a path is wanted")
        try refuses(["-d", ",ro"], code: 2, "a path is wanted")
        try refuses(["-d", "\(path),id=a", "-d", "\(path),id=a"], code: 2, "two disks are called 'a'")
        try refuses(["-d", path, "-d", "\(path),id=disk0"], code: 2, "two disks are called 'disk0'")
    }

    @Test("disks of servers: settings of images, a server that is not there, and a run that shall repeat")
    func servers() throws {
        let uri = "nbd+unix:///?socket=\(directory.path)/none"
        try refuses(["-d", uri + ",snapshot=on"], code: 2, "snapshot is for images: a server makes one by itself")
        try refuses(["-d", uri + ",ro,direct=on"], code: 2, "direct is for images")
        try refuses(["-d", uri + ",aio=threads"], code: 2, "aio is for images")
        try refuses(["-d", uri], uri, "No such file or directory")
        try refuses(["-d", uri, "--deterministic"], "no part of a --deterministic run")
    }

    @Test("images that are no disks, with what would help")
    func images() throws {
        try refuses(["-d", "\(directory.path)/none"], "none: cannot be opened: No such file")
        try refuses(["-d", directory.path], "is a directory")
        try refuses(["-d", "/dev/null"], "neither a regular file nor a block device")
        try refuses(["-d", try directory.file("empty", [])], "is empty")
        try refuses(["-d", try directory.file("odd", [1, 2, 3])], "3 bytes, which is not a multiple of 512")
        let path = try directory.file("disk", [UInt8](repeating: 0, count: 512))
        try refuses(["-d", path, "-d", path], "disk: is in use by another program")
        let many = try (0..<32).flatMap { ["-d", try directory.file("disk\($0)", [UInt8](repeating: 0, count: 512))] }
        try refuses(many, "room for 31")
        try refuses(many + ["--transport", "mmio"], "room for 32")
    }

    @Test(
        "an image that only can be read wants ro or snapshot=on",
        .enabled(if: geteuid() != 0, "root may write all files"))
    func unwritable() throws {
        let path = try directory.file("disk", [UInt8](repeating: 0, count: 512))
        #expect(unsafe chmod(path, 0o400) == 0)
        try refuses(["-d", path], "cannot be opened for writing: Permission denied", ",ro or ,snapshot=on")
    }

    @Test("the unikernel is told of a PCI bus when it has one")
    func unikernelPCI() throws {
        for (architecture, address) in [("x86_64", "0xe0000000"), ("arm64", "0x3f000000")] {
            let ended = try Swvmm.run("inspect", "--arch", architecture, "--transport", "pci")
            #expect(ended.output.contains("pci.ecam=\(address)\n"), "\(ended.output)")
            #expect(!ended.output.contains("virtio_mmio"))
        }
    }

    @Test("the unikernel is told of a disk's window, on both architectures; a guest without metadata of no memory disk")
    func otherGuests() throws {
        let path = try directory.file("disk", [UInt8](repeating: 0, count: 512))
        for (architecture, window) in [("x86_64", "0x200@0xfeb00000:16"), ("arm64", "0x200@0xa000000:16")] {
            let ended = try Swvmm.run("inspect", "--arch", architecture, "-d", path)
            #expect(ended.ending == .exited(0), "\(ended.errors)")
            #expect(ended.output.contains("virtio_mmio.device.0=\(window)\n"), "\(ended.output)")
        }
        try refuses(["--memory-disk", path], "only one booted by kernel metadata; use --disk")
    }
}
