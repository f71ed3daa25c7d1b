import Testing
import VMMCore
import VMMTestSupport

@Suite struct MovableMMIOBusTests {
    private final class Register: MMIODevice {
        let windowSize: UInt64
        init(_ size: UInt64) { windowSize = size }
        func read(at offset: UInt64, width: AccessWidth) -> UInt64 { windowSize << 32 | offset }
        func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {}
    }

    @Test("nothing is anywhere until it is placed; the first of several at one address answers")
    func places() {
        let bus = MovableMMIOBus([Register(0x100), Register(0x200)])
        #expect(bus.read(0, .word) == nil)
        bus.place(1, at: 0x1000)
        #expect(bus.read(0x11FC, .word) == 0x200_0000_01FC)
        bus.place(0, at: 0x1080)
        #expect(bus.read(0x1080, .word) == 0x100_0000_0000)
        #expect(bus.read(0x107E, .word) == 0x200_0000_007E)
        bus.place(0, at: nil)
        #expect(bus.read(0x1080, .word) == 0x200_0000_0080)
        #expect(!bus.write(0, at: 0x11FD, .word) && bus.write(0, at: 0x11FC, .word))
    }

    @Test("the ends of the address space: 0 is a place, a range that would wrap is none")
    func ends() {
        let bus = MovableMMIOBus([Register(0x100)])
        bus.place(0, at: 0)
        #expect(bus.read(0, .doubleword) == 0x100_0000_0000)
        #expect(bus.read(.max, .byte) == nil)
        for start: UInt64 in [.max, .max - 0xFF] {
            bus.place(0, at: start)
            #expect(bus.read(start, .byte) == nil && bus.read(0, .byte) == nil)
        }
        let last = UInt64.max - 0x100
        bus.place(0, at: last)
        #expect(bus.read(last + 0xFF, .byte) == 0x100_0000_00FF)
        #expect(bus.read(last + 0xFF, .halfword) == nil)
    }
}
