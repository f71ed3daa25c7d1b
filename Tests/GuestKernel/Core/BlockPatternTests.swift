import KernelCore
import Testing

@Suite struct BlockPatternTests {
    @Test("a pattern's words count on over the disk, and differ at another sector")
    func pattern() throws {
        let memory = try #require(HostWindow(start: 0, size: 8192))
        let storage = memory.storage(at: 0, count: 8192)
        let pattern = BlockPattern(0x1234)
        pattern.fill(storage, count: 1024, sector: 8)
        #expect(storage.loadWord(0) == 0x1234 + 8 * 64)
        #expect(storage.loadWord(1016) == 0x1234 + 8 * 64 + 127)
        #expect(pattern.difference(storage, count: 1024, sector: 8) == nil)
        let difference = try #require(pattern.difference(storage, count: 1024, sector: 9))
        #expect(difference.offset == 0 && difference.found == 0x1234 + 512 && difference.expected == 0x1234 + 576)
        storage[777] = storage[777] ^ 1
        #expect(pattern.difference(storage, count: 1024, sector: 8)?.offset == 776)
        // At the end of what numbers there are.
        BlockPattern(.max).fill(storage, count: 512, sector: .max)
        #expect(BlockPattern(.max).difference(storage, count: 512, sector: .max) == nil)
    }

    @Test("a dump: lines of 16, equal ones in a row once, the last always")
    func dump() throws {
        let memory = try #require(HostWindow(start: 0, size: 4096))
        let storage = memory.storage(at: 0, count: 70)
        for index in 0..<16 { storage[index] = UInt8(0x3A + index * 8 & 0xFF) }
        let output = TextBuffer(capacity: 1000)
        output.write(dump: storage, count: 70, origin: 0x200)
        #expect(
            String(decoding: output.bytes, as: UTF8.self) == """
                00000200  3a 42 4a 52 5a 62 6a 72  7a 82 8a 92 9a a2 aa b2  |:BJRZbjrz.......|\r
                00000210  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\r
                *\r
                00000240  00 00 00 00 00 00                                 |......|\r

                """)
    }
}
