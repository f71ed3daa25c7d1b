internal import Testing
internal import VMMTestSupport

/// The PCI bus of a `virt` machine, seen by guests of a few instructions.
@Suite struct PCITests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Moves BAR 0 of slot 1 over RAM, the UART and the configuration space, then those of slots 1 and 2 over each other and to the
    /// end of the address space; prints a digit after each, and switches off.
    private static let program: [UInt32] = [
        0xD2A7_E001, 0xD2A1_2002,  // movz x1, #0x3F00, lsl #16; movz x2, #0x0900, lsl #16
        0x9140_2023, 0x9140_4026,  // add x3, x1, #0x8000; add x6, x1, #0x10000
        0x52A8_0104, 0xB900_1064, 0x3940_0080,  // movz w4, #0x4008, lsl #16; str w4, [x3, #0x10]; ldrb w0, [x4]
        0x1100_C000, 0xB900_0040,  // add w0, w0, #'0'; str w0, [x2]
        0x52A1_2004, 0xB900_1064, 0x5280_0640, 0xB900_0040,  // movz w4, #0x0900, lsl #16; str; movz w0, #'2'; str
        0xB900_1061, 0x3940_0C20, 0x1100_CC00, 0xB900_0040,  // str w1, [x3, #0x10]; ldrb w0, [x1, #3]; add '3'; str
        0x52A2_0004, 0xB900_1064, 0xB900_10C4,  // movz w4, #0x1000, lsl #16; str w4, [x3, #0x10]; str w4, [x6, #0x10]
        0x7940_2480, 0x1100_CC00, 0xB900_0040,  // ldrh w0, [x4, #0x12] (num_queues); add w0, w0, #'3'; str w0, [x2]
        0x1280_0004, 0xB900_1064, 0xB900_10C4,  // movn w4, #0; str w4, [x3, #0x10]; str w4, [x6, #0x10]
        0x5280_06A0, 0xB900_0040,  // movz w0, #'5'; str w0, [x2]
        0x5280_0100, 0x72B0_8000, 0xD400_0002,  // movz w0, #8; movk w0, #0x8400, lsl #16; hvc #0
    ]

    @Test("BARs over RAM, over other devices and over each other: those answer as before, and the machine goes on")
    func movedBARs() throws {
        var image = ELFImageBuilder(
            entry: 0x4008_0000, segments: [.init(at: 0x4008_0000, Self.program.flatMap(\.littleEndianBytes))])
        image.machine = 183
        let guest = try directory.file("bars.elf", image.build())
        let disk = try directory.file("disk", [UInt8](repeating: 0, count: 512))
        let ended = try Swvmm.run("boot", guest, "-d", disk, "--timeout", "60")
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        #expect(ended.output == "12345")
    }
}
