import Testing
import VMMCore
import VMMTestSupport

@Suite struct GuestWindowTests {
    private func memory() throws -> GuestMemory {
        try GuestMemory([#require(GuestRange(start: GuestAddress(0x1000), size: 0x2000))])
    }

    @Test("a window may end exactly at the end of RAM, and not a byte behind it")
    func bounds() throws {
        let memory = try memory()
        #expect(memory.window(at: GuestAddress(0x2FF0), size: 16) != nil)
        #expect(memory.window(at: GuestAddress(0x2FF0), size: 17) == nil)
        #expect(memory.window(at: GuestAddress(0xFFF), size: 1) == nil)
        #expect(memory.window(at: GuestAddress(.max), size: 2) == nil)
        #expect(memory.window(at: GuestAddress(0x1000), size: 0) == nil)
        #expect(memory.window(at: GuestAddress(0x1000), size: -1) == nil)
    }

    @Test("sized accesses are little-endian and at the offset")
    func accesses() throws {
        let memory = try memory()
        let window = try #require(memory.window(at: GuestAddress(0x1008), size: 32))
        window.storeHalfword(0x0201, at: 0)
        window.storeWord(0x0605_0403, at: 4)
        window.storeDoubleword(0x0F0E_0D0C_0B0A_0908, at: 8)
        let bytes = try memory.copyOut(GuestAddress(0x1008), count: 16)
        #expect(bytes == [1, 2, 0, 0, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15])
        #expect(window.loadHalfword(at: 0) == 0x0201)
        #expect(window.loadWord(at: 4) == 0x0605_0403)
        #expect(window.loadDoubleword(at: 8) == 0x0F0E_0D0C_0B0A_0908)
    }

    @Test("both observers hear of each store: the dirty log, and who keeps decoded code")
    func observers() throws {
        let memory = try memory()
        let window = try #require(memory.window(at: GuestAddress(0x1100), size: 16))
        let code = Log()
        let dirty = Log()
        memory.installCodeObserver(code)
        window.storeHalfword(1, at: 2)
        memory.setWriteObserver(dirty)
        window.storeWord(1, at: 4)
        try memory.copyIn([1], to: GuestAddress(0x1000))
        memory.setWriteObserver(nil)
        window.storeDoubleword(1, at: 8)
        #expect(code.writes.values == ["0x1102+2", "0x1104+4", "0x1000+1", "0x1108+8"])
        #expect(dirty.writes.values == ["0x1104+4", "0x1000+1"])
    }
}

private final class Log: GuestWriteObserver {
    let writes = Recorder<String>()
    func noteWrite(_ address: GuestAddress, count: UInt64) { writes.record("\(address)+\(count)") }
}
