import KernelCore
import Testing

@Suite struct KernelHeapTests {
    static let start: UInt64 = 1 << 30

    @Test("a class is the least that holds the size at the alignment")
    func classes() throws {
        let sizes = (0..<SlabClass.count).map { SlabClass.size($0) }
        #expect(sizes == [16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048])
        for size in 1...2048 {
            for alignment in [1, 8, 16, 64, 128, 2048] {
                let expected = sizes.firstIndex { $0 >= size && $0 >= alignment && $0 % alignment == 0 }
                #expect(SlabClass.index(size: size, alignment: alignment) == expected)
            }
        }
        #expect(SlabClass.index(size: 2049, alignment: 1) == nil && SlabClass.index(size: 1, alignment: 4096) == nil)
    }

    @Test(
        "random use: no overlap, aligned, exact accounts, all pages back at the end",
        arguments: 1...8 as ClosedRange<UInt64>)
    func model(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let host = try #require(HostWindow(start: Self.start, size: 0x400_0000))
        let range = PhysicalRange(start: Self.start, size: 0x400_0000)
        host.soil(range)
        let heap = HeapBox(host.window)
        heap.add(range)
        let pages = heap.freePages
        var held: [UInt64: UInt64] = [:]
        var addresses: [UInt64] = []
        for step in 0..<6000 {
            // Growing, then shrinking.
            if Int.random(in: 0..<10, using: &random) < (step < 4000 ? 6 : 3) || addresses.isEmpty {
                let size = Int.random(in: 0...(Bool.random(using: &random) ? 200 : 9000), using: &random)
                let alignment = 1 << Int.random(in: 0...13, using: &random)
                let address = try #require(heap.allocate(size: size, alignment: alignment))
                #expect(address % UInt64(max(alignment, 16)) == 0)
                let usable = try #require(heap.usableSize(address))
                #expect(usable >= size)
                host.soil(PhysicalRange(start: address, size: UInt64(usable)))
                held[address] = UInt64(usable)
                addresses.append(address)
            } else {
                let index = Int.random(in: 0..<addresses.count, using: &random)
                let address = addresses[index]
                addresses[index] = addresses[addresses.count - 1]
                addresses.removeLast()
                held[address] = nil
                try heap.free(address)
                #expect(throws: KernelHeap.FreeFailure.self) { try heap.free(address) }
            }
        }
        var end: UInt64 = 0
        for (address, size) in held.sorted(by: { $0.key < $1.key }) {
            #expect(address >= end)
            end = address + size
        }
        for address in addresses { try heap.free(address) }
        for index in 0..<SlabClass.count {
            let statistics = heap.statistics(class: index)
            #expect(statistics.objects == 0 && statistics.slabs <= 1 && statistics.allocations == statistics.frees)
        }
        // Asking for more than there is gives the empty slabs back.
        #expect(heap.allocatePages(order: 18) == nil && heap.failures == 1)
        #expect(heap.freePages == pages)
    }

    @Test("a double free, a pointer into an object and one that was never given are refused")
    func refused() throws {
        let host = try #require(HostWindow(start: Self.start, size: 0x100_0000))
        let heap = HeapBox(host.window)
        heap.add(PhysicalRange(start: Self.start, size: 0x100_0000))
        let first = try #require(heap.allocate(size: 100))
        let second = try #require(heap.allocate(size: 100))
        let slab = first & ~0x3FFF
        let never = second + 128
        for address in [first + 1, first + 16, never, slab, slab + 64] {
            #expect(throws: KernelHeap.FreeFailure.notAllocated(address)) { try heap.free(address) }
        }
        try heap.free(first)
        #expect(throws: KernelHeap.FreeFailure.notAllocated(first)) { try heap.free(first) }
        #expect(throws: KernelHeap.FreeFailure.notManaged(16)) { try heap.free(16) }
        #expect(heap.refusedFrees == 7)
        // The object freed is the next one given.
        #expect(heap.allocate(size: 100) == first)
        let statistics = heap.statistics(class: 5)
        #expect(statistics.allocations == 3 && statistics.frees == 1 && statistics.objects == 2)
        #expect(statistics.peakObjects == 2 && statistics.slabs == 1 && statistics.pages == 4)
    }

    @Test("no memory, absurd sizes and alignments fail cleanly")
    func failures() throws {
        let host = try #require(HostWindow(start: Self.start, size: 0x20_0000))
        let heap = HeapBox(host.window)
        #expect(heap.allocate(size: 16) == nil)
        heap.add(PhysicalRange(start: Self.start, size: 0x20_0000))
        for (size, alignment) in [(-1, 16), (.max, 16), (16, 0), (16, 3), (16, -16), (16, 1 << 40)] {
            #expect(heap.allocate(size: size, alignment: alignment) == nil)
        }
        #expect(heap.failures == 7)
        var count = 0
        while heap.allocate(size: 2048) != nil { count += 1 }
        #expect(count > 800 && heap.failures == 8 && heap.freePages < 4)
    }
}
