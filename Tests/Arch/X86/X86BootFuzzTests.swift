import Boot
import Testing
import VMMCore
import VMMTestSupport
import X86

@Suite("Corrupt images: an error or a plan, never a trap or a write outside RAM") struct X86BootFuzzTests {
    /// One image of each protocol; every byte of the first is needed.
    private static let images: [[UInt8]] = {
        var freeBSD = ELFImageBuilder(
            entry: 0xFFFF_FFFF_8020_0000,
            segments: [.init(at: 0xFFFF_FFFF_8020_0000, [0xEB, 0xFE], memorySize: 0x100)])
        freeBSD.osABI = 9
        freeBSD.symbols = (table: [UInt8](repeating: 3, count: 24), strings: [0, 65, 0])
        var pvh = ELFImageBuilder(entry: 0x20_0000, segments: [.init(at: 0x20_0000, [0xFA, 0xF4])])
        pvh.notes = [ELFImageBuilder.pvhNote(0x20_0001)]
        let plain = ELFImageBuilder(entry: 0x20_0000, segments: [.init(at: 0x20_0000, [0xFA, 0xF4])])
        var multiboot = MultibootBuilder([0xFA, 0xF4])
        let address = MultibootBuilder.address
        multiboot.addresses = [address, address, address + 34, address + 64, address + 32]
        let rawMultiboot = multiboot.raw()
        return [freeBSD, DirectEntry64Tests.unikernel, pvh, plain].map { $0.build() }
            + [BzImageBuilder().build(), BzImageBuilder(payload: [0x42, 0x5A, 0, 0, 0, 0, 0, 0]).build()]
            + [MultibootBuilder([0xFA, 0xF4]).elf32(), rawMultiboot]
    }()

    private func plan(_ bytes: [UInt8]) -> X86BootPlan? {
        var configuration = BootConfiguration(memorySize: 8 << 20)
        configuration.initrd = ImageBytes([1, 2, 3])
        return try? X86Boot.plan(image: BootImage(bytes), configuration: configuration)
    }

    @Test("every truncation is refused")
    func truncations() {
        for bytes in Self.images {
            #expect(plan(bytes) != nil)
            for length in bytes.indices {
                #expect(plan(Array(bytes.prefix(length))) == nil, "\(length) of \(bytes.count) bytes")
            }
        }
    }

    @Test("random changes: what is planned lies in usable RAM, does not overlap, and loads", arguments: 0..<8)
    func changes(image: Int) throws {
        var generator = SeededGenerator(seed: UInt64(image) &+ 0xF022)
        let sound = Self.images[image]
        let memory = try GuestMemory(try X86MemoryMap.ramRanges(8 << 20))
        let interesting: [UInt8] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF]
        var planned = 0
        for _ in 0..<5_000 {
            var bytes = sound
            for _ in 0...Int.random(in: 0..<4, using: &generator) {
                let index = Int.random(in: bytes.indices, using: &generator)
                bytes[index] =
                    Bool.random(using: &generator)
                    ? UInt8.random(in: 0...255, using: &generator) : interesting.randomElement(using: &generator) ?? 0
            }
            guard let plan = plan(bytes) else { continue }
            planned += 1
            for (index, placement) in plan.placements.enumerated() {
                #expect(
                    plan.loadPlan.ranges(for: placement.purpose).contains {
                        $0.contains(placement.range.start, count: placement.range.size)
                    }
                )
                #expect(placement.contentSize <= placement.range.size)
                #expect(!plan.placements[..<index].contains { $0.range.overlaps(placement.range) })
            }
            try plan.load(into: memory, fresh: true)
        }
        #expect(planned > 0 && planned < 5_000, "\(planned)")
    }

    @Test("bss is zeroed in used memory and not written in fresh memory")
    func bss() throws {
        let plan = try #require(self.plan(DirectEntry64Tests.unikernel.build()))
        let memory = try GuestMemory(plan.ramRanges)
        let recorder = WriteRecorder()
        memory.setWriteObserver(recorder)
        try plan.load(into: memory)
        let segments = plan.placements.filter { if case .segment = $0.purpose { true } else { false } }
        for segment in segments {
            #expect(recorder.bytes(in: segment.range) == segment.contentSize)
        }
        try memory.fill(GuestAddress(0x40_0000), count: 0x2345, with: 0xEE)
        try plan.load(into: memory, fresh: false)
        #expect(try memory.copyOut(GuestAddress(0x40_0000), count: 0x2345).dropFirst(3).allSatisfy { $0 == 0 })
    }
}
