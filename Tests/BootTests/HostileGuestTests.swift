internal import Glibc
internal import Testing
internal import VMMTestSupport

/// Guests that misbehave, and guests that end in each of the ways that swvmm tells apart.
@Suite(.needsKVM) struct HostileGuestTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func run(
        timeout: String = "60", options: [String] = [], _ build: (inout X86Code) -> Void
    ) throws -> Ended {
        try Swvmm.run(["boot", try X86Code(build).write(to: directory), "--timeout", timeout] + options)
    }

    // MARK: - Ways to end

    @Test("debug exit: a value v gives exit code (v << 1) | 1, and no report", arguments: [0, 1, 21, 63, 127])
    func debugExit(value: UInt32) throws {
        let ended = try run { code in
            code.print("bye\n")
            code.out(0xF4, value, bits: 32)
            code.spin()
        }
        #expect(ended.ending == .exited(Int32(value << 1 | 1)))
        #expect(ended.output == "bye\n")
        #expect(!ended.errors.contains("rip="))
    }

    @Test("pvpanic: exit code 3 and a report")
    func panicNotifier() throws {
        let ended = try run { code in
            code.print("last words")
            code.out(0x505, 1, bits: 8)
            code.spin()
        }
        #expect(ended.ending == .exited(3))
        #expect(ended.errors.contains("the guest panicked"))
        #expect(ended.errors.contains("| last words"))
        #expect(ended.errors.contains("port write 0x505 8-bit value 0x1"))
    }

    @Test("the resets of i8042 and 0xCF9 are the end with --no-reboot", arguments: [(0x64, 0xFE), (0xCF9, 6)])
    func resets(port: UInt16, value: UInt32) throws {
        let ended = try run(options: ["--no-reboot"]) { code in
            code.print(".")
            code.out(port, value, bits: 8)
            code.spin()
        }
        #expect(ended.ending == .exited(0))
        #expect(ended.output == ".")
    }

    @Test(
        "a guest that resets without end is booted again and again until the timeout, also when that comes between two machines"
    )
    func resetsForever() throws {
        for _ in 0..<8 {
            let ended = try run(timeout: "0.2") { code in
                code.print(".")
                code.out(0xCF9, 6, bits: 8)
                code.spin()
            }
            #expect(ended.ending == .exited(124))
            #expect(ended.output.allSatisfy { $0 == "." })
            #expect(ended.leavesNothing)
        }
    }

    @Test("a triple fault: exit code 3 and a report")
    func tripleFault() throws {
        // ud2 without an interrupt descriptor table.
        let ended = try run { $0.put(0x0F, 0x0B) }
        #expect(ended.ending == .exited(3))
        #expect(ended.errors.contains("triple fault"))
        #expect(ended.errors.contains("rip=0000000000100000"))
        #expect(ended.errors.contains("swvmm:   an exception before"))
        #expect(ended.errors.contains("64-bit mode at 0x100000: ud2; interrupts are off; no exception handlers"))
    }

    @Test("registers that the CPU has not: the guest gets #GP, and each is told once, however often it tries")
    func unknownRegisters() throws {
        var table = [UInt8](repeating: 0, count: 13 * 16)
        // Vector 13: an interrupt gate of Linux's code segment to 0x202000, which drops the error code, skips the
        // instruction's two bytes and returns.
        table += [0x00, 0x20, 0x10, 0x00, 0x00, 0x8E, 0x20, 0x00, 0, 0, 0, 0, 0, 0, 0, 0]
        let handler: [UInt8] = [0x48, 0x83, 0xC4, 0x08, 0x48, 0x83, 0x04, 0x24, 0x02, 0x48, 0xCF]
        let code = X86Code { code in
            code.put(0x0F, 0x01, 0x1C, 0x25, 0x00, 0x10, 0x20, 0x00)  // lidt [0x201000]
            for _ in 0..<3 {
                code.put(0xB9, 0x78, 0x56, 0x34, 0x12, 0x0F, 0x32)  // mov ecx, 0x12345678; rdmsr
                code.put(0x31, 0xC0, 0x31, 0xD2, 0x0F, 0x30)  // xor eax, eax; xor edx, edx; wrmsr
            }
            code.print("on\n")
            code.out(0xF4, 0, bits: 32)
            code.spin()
        }
        let image = ELFImageBuilder(
            entry: 0x10_0000,
            segments: [
                .init(at: 0x10_0000, code.bytes), .init(at: 0x20_0000, table),
                .init(at: 0x20_1000, [0xFF, 0x00, 0x00, 0x00, 0x20, 0x00, 0, 0, 0, 0]),
                .init(at: 0x20_2000, handler),
            ])
        let path = try directory.file("guest.elf", image.build())
        let ended = try Swvmm.run("boot", "-v", "--timeout", "60", path)
        #expect(ended.ending == .exited(1))
        #expect(ended.output == "on\n")
        let lines = ended.errors.split(separator: "\n").filter { $0.contains("model-specific register 0x12345678") }
        try #require(lines.count == 2, "a kernel before 5.10 tells nothing: \(ended.errors)")
        #expect(lines[0].contains("read of model-specific register 0x12345678, which the CPU has not: #GP"))
        #expect(lines[1].contains("write of 0x0 to model-specific register 0x12345678"))
    }

    @Test("garbage as code: exit code 3 or 124 and a report")
    func garbage() throws {
        var random = SeededGenerator(seed: 0x5EED)
        for _ in 0..<4 {
            let bytes = (0..<4096).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let ended = try run(timeout: "1") { code in for byte in bytes { code.put(byte) } }
            #expect(ended.ending == .exited(3) || ended.ending == .exited(124), "\(ended.errors)")
            #expect(ended.errors.contains("rip="))
            #expect(ended.leavesNothing)
        }
    }

    // MARK: - Ways not to end

    @Test("a spinning guest: the timeout, exit code 124 and a report")
    func spins() throws {
        let ended = try run(timeout: "1") { $0.spin() }
        #expect(ended.ending == .exited(124))
        #expect(ended.errors.contains("> 0x100000: eb fe"))
        #expect(ended.errors.contains("the timeout ran out"))
        #expect(ended.leavesNothing)
    }

    @Test("a guest halted with interrupts off: the timeout")
    func haltsForever() throws {
        let ended = try run(timeout: "1") { $0.halt() }
        #expect(ended.ending == .exited(124))
        #expect(ended.errors.contains("rip=0000000000100002"))
    }

    @Test("a guest halted with interrupts off is told while it runs: where, in which mode, and what to try; once")
    func standsStill() throws {
        let ended = try run(timeout: "7") { code in
            code.print("bye\n")
            code.halt()
        }
        #expect(ended.ending == .exited(124))
        #expect(ended.output == "bye\n")
        let words = "all vCPUs are halted with interrupts off"
        #expect(ended.errors.split(separator: "\n").count { $0.contains(words) } == 1, "\(ended.errors)")
        #expect(ended.errors.contains("vCPU 0, 64-bit mode at 0x"))
        #expect(ended.errors.contains("last exit: port write 0x220"))
        #expect(ended.errors.contains("--gdb"))
    }

    @Test("writes to unmapped addresses without end: the timeout, and a few lines with --verbose")
    func unmappedWrites() throws {
        let ended = try run(timeout: "2", options: ["--verbose"]) { code in
            code.put(0xBB)  // mov ebx, 0x20000000: mapped by the page tables, and no RAM
            code.put(0, 0, 0, 0x20)
            code.forever { code in
                code.put(0x89, 0x03)  // mov [rbx], eax
                code.put(0x8B, 0x03)  // mov eax, [rbx]
                code.put(0x48, 0x83, 0xC3, 0x08)  // add rbx, 8
            }
        }
        #expect(ended.ending == .exited(124))
        #expect(ended.errors.contains("where no device is"))
        #expect(ended.errors.contains("mmio write"))
        #expect(ended.errors.split(separator: "\n").count < 300)
    }

    @Test("unmapped memory and ports read as ones")
    func readsOnes() throws {
        let ended = try run { code in
            code.put(0xBB, 0, 0, 0, 0x20)  // mov ebx, 0x20000000
            code.put(0x8B, 0x03)  // mov eax, [rbx]
            code.put(0x89, 0xC1)  // mov ecx, eax
            code.inDoubleword(0x510)
            code.put(0x21, 0xC1)  // and ecx, eax
            code.put(0xFF, 0xC1)  // inc ecx: 0 when all were ones
            code.put(0x89, 0xC8)  // mov eax, ecx
            code.setPort(0xF4)
            code.put(0xEF)
            code.spin()
        }
        #expect(ended.ending == .exited(1))
        #expect(!ended.errors.contains("error"))
    }

    @Test("a flood to a reader that does not read: the timeout works and memory stays bounded")
    func floodWithoutReader() throws {
        let image = try X86Code { code in code.forever { $0.out(0x220, 0x61, bits: 32) } }.write(to: directory)
        let run = try Swvmm(["boot", image, "--timeout", "2"])
        // The first output is there, so the guest runs; nobody reads on.
        try run.expect("aaaa")
        let resident = try #require(run.process.residentKiB)
        #expect(resident < 100 << 10)
        let ended = try run.finish(reading: false)
        #expect(ended.ending == .exited(124))
        #expect(ended.leavesNothing)
    }

    @Test("a flood to a reader that reads: memory stays bounded, and the report is short")
    func flood() throws {
        let image = try X86Code { code in code.forever { $0.out(0x220, 0x61, bits: 32) } }.write(to: directory)
        let run = try Swvmm(["boot", image, "--timeout", "3"])
        try run.expect(String(repeating: "a", count: 50_000))
        let resident = try #require(run.process.residentKiB)
        #expect(resident < 100 << 10)
        let ended = try run.finish()
        #expect(ended.ending == .exited(124))
    }

    @Test("a reader that leaves does not end the guest")
    func readerLeaves() throws {
        let ended = try Swvmm.run(
            [
                "boot",
                try X86Code { code in
                    for _ in 0..<2_000 { code.print("x") }
                    code.out(0xF4, 5, bits: 8)
                    code.spin()
                }.write(to: directory), "--timeout", "60",
            ],
            launcher: ["/bin/sh", "-c", "\"$@\" | head -c 10 >/dev/null; exit 0", "sh"])
        #expect(ended.ending == .exited(0))
        #expect(ended.leavesNothing)
    }

    @Test(
        "closed standard descriptors are not taken by something that the console is then written to",
        arguments: ["<&-", ">&-", "<&- >&-"])
    func closedDescriptors(redirection: String) throws {
        let image = try X86Code { code in
            code.print("printed")
            code.forever { code in
                // What descriptors 0 and 1 are, the test sees from outside.
                code.inDoubleword(0x220)
            }
        }.write(to: directory)
        let run = try Swvmm(
            ["boot", image, "--timeout", "60", "--verbose"],
            launcher: ["/bin/sh", "-c", "exec \"$@\" \(redirection)", "sh"])
        try run.expect("entering the guest", in: .errors)
        for descriptor in 0...1 where redirection.contains(descriptor == 0 ? "<" : ">") {
            var name = [CChar](repeating: 0, count: 64)
            let length = unsafe readlink("/proc/\(run.process.id)/fd/\(descriptor)", &name, name.count)
            #expect(
                String(decoding: name.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
                    == "/dev/null")
        }
        run.process.send(SIGTERM)
        #expect(try run.finish().ending == .exited(143))
    }

    /// Keyboard controller, debug exit, pvpanic, ACPI power, 0xCF9: with the ports before them whose wide accesses reach them.
    private static let endingPorts: [ClosedRange<UInt16>] = [
        0x61...0x64, 0xF1...0xF4, 0x502...0x505, 0x5FD...0x607, 0xCF6...0xCF9,
    ]

    @Test("all ports at all widths with any value: no crash, and nothing left running", arguments: [1, 2, 3, 4])
    func hammersPorts(seed: UInt32) throws {
        // A linear congruential generator in ebx picks the port, the value and one of six accesses.
        let ended = try run(timeout: "2") { code in
            code.put(0xBB)
            for byte in (seed &* 0x9E37_79B9).littleEndianBytes { code.put(byte) }
            code.forever { code in
                for bytes in [[0xEE], [0x66, 0xEF], [0xEF], [0xEC], [0x66, 0xED], [0xED]] as [[UInt8]] {
                    code.put(0x69, 0xDB, 0x0D, 0x66, 0x19, 0x00)  // imul ebx, ebx, 1664525
                    code.put(0x81, 0xC3, 0x5F, 0xF3, 0x6E, 0x3C)  // add ebx, 1013904223
                    code.put(0x89, 0xDA, 0xC1, 0xEA, 0x10)  // mov edx, ebx; shr edx, 16
                    // Most devices are below 0x800: three of four accesses go there.
                    code.put(0xF7, 0xC3, 0x00, 0x03, 0x00, 0x00)  // test ebx, 0x300
                    code.put(0x74, 0x06)  // jz over the and
                    code.put(0x81, 0xE2, 0xFF, 0x07, 0x00, 0x00)  // and edx, 0x7ff
                    code.put(0x89, 0xD8, 0xC1, 0xE8, 0x07)  // mov eax, ebx; shr eax, 7
                    // Even seeds leave out what ends the machine, so that they go on until the timeout.
                    for range in seed % 2 == 0 ? Self.endingPorts : [] { code.avoidPorts(range) }
                    for byte in bytes { code.put(byte) }
                }
            }
        }
        // It may switch itself off, reset, panic or ask for any exit code; it may not bring swvmm down.
        guard case .exited(let status) = ended.ending else {
            Issue.record("swvmm died: \(ended.ending) \(ended.errors)")
            return
        }
        if seed % 2 == 0 { #expect(status == 124, "\(ended.errors)") }
        #expect(status == 124 || status == 3 || status == 0 || status % 2 == 1)
        #expect(!ended.errors.contains("error:"), "\(ended.errors)")
        #expect(ended.leavesNothing)
    }
}
