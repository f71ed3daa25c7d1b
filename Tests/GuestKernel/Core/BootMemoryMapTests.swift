import KernelCore
import Testing

@Suite struct BootMemoryMapTests {
    @Test("adding and reserving pages gives what a bit per page gives", arguments: 1...40 as ClosedRange<UInt64>)
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var map = BootMemoryMap()
        var model = [Bool](repeating: false, count: 48)
        for _ in 0..<60 {
            let start = Int.random(in: 0..<48, using: &random)
            let end = Int.random(in: start...48, using: &random)
            let range = PhysicalRange(from: UInt64(start) * 4096, to: UInt64(end) * 4096)
            let isAdding = Bool.random(using: &random)
            if isAdding { map.add(range) } else { map.reserve(range) }
            for page in start..<end { model[page] = isAdding }
            var pages = [Bool](repeating: false, count: 48)
            var last: UInt64?
            for range in map {
                #expect(!range.isEmpty && (last.map { $0 < range.start } ?? true))
                last = range.end
                for page in range.start / 4096..<range.end / 4096 { pages[Int(page)] = true }
            }
            #expect(pages == model)
            #expect(map.droppedBytes == 0)
        }
    }

    @Test("a reservation is rounded outwards to pages, also at the top of the address space")
    func rounding() {
        var map = BootMemoryMap()
        map.add(PhysicalRange(start: 0x1000, size: 0x4000))
        map.reserve(PhysicalRange(start: 0x2FFF, size: 2))
        #expect(
            Array(map) == [PhysicalRange(from: 0x1000, to: 0x2000), PhysicalRange(from: 0x4000, to: 0x5000)])
        map.add(PhysicalRange(start: 0xFFFF_FFFF_FFFF_0000, size: .max))
        map.reserve(PhysicalRange(start: .max - 1, size: 1))
        #expect(map[2].end == 0xFFFF_FFFF_FFFF_F000)
    }

    @Test("take gives the lowest fit under the limit, never page 0, and takes it out")
    func take() {
        var map = BootMemoryMap()
        map.add(PhysicalRange(start: 0, size: 0x3000))
        map.add(PhysicalRange(start: 0x10_0000, size: 0x10_0000))
        #expect(map.take(size: 1, below: 0x10_0000) == 0x1000)
        #expect(map.take(size: 0x2000, below: 0x10_0000) == nil)
        #expect(map.take(size: 0x2000, alignment: 0x8_0000) == 0x10_0000)
        #expect(map.take(size: 0x2000, alignment: 0x8_0000) == 0x18_0000)
        #expect(map.take(size: .max) == nil)
        #expect(map.totalBytes == 0x10_3000 - 0x1000 - 0x4000)
    }

    @Test("a full table leaves memory out, counts it, and stays in order")
    func full() {
        var map = BootMemoryMap()
        for index in 0..<40 as Range<UInt64> { map.add(PhysicalRange(start: index * 0x4000, size: 0x3000)) }
        #expect(map.count == BootMemoryMap.capacity && map.droppedBytes == 8 * 0x3000)
        map.reserve(PhysicalRange(start: 0x1000, size: 0x800))
        #expect(map.count == BootMemoryMap.capacity && map.droppedBytes == 8 * 0x3000 + 0x1000)
        map.add(PhysicalRange(start: 0, size: 1 << 30))
        #expect(Array(map) == [PhysicalRange(start: 0, size: 1 << 30)])
    }
}
