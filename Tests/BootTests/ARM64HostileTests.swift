internal import Testing

/// arm64 guests that run wild: swvmm shows them on Ctrl-a i, and ends them.
@Suite struct ARM64HostileTests {
    private static let programs: [(String, [UInt32])] = [
        // mov x0, #0x10000000; msr vbar_el1, x0; isb; udf
        ("endless exceptions", [0xD2A2_0000, 0xD518_C000, 0xD503_3FDF, 0]),
        // mov x0, #0x09000000; br x0
        ("a branch into a device", [0xD2A1_2000, 0xD61F_0000]),
        // str x0, [x1], #8; b .-4: flash, holes, devices, one after the other
        ("stores to everything from address 0 on", [0xD280_0001, 0xF800_8420, 0x17FF_FFFF]),
        // mov x0, #0x3f000000; ldr w1, [x0]; b .-4
        ("reads of a hole", [0xD2A7_E000, 0xB940_0001, 0x17FF_FFFF]),
        // wfe; b .-4
        ("WFE for ever", [0xD503_205F, 0x17FF_FFFF]),
        // HLT without --semihosting, with vectors at 0
        ("HLT", [0xD45E_0000]),
    ]

    /// The words behind the header of a Linux Image. Source: Linux Documentation/arch/arm64/booting.rst.
    private func image(_ words: [UInt32]) -> [UInt8] {
        var file: [UInt8] = []
        func put(_ value: UInt64, _ count: Int) {
            for byte in 0..<count { file.append(UInt8(truncatingIfNeeded: value >> UInt64(byte * 8))) }
        }
        put(0x1400_0010, 4)
        put(0, 12)
        put(0x1_0000, 8)
        put(0b1010, 8)
        put(0, 24)
        file += Array("ARM".utf8) + [0x64, 0, 0, 0, 0]
        // mov x0, #0x09000000; mov w1, #'R'; str w1, [x0]: PL011 prints that it runs.
        for word in [0xD2A1_2000, 0x5280_0A41, 0xB900_0001] + words { put(UInt64(word), 4) }
        return file
    }

    @Test("Ctrl-a i shows where it is, Ctrl-a x leaves", arguments: programs)
    func runsWild(name: String, words: [UInt32]) throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/image"
        try HostText.write(image(words), to: path)
        let run = try Swvmm(
            ["boot", "--arch", "arm64", "--cpus", "2", "--console", "serial", path, "--timeout", "60"], input: .terminal
        )
        try run.expect("R")
        for _ in 0..<3 {
            try run.send("\u{1}i")
            try run.expect("vCPU 0", in: .errors)
            try run.expect("esr_el1=", in: .errors)
            try run.expect("vCPU 1", in: .errors)
        }
        try run.send("\u{1}x")
        #expect(try run.finish().ending == .exited(0), "\(name)")
    }

    @Test("a timeout ends it with 124 and a report", arguments: programs.prefix(3))
    func timeout(name: String, words: [UInt32]) throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/image"
        try HostText.write(image(words), to: path)
        let ended = try Swvmm.run(["boot", "--arch", "arm64", path, "--timeout", "0.3"])
        #expect(ended.ending == .exited(124), "\(name)")
        #expect(ended.errors.contains("esr_el1="))
    }
}
