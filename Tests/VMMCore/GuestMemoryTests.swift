import Glibc
import Testing
import VMMCore
import VMMTestSupport

@Suite struct GuestMemoryTests {
    private func range(_ start: UInt64, _ size: UInt64) throws -> GuestRange {
        try #require(GuestRange(start: GuestAddress(start), size: size))
    }

    @Test("an access may end exactly at the end of RAM, and not one byte later")
    func endOfRAM() throws {
        let memory = try GuestMemory([range(0x1000, 0x2000)])
        try memory.copyIn([1, 2, 3, 4], to: GuestAddress(0x2ffc))
        #expect(try memory.copyOut(GuestAddress(0x2ffc), count: 4) == [1, 2, 3, 4])
        #expect(throws: GuestMemoryError.outOfRange(GuestAddress(0x2ffd), count: 4)) {
            try memory.copyIn([1, 2, 3, 4], to: GuestAddress(0x2ffd))
        }
        #expect(try memory.load(UInt64.self, at: GuestAddress(0x2ff8)) == 0x0403_0201_0000_0000)
        #expect(throws: GuestMemoryError.outOfRange(GuestAddress(0x3000), count: 1)) {
            try memory.load(UInt8.self, at: GuestAddress(0x3000))
        }
    }

    @Test(
        "RAM in files: each region has its own, which reads and writes as the guest's memory, and is zeros again when it was discarded"
    )
    func shareable() throws {
        let memory = try GuestMemory([range(0x1000, 0x2000), range(0x1_0000, 0x1000)]) { size in
            // SAFETY: a constant template; the file has no name from here on.
            guard let file = unsafe tmpfile() else { return nil }
            defer { unsafe _ = fclose(file) }
            let descriptor = unsafe dup(fileno(file))
            return ftruncate(descriptor, off_t(size)) == 0 ? descriptor : nil
        }
        let files = memory.shareableRegions
        #expect(files.map(\.range) == [try range(0x1000, 0x2000), try range(0x1_0000, 0x1000)])
        #expect(memory.size == 0x3000)
        try memory.store(0x1122_3344 as UInt32, at: GuestAddress(0x1_0ffc))
        var word: UInt32 = 0
        #expect(unsafe pread(files[1].descriptor, &word, 4, 0xffc) == 4)
        #expect(word == 0x1122_3344)
        #expect(unsafe pwrite(files[0].descriptor, &word, 4, 0x1000) == 4)
        #expect(try memory.load(UInt32.self, at: GuestAddress(0x2000)) == 0x1122_3344)
        memory.discard(GuestAddress(0x2000), count: 0x1000)
        #expect(try memory.load(UInt32.self, at: GuestAddress(0x2000)) == 0)
    }

    @Test("a file that the host refuses is an error; RAM without files has none to share")
    func unshareable() throws {
        #expect(throws: GuestMemoryError.hostRefused(size: 0x1000, errno: EMFILE)) {
            try GuestMemory([range(0x1000, 0x1000)]) { _ in
                errno = EMFILE
                return nil
            }
        }
        #expect(try GuestMemory([range(0x1000, 0x1000)]).shareableRegions.isEmpty)
    }

    @Test("pieces are aligned by where the host has them and by their lengths, as far as the range goes")
    func aligned() throws {
        let memory = try GuestMemory([range(0x1000, 0x2000)])
        func isAligned(_ pieces: [(UInt64, UInt32)], _ range: Range<UInt64>) -> Bool {
            let buffers = pieces.map { GuestBuffer(address: GuestAddress($0.0), length: $0.1) }
            return memory.isAligned(buffers, range: range, address: 64, length: 512)
        }
        #expect(isAligned([(0x1040, 512), (0x1800, 1024)], 0..<1536))
        #expect(!isAligned([(0x1041, 512)], 0..<512))
        #expect(!isAligned([(0x1040, 256), (0x1140, 256)], 0..<512))
        // What is before or behind the range plays no part.
        #expect(isAligned([(0x1001, 512), (0x1200, 512), (0x1401, 512)], 512..<1024))
        #expect(!isAligned([(0x1200, 512)], 0..<1024))
        #expect(!isAligned([(0x2E00, 1024)], 0..<1024))
    }

    @Test("what is discarded reads as zeros, in whole pages; a part of a page, and what is not RAM, stay as they are")
    func discard() throws {
        let memory = try GuestMemory([range(0x1_0000, 0x4_0000)])
        let (start, end) = (0x1_0000 as UInt64, 0x5_0000 as UInt64)
        let log = WriteLog()
        func isKept(_ address: UInt64) throws -> Bool { try memory.load(UInt8.self, at: GuestAddress(address)) == 7 }
        func discard(_ address: UInt64, _ count: UInt64) throws {
            try memory.fill(GuestAddress(start), count: Int(end - start), with: 7)
            memory.setWriteObserver(log)
            memory.discard(GuestAddress(address), count: count)
            memory.setWriteObserver(nil)
        }
        // Pages of 64 KiB, the largest that a host has.
        try discard(start + 0xFFFF, 0x1_0002)
        #expect(try isKept(start + 0xFFFF) && !isKept(start + 0x1_0000) && !isKept(start + 0x1_FFFF))
        #expect(try isKept(start + 0x2_0000))
        #expect(log.writes.values == ["0x20000+65536"])
        try discard(end - 0x1_0000, 0x1_0000)
        #expect(try isKept(end - 0x1_0001) && !isKept(end - 1))
        for (address, count) in [
            (start + 1, 0xFFF), (end - 0x1_0000, 0x1_0001), (0, 0x10_0000), (.max - 1, 1), (.max, .max), (start, 0),
        ] as [(UInt64, UInt64)] {
            try discard(address, count)
            #expect(try isKept(start) && isKept(end - 1))
        }
        #expect(log.writes.count == 2)
    }

    @Test("an access before the start of RAM is refused, also when it reaches into it")
    func beforeStart() throws {
        let memory = try GuestMemory([range(0x1000, 0x1000)])
        for start in [0, 0xfff, 0xffe] as [UInt64] {
            #expect(throws: GuestMemoryError.outOfRange(GuestAddress(start), count: 2)) {
                try memory.copyOut(GuestAddress(start), count: 2)
            }
        }
    }

    @Test(
        "addresses near 2^64 are refused, without a trap",
        arguments: [.max, .max - 1, .max - 7, .max - 4095] as [UInt64])
    func wrapAround(start: UInt64) throws {
        let memory = try GuestMemory([range(0, 0x1000)])
        let address = GuestAddress(start)
        #expect(throws: GuestMemoryError.outOfRange(address, count: 4096)) {
            try memory.copyOut(address, count: 4096)
        }
        #expect(throws: GuestMemoryError.outOfRange(address, count: 8)) {
            try memory.fill(address, count: 8, with: 1)
        }
        #expect(throws: GuestMemoryError.outOfRange(address, count: 1)) { try memory.load(UInt8.self, at: address) }
        #expect(!memory.contains(address, count: .max))
    }

    @Test("a range is neither empty nor past 2^64 - 1")
    func ranges() throws {
        #expect(GuestRange(start: GuestAddress(0x1000), size: 0) == nil)
        #expect(GuestRange(start: GuestAddress(.max - 0xfff), size: 0x1000) == nil)
        let last = try range(.max - 0x1000, 0x1000)
        #expect(last.contains(GuestAddress(.max - 1)))
        #expect(!last.contains(last.end))
        #expect(last.contains(last.end, count: 0))
        #expect(!last.contains(last.end, count: 1))
        #expect(!last.contains(last.start, count: .max))
        #expect("\(try range(0x1000, 0x1000))" == "[0x1000, 0x2000)")
        #expect(GuestAddress(.max).advanced(by: 1) == nil)
        #expect(GuestAddress(.max - 1).advanced(by: 1) == GuestAddress(.max))
    }

    @Test("an access of no bytes may stand at the end of RAM, and not behind it")
    func zeroLength() throws {
        let memory = try GuestMemory([range(0x1000, 0x1000)])
        #expect(try memory.copyOut(GuestAddress(0x2000), count: 0) == [])
        try memory.copyIn([], to: GuestAddress(0x2000))
        try memory.fill(GuestAddress(0x2000), count: 0, with: 1)
        #expect(throws: GuestMemoryError.outOfRange(GuestAddress(0x2001), count: 0)) {
            try memory.copyIn([], to: GuestAddress(0x2001))
        }
        #expect(throws: GuestMemoryError.self) { try memory.copyOut(GuestAddress(0x1000), count: -1) }
    }

    @Test("a sized access that is not naturally aligned is refused")
    func misaligned() throws {
        let memory = try GuestMemory([range(0, 0x1000)])
        #expect(throws: GuestMemoryError.misaligned(GuestAddress(1), count: 2)) {
            try memory.load(UInt16.self, at: GuestAddress(1))
        }
        #expect(throws: GuestMemoryError.misaligned(GuestAddress(4), count: 8)) {
            try memory.store(UInt64(1), at: GuestAddress(4))
        }
        #expect(try memory.load(UInt8.self, at: GuestAddress(1)) == 0)
    }

    @Test("sized accesses are little-endian, with every ordering")
    func orderings() throws {
        let memory = try GuestMemory([range(0, 0x1000)])
        for (offset, ordering) in zip(
            [0, 8, 16] as [UInt64], [.relaxed, .acquireRelease, .sequentiallyConsistent] as [MemoryOrdering])
        {
            let address = GuestAddress(offset)
            try memory.store(UInt64(0x0807_0605_0403_0201), at: address, ordering: ordering)
            #expect(try memory.copyOut(address, count: 8) == [1, 2, 3, 4, 5, 6, 7, 8])
            #expect(try memory.load(UInt8.self, at: address, ordering: ordering) == 1)
            #expect(try memory.load(UInt16.self, at: address, ordering: ordering) == 0x0201)
            #expect(try memory.load(UInt32.self, at: address, ordering: ordering) == 0x0403_0201)
            #expect(try memory.load(UInt64.self, at: address, ordering: ordering) == 0x0807_0605_0403_0201)
        }
        try memory.store(UInt8(0xaa), at: GuestAddress(1))
        try memory.store(UInt16(0xbbcc), at: GuestAddress(2))
        try memory.store(UInt32(0xdddd_eeff), at: GuestAddress(4))
        #expect(try memory.copyOut(GuestAddress(0), count: 8) == [1, 0xaa, 0xcc, 0xbb, 0xff, 0xee, 0xdd, 0xdd])
    }

    @Test("copies fill a caller's buffer, and fill sets exactly its bytes")
    func copiesAndFill() throws {
        let memory = try GuestMemory([range(0, 0x1000)])
        try memory.fill(GuestAddress(4), count: 4, with: 0x5a)
        var buffer = [UInt8](repeating: 1, count: 6)
        var span = buffer.mutableSpan
        var bytes = unsafe span.mutableBytes
        try memory.copyOut(GuestAddress(3), into: &bytes)
        #expect(buffer == [0, 0x5a, 0x5a, 0x5a, 0x5a, 0])
    }

    @Test("regions that overlap, or are not page-aligned, are refused; neighbours are not")
    func regions() throws {
        let low = try range(0, 0x2000)
        let inside = try range(0x1000, 0x1000)
        #expect(throws: GuestMemoryError.regionsOverlap(low, inside)) { try GuestMemory([inside, low]) }
        #expect(throws: GuestMemoryError.regionsOverlap(low, low)) { try GuestMemory([low, low]) }
        let oddSize = try range(0x1000, 0x800)
        #expect(throws: GuestMemoryError.misalignedRegion(oddSize)) { try GuestMemory([oddSize]) }
        let oddStart = try range(0x1800, 0x1000)
        #expect(throws: GuestMemoryError.misalignedRegion(oddStart)) { try GuestMemory([oddStart]) }
        let memory = try GuestMemory([range(0x2000, 0x1000), low])
        #expect(memory.regions.map(\.range) == [low, try range(0x2000, 0x1000)])
        #expect(memory.size == 0x3000)
    }

    @Test("an access across two regions is refused, also where they touch")
    func straddling() throws {
        let memory = try GuestMemory([range(0, 0x1000), range(0x1000, 0x1000)])
        #expect(throws: GuestMemoryError.outOfRange(GuestAddress(0xffe), count: 4)) {
            try memory.copyOut(GuestAddress(0xffe), count: 4)
        }
        #expect(!memory.contains(GuestAddress(0xffe), count: 4))
        #expect(memory.contains(GuestAddress(0xffe), count: 2))
    }

    @Test("a size that the host cannot map is an error with its errno")
    func tooLarge() throws {
        let huge = try range(0, 1 << 62)
        #expect(throws: GuestMemoryError.hostRefused(size: 1 << 62, errno: 12)) { try GuestMemory([huge]) }
        let huger = try range(0, 0xffff_ffff_ffff_f000)
        #expect(throws: GuestMemoryError.hostRefused(size: 0xffff_ffff_ffff_f000, errno: 12)) {
            try GuestMemory([huger])
        }
    }

    @Test("an inaccessible page lies before and behind each region", arguments: [0x1000, 0x40_0000] as [UInt64])
    func guardPages(size: UInt64) throws {
        let memory = try GuestMemory([range(0x1000, size)])
        var start: UInt = 0
        unsafe memory.forEachHostMapping { _, pointer in start = UInt(bitPattern: pointer) }
        let end = start + UInt(size)
        let maps = try HostMapping.ofThisProcess()
        #expect(maps.first { $0.contains(start - 1) }?.permissions == "---p")
        #expect(maps.first { $0.contains(start) }?.permissions == "rw-p")
        #expect(maps.first { $0.contains(end - 1) }?.permissions == "rw-p")
        #expect(maps.first { $0.contains(end) }?.permissions == "---p")
    }

    @Test("the mapping goes with the memory")
    func unmapped() throws {
        var start: UInt = 0
        do {
            let memory = try GuestMemory([range(0, 0x7001_2000)])
            unsafe memory.forEachHostMapping { _, pointer in start = UInt(bitPattern: pointer) }
        }
        #expect(
            try HostMapping.ofThisProcess().allSatisfy { !($0.contains(start) && $0.contains(start + 0x7001_1fff)) })
    }

    @Test("pages that nobody touched cost no host memory")
    func untouchedPages() throws {
        let size = 64 << 30 as UInt64
        let memory = try GuestMemory([range(0, size)])
        try memory.store(UInt8(1), at: GuestAddress(size - 1))
        var start: UInt = 0
        unsafe memory.forEachHostMapping { _, pointer in start = UInt(bitPattern: pointer) }
        #expect(HostMapping.residentPages(from: start, bytes: 1 << 30) == 0)
        #expect(HostMapping.residentPages(from: start + UInt(size) - 4096, bytes: 4096) == 1)
    }

    @Test("the observer hears of each host write, and of nothing else")
    func observer() throws {
        let memory = try GuestMemory([range(0, 0x1000)])
        let log = WriteLog()
        try memory.copyIn([1], to: GuestAddress(0))
        memory.setWriteObserver(log)
        try memory.copyIn([1, 2, 3], to: GuestAddress(1))
        try memory.fill(GuestAddress(0x10), count: 5, with: 0)
        try memory.store(UInt32(1), at: GuestAddress(0x20))
        try memory.copyIn([], to: GuestAddress(0x30))
        _ = try memory.copyOut(GuestAddress(0), count: 8)
        #expect(throws: GuestMemoryError.self) { try memory.copyIn([1], to: GuestAddress(0x1000)) }
        memory.setWriteObserver(nil)
        try memory.store(UInt32(1), at: GuestAddress(0x40))
        #expect(log.writes.values == ["0x1+3", "0x10+5", "0x20+4"])
    }
}

private final class WriteLog: GuestWriteObserver {
    let writes = Recorder<String>()
    func noteWrite(_ address: GuestAddress, count: UInt64) { writes.record("\(address)+\(count)") }
}
