import Boot
import Testing
import VMMCore
import VMMTestSupport
import X86

@Suite("Linux bzImages") struct LinuxBootTests {
    private func plan(
        _ builder: BzImageBuilder = BzImageBuilder(), memory: UInt64 = 16 << 20,
        _ change: (inout BootConfiguration) -> Void = { _ in }
    ) throws(BootImageError) -> X86BootPlan {
        var configuration = BootConfiguration(memorySize: memory)
        change(&configuration)
        return try X86Boot.plan(image: BootImage(builder.build()), configuration: configuration)
    }

    /// Of bzip2, which is left to the kernel.
    private static let packedByItself = BzImageBuilder(payload: [0x42, 0x5A, 0x68, 0x39, 1, 2, 3])

    @Test("boot.rst: the unpacked kernel is entered, its setup header in boot_params, with what a boot loader fills in")
    func unpacked() throws {
        let plan = try plan {
            $0.commandLine = "quiet"
            $0.linuxConsole = "ttyS0"
            $0.initrd = ImageBytes([9, 8, 7])
            $0.randomSeed = Array(0..<32)
        }
        #expect(plan.bootProtocol == .linux64)
        #expect(plan.entry == 0x10_0000)
        let memory = try GuestMemory(plan.ramRanges)
        let registers = try plan.load(into: memory)
        #expect(registers.rsi == 0x6000)
        #expect(registers.cs.selector == 0x10)
        #expect(try memory.copyOut(GuestAddress(0x10_0000), count: 2) == [0xFA, 0xF4])

        var expected = [UInt8](repeating: 0, count: 0x290)
        func set(_ bytes: [UInt8], _ offset: Int) {
            expected.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        }
        let header = BzImageBuilder().build()[0x1F1..<0x26C]
        set(Array(header), 0x1F1)
        set(UInt64(0xE_0000).littleEndianBytes, 0x70)
        set([4], 0x1E8)
        set([0xFF, 0xFF], 0x1FA)
        set([0xFF, 1], 0x210)
        set(UInt32((16 << 20) - 4096).littleEndianBytes + UInt32(3).littleEndianBytes, 0x218)
        set(UInt32(0x7000).littleEndianBytes, 0x228)
        set(UInt64(0x1_0000).littleEndianBytes, 0x250)
        #expect(try memory.copyOut(GuestAddress(0x6000), count: 0x290) == expected)

        let line = "console=ttyS0 quiet\0"
        #expect(try memory.copyOut(GuestAddress(0x7000), count: line.utf8.count) == Array(line.utf8))
        // SETUP_RNG_SEED: the last element, 32 bytes.
        let element = UInt64(0).littleEndianBytes + [9, 32].flatMap(\UInt32.littleEndianBytes) + Array(0..<32)
        #expect(try memory.copyOut(GuestAddress(0x1_0000), count: element.count) == element)
    }

    @Test(
        "boot.rst: a kernel packed in a way that only it knows is loaded whole, with init_size of memory, and entered at 0x200"
    )
    func packed() throws {
        let plan = try plan(Self.packedByItself)
        #expect(plan.entry == 0x20_0200)
        let kernel = try #require(plan.placements.first { $0.purpose == .kernel })
        #expect(kernel.range == GuestRange(start: GuestAddress(0x20_0000), size: 0x1_0000))
        let memory = try GuestMemory(plan.ramRanges)
        try plan.load(into: memory)
        #expect(try memory.copyOut(GuestAddress(0x20_0210), count: 4) == [0x42, 0x5A, 0x68, 0x39])
    }

    @Test("a console of the user's is the only one; without a word from the machine there is none")
    func console() throws {
        for (line, console, expected) in [
            ("console=hvc0", "ttyS0", "console=hvc0"), ("", "hvc0", "console=hvc0"), ("quiet", nil, "quiet"),
        ] {
            let plan = try plan {
                $0.commandLine = line
                $0.linuxConsole = console
                // Told by ACPI, not on the command line.
                $0.devices.windows = [.init(address: 0xFEB0_0000, size: 0x200, interrupt: 16)]
            }
            let text = try #require(plan.placements.first { $0.purpose == .commandLine })
            guard case .bytes(let bytes) = text.content else { continue }
            #expect(bytes == Array(expected.utf8) + [0])
        }
    }

    @Test("initrd_addr_max bounds where the initrd ends")
    func initrdLimit() throws {
        var builder = BzImageBuilder()
        builder.initrdAddressMax = 0x7F_FFFF
        let initrd = try #require(
            try plan(builder) { $0.initrd = ImageBytes([1]) }.placements.first { $0.purpose == .initrd })
        #expect(initrd.range.start == GuestAddress(0x7F_F000))
        #expect(throws: BootImageError.noRoom(.initrd, size: 9 << 20, address: 0, limit: 8 << 20)) {
            try plan(builder) { $0.initrd = ImageBytes([UInt8](repeating: 0, count: 9 << 20)) }
        }
    }

    @Test("cmdline_size is the limit, with the words that are added")
    func commandLine() throws {
        var builder = BzImageBuilder()
        builder.commandLineSize = 20
        _ = try plan(builder) { $0.commandLine = String(repeating: "x", count: 20) }
        #expect(throws: BootImageError.commandLineTooLong(length: 21, limit: 20)) {
            try plan(builder) { $0.commandLine = String(repeating: "x", count: 21) }
        }
        #expect(throws: BootImageError.commandLineTooLong(length: 34, limit: 20)) {
            try plan(builder) {
                $0.commandLine = String(repeating: "x", count: 20)
                $0.linuxConsole = "ttyS0"
            }
        }
    }

    @Test("kernels for 32 bits, impossible fields and payloads are refused, each with its own reason")
    func refusals() {
        func error(_ change: (inout BzImageBuilder) -> Void) -> BootImageError? {
            var builder = BzImageBuilder()
            change(&builder)
            do throws(BootImageError) {
                _ = try plan(builder)
                return nil
            } catch { return error }
        }
        #expect(error { $0.extendedLoadFlags = 0 } == .kernelFor32Bits(protocolVersion: 0x020F))
        #expect(error { $0.protocolVersion = 0x020B } == .kernelFor32Bits(protocolVersion: 0x020B))
        #expect(error { $0.loadFlags = 0 } == .badSetupField(.loadflags, offset: 0x211, value: 0))
        #expect(error { $0.initSize = 16 } == .badSetupField(.init_size, offset: 0x260, value: 16))
        #expect(error { $0.commandLineSize = 0 } == .badSetupField(.cmdline_size, offset: 0x238, value: 0))
        #expect(
            error { $0.payload = [1, 2, 3, 4] }
                == .unknownCompression(name: "?", offset: UInt64(BzImageBuilder.payloadOffset)))
        #expect(
            error {
                $0 = Self.packedByItself
                $0.preferredAddress = 1 << 30
            } == .badSetupField(.pref_address, offset: 0x258, value: 1 << 30))
    }
}
