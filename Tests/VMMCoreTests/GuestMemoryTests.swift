import Testing
import VMMCore

@Suite struct GuestMemoryTests {
    @Test("an access may end exactly at the end of RAM, and not one byte later")
    func endOfRAM() throws {
        let ram = try #require(GuestRange(start: GuestAddress(0x1000), size: 0x2000))
        let memory = try GuestMemory([ram])
        try memory.copyIn([1, 2, 3, 4], to: GuestAddress(0x2ffc))
        #expect(try memory.copyOut(GuestAddress(0x2ffc), count: 4) == [1, 2, 3, 4])
        #expect(throws: GuestMemoryError.outOfRange(GuestAddress(0x2ffd), count: 4)) {
            try memory.copyIn([1, 2, 3, 4], to: GuestAddress(0x2ffd))
        }
    }
}
