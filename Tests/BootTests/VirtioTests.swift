internal import Testing
internal import VMMTestSupport

/// The virtio-mmio windows of a `virt` machine, seen by a guest of a few instructions.
@Suite struct VirtioTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Prints the device IDs of windows 0 and 1 on the PL011, does an emergency write of an E in window 0, switches off.
    private static let program: [UInt32] = [
        0xD2A1_4001,  // movz x1, #0x0A00, lsl #16
        0xD2A1_2002,  // movz x2, #0x0900, lsl #16
        0xB940_0820, 0x1100_C000, 0xB900_0040,  // ldr w0, [x1, #8]; add w0, w0, #'0'; str w0, [x2]
        0xB942_0820, 0x1100_C000, 0xB900_0040,  // ldr w0, [x1, #0x208]; add w0, w0, #'0'; str w0, [x2]
        0x5280_08A0, 0xB901_0820,  // movz w0, #'E'; str w0, [x1, #0x108]
        0x5280_0100, 0x72B0_8000, 0xD400_0002,  // movz w0, #8; movk w0, #0x8400, lsl #16; hvc #0
    ]

    private func run(_ options: String...) throws -> Ended {
        var image = ELFImageBuilder(
            entry: 0x4008_0000, segments: [.init(at: 0x4008_0000, Self.program.flatMap(\.littleEndianBytes))])
        image.machine = 183
        image.notes = [ELFImageBuilder.swvmmNote]
        let path = try directory.file("windows.elf", image.build())
        return try Swvmm.run(["boot", path, "--timeout", "60"] + options)
    }

    @Test("--console virtio: the console is device 3 in window 0, entropy device 4 in window 1")
    func console() throws {
        let ended = try run("--console", "virtio")
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        #expect(ended.output == "34E")
    }

    @Test("without it, entropy is in window 0")
    func entropy() throws {
        let ended = try run()
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        #expect(ended.output.hasPrefix("4"))
        #expect(!ended.output.contains("E"))
    }

    @Test("the unikernel has no driver for a virtio console: an error that says what is there")
    func refused() throws {
        for architecture in ["x86_64", "arm64"] {
            let ended = try Swvmm.run("boot", "--arch", architecture, "--console", "virtio")
            #expect(ended.ending == .exited(1))
            #expect(ended.errors.contains("--console serial and bvm are there"))
        }
    }
}
