import Boot
import Testing
import VMMCore
import X86

@Suite("The pc machine's memory map") struct X86MemoryMapTests {
    private func range(_ start: UInt64, _ size: UInt64) throws -> GuestRange {
        try #require(GuestRange(start: GuestAddress(start), size: size))
    }

    @Test("no two regions overlap, and none but RAM overlaps RAM of any size")
    func overlaps() throws {
        let regions = X86MemoryMap.regions
        for (index, region) in regions.enumerated() {
            let own = try range(region.start, region.size)
            for other in regions[(index + 1)...] {
                #expect(!own.overlaps(try range(other.start, other.size)), "\(region.name) and \(other.name)")
            }
            for ram in try X86MemoryMap.ramRanges(X86MemoryMap.maximumMemory) where !region.isRAM {
                #expect(!own.overlaps(ram), "\(region.name) and RAM")
            }
        }
    }

    @Test("swvmm's own pages in low memory do not overlap and stay below 640 KiB")
    func lowMemory() {
        let pages = [
            LowMemory.stack, LowMemory.pml4, LowMemory.pdpt, LowMemory.pageDirectory, LowMemory.gdt,
            LowMemory.startInfo, LowMemory.commandLine, LowMemory.trampolineRoom, LowMemory.setupData,
        ]
        #expect(zip(pages, pages.dropFirst()).allSatisfy { $1 - $0 >= 4096 })
        #expect(LowMemory.trampolineRoom + LowMemory.trampolineRoomSize <= LowMemory.setupData)
        #expect(LowMemory.setupData + 4096 <= X86MemoryMap.lowMemoryEnd)
    }

    @Test("RAM of up to 3 GiB is one region; one page more goes above 4 GiB")
    func split() throws {
        #expect(try X86MemoryMap.ramRanges(3 << 30) == [try range(0, 3 << 30)])
        #expect(
            try X86MemoryMap.ramRanges(3 << 30 + 4096) == [try range(0, 3 << 30), try range(4 << 30, 4096)])
        #expect(try X86MemoryMap.ramRanges(X86MemoryMap.maximumMemory).last?.end == GuestAddress(1 << 40))
    }

    @Test("memory sizes of 0, of no whole pages, too small and too large")
    func sizes() {
        #expect(throws: BootImageError.badMemorySize(.zero)) { try X86MemoryMap.ramRanges(0) }
        #expect(throws: BootImageError.badMemorySize(.notPageSized(4097))) { try X86MemoryMap.ramRanges(4097) }
        #expect(throws: BootImageError.badMemorySize(.tooSmall(4096, minimum: 2 << 20))) {
            try X86MemoryMap.ramRanges(4096)
        }
        let huge = UInt64.max & ~4095
        #expect(throws: BootImageError.badMemorySize(.tooLarge(huge, maximum: X86MemoryMap.maximumMemory))) {
            try X86MemoryMap.ramRanges(huge)
        }
    }

    @Test("e820: conventional memory, the legacy area, ACPI's tables, the rest below and above the hole")
    func e820() throws {
        let below = [
            MemoryMapEntry(range: try range(0, 0xA_0000), type: 1),
            MemoryMapEntry(range: try range(0xA_0000, 0x4_0000), type: 2),
            MemoryMapEntry(range: try range(0xE_0000, 0x2_0000), type: 3),
            MemoryMapEntry(range: try range(0x10_0000, 0xBFF0_0000), type: 1),
        ]
        let above = MemoryMapEntry(range: try range(4 << 30, 1 << 30), type: 1)
        #expect(try X86MemoryMap.e820(4 << 30) == below + [above])
        let ecam = MemoryMapEntry(range: try range(0xE000_0000, 256 << 20), type: 2)
        #expect(try X86MemoryMap.e820(4 << 30, ecam: 0xE000_0000) == below + [ecam, above])
    }
}
