import Boot
import Testing
import VMMCore
import VMMTestSupport
import X86

@Suite("Images and configurations that are refused") struct X86BootRefusalTests {
    private func error(
        _ change: (inout ELFImageBuilder) -> Void = { _ in }, memory: UInt64 = 16 << 20,
        configure: (inout BootConfiguration) -> Void = { _ in }
    ) -> BootImageError? {
        var builder = DirectEntry64Tests.unikernel
        change(&builder)
        var configuration = BootConfiguration(memorySize: memory)
        configure(&configuration)
        do throws(BootImageError) {
            _ = try X86Boot.plan(image: BootImage(builder.build()), configuration: configuration)
            return nil
        } catch { return error }
    }

    private func range(_ start: UInt64, _ size: UInt64) throws -> GuestRange {
        try #require(GuestRange(start: GuestAddress(start), size: size))
    }

    @Test("segments that overlap each other, low memory, or the legacy area")
    func overlaps() throws {
        #expect(
            error { $0.segments[1].physicalAddress = 0x20_0122 }
                == .overlap(
                    .segment(index: 1), try range(0x20_0000, 0x123), .segment(index: 2), try range(0x20_0122, 0x2345)))
        #expect(
            error { $0.segments[1].physicalAddress = 0x2FFF }
                == .overlap(.pageTables, try range(0x2000, 0x3000), .segment(index: 2), try range(0x2FFF, 0x2345)))
        #expect(
            error { $0.segments[1].physicalAddress = 0xA_0000 }
                == .outsideRAM(.segment(index: 2), try range(0xA_0000, 0x2345)))
    }

    @Test("a segment may end exactly at the end of RAM, not one byte later")
    func endOfRAM() throws {
        // At the very end nothing is left for the environment, but the segment itself fits.
        let top: UInt64 = 16 << 20
        #expect(
            error { $0.segments[1].physicalAddress = top - 0x2345 }
                == .noRoom(.environment, size: 62, address: top, limit: top))
        #expect(
            error { $0.segments[1].physicalAddress = top - 0x2344 }
                == .outsideRAM(.segment(index: 2), try range(top - 0x2344, 0x2345)))
    }

    @Test("the entry must be in a segment, and where the first page tables map it")
    func entry() {
        #expect(error { $0.entry = 0x30_0000 } == .entryOutsideSegments(0x30_0000))
        #expect(
            error {
                $0.segments[0].virtualAddress = 0x10_0000
                $0.entry = 0x10_0010
            } == .entryNotMapped(0x10_0010))
    }

    @Test("an initrd that does not fit behind the kernel")
    func initrd() {
        #expect(
            error(memory: 8 << 20, configure: { $0.initrd = ImageBytes([UInt8](repeating: 0, count: 4 << 20)) })
                == .noRoom(.initrd, size: 4 << 20, address: 0x40_3000, limit: 8 << 20))
    }

    @Test("what is handed over stays in the first GiB, which is all that the first page tables map")
    func firstGiB() {
        let limit: UInt64 = 1 << 30
        #expect(
            error({ $0.segments[1].physicalAddress = limit - 0x3000 }, memory: 2 << 30)
                == .noRoom(.environment, size: 62, address: limit, limit: limit))
        #expect(error({ $0.segments[1].physicalAddress = limit - 0x5000 }, memory: 2 << 30) == nil)
        #expect(
            error({ $0.segments[1].physicalAddress = limit - 0x4000 }, memory: 2 << 30)
                == .noRoom(.metadata, size: 288, address: limit, limit: limit))
    }

    @Test("CPU counts, command lines and memory sizes out of range")
    func configuration() {
        #expect(error(configure: { $0.cpuCount = 0 }) == .badCPUCount(0))
        #expect(error(configure: { $0.cpuCount = 256 }) == .badCPUCount(256))
        #expect(error(configure: { $0.commandLine = "a\u{0}" }) == .commandLineHasNUL)
        #expect(
            error(configure: { $0.commandLine = String(repeating: "x", count: 4096) })
                == .commandLineTooLong(length: 4096, limit: 4095))
        #expect(error(memory: 0) == .badMemorySize(.zero))
        #expect(error(memory: 12345) == .badMemorySize(.notPageSized(12345)))
    }

    @Test("several CPUs: the room to start them from is kept free")
    func trampoline() throws {
        #expect(
            error({ $0.segments[1].physicalAddress = 0xF000 }, configure: { $0.cpuCount = 2 })
                == .overlap(.trampolineRoom, try range(0x8000, 0x8000), .segment(index: 2), try range(0xF000, 0x2345)))
        #expect(error({ $0.segments[1].physicalAddress = 0xF000 }, configure: { $0.cpuCount = 1 }) == nil)
    }
}
