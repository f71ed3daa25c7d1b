import Testing
import VMMCore
import VMMTestSupport

@Suite struct MMIOBusTests {
    private func range(_ start: UInt64, _ size: UInt64) throws -> GuestRange {
        try #require(GuestRange(start: GuestAddress(start), size: size))
    }

    @Test("an access reaches the device whose window holds it, with the offset into the window")
    func lookUp() throws {
        // More than one level of the search, with gaps, inserted out of order.
        let devices = (0..<9).map { FakeMMIODevice(windowSize: 0x100, answer: UInt64($0) << 32) }
        var builder = MMIOBus.Builder()
        for index in [4, 0, 8, 2, 6, 1, 7, 3, 5] {
            try builder.insert(devices[index], at: GuestAddress(0x1000 + UInt64(index) * 0x200))
        }
        let bus = builder.build()
        for index in 0..<9 {
            let start = 0x1000 + UInt64(index) * 0x200
            #expect(bus.read(GuestAddress(start), .doubleword) == UInt64(index) << 32)
            #expect(bus.read(GuestAddress(start + 0xf8), .doubleword) == UInt64(index) << 32 | 0xf8)
            #expect(bus.read(GuestAddress(start - 1), .byte) == nil)
            #expect(bus.read(GuestAddress(start + 0x100), .byte) == nil)
            #expect(bus.write(5, at: GuestAddress(start + 4), .word))
            #expect(devices[index].writes.values == ["4:4:5"])
        }
        #expect(bus.entries.map(\.range.start.rawValue) == (0..<9).map { 0x1000 + $0 * 0x200 })
        #expect(bus.entries.allSatisfy { $0.device == "FakeMMIODevice" })
    }

    @Test("an empty bus answers nothing")
    func empty() {
        let bus = MMIOBus.Builder().build()
        #expect(bus.read(GuestAddress(0), .byte) == nil)
        #expect(!bus.write(0, at: GuestAddress(.max), .doubleword))
        #expect(bus.entries.isEmpty)
    }

    @Test("an access that straddles the end of a window is nobody's, also when a neighbour follows")
    func straddling() throws {
        let device = FakeMMIODevice(windowSize: 6, answer: 0)
        let neighbour = FakeMMIODevice(windowSize: 0x10, answer: 0)
        var builder = MMIOBus.Builder()
        try builder.insert(device, at: GuestAddress(0x1000))
        try builder.insert(neighbour, at: GuestAddress(0x1006))
        let bus = builder.build()
        #expect(bus.read(GuestAddress(0x1002), .word) == 2)
        #expect(bus.read(GuestAddress(0x1003), .word) == nil)
        #expect(bus.read(GuestAddress(0x1000), .doubleword) == nil)
        #expect(!bus.write(1, at: GuestAddress(0x1005), .halfword))
        #expect(bus.write(1, at: GuestAddress(0x1005), .byte))
        #expect(device.writes.values == ["5:1:1"])
        #expect(neighbour.writes.values == [])
    }

    @Test("accesses at the ends of the address space do not trap")
    func endsOfAddressSpace() throws {
        let device = FakeMMIODevice(windowSize: 8, answer: 0)
        var builder = MMIOBus.Builder()
        try builder.insert(device, at: GuestAddress(.max - 8))
        let bus = builder.build()
        #expect(bus.read(GuestAddress(.max - 8), .doubleword) == 0)
        #expect(bus.read(GuestAddress(.max - 1), .byte) == 7)
        #expect(bus.read(GuestAddress(.max - 1), .halfword) == nil)
        #expect(bus.read(GuestAddress(.max), .byte) == nil)
        #expect(bus.read(GuestAddress(.max), .doubleword) == nil)
        #expect(bus.read(GuestAddress(0), .byte) == nil)
    }

    @Test("bits above the access's width reach neither device nor guest")
    func upperBits() throws {
        let device = FakeMMIODevice(windowSize: 8, answer: .max)
        var builder = MMIOBus.Builder()
        try builder.insert(device, at: GuestAddress(0))
        let bus = builder.build()
        #expect(bus.read(GuestAddress(0), .byte) == 0xff)
        #expect(bus.read(GuestAddress(0), .word) == 0xffff_ffff)
        #expect(bus.write(.max, at: GuestAddress(0), .halfword))
        #expect(device.writes.values == ["0:2:65535"])
    }

    @Test(
        "an overlap is refused, names both ranges and changes nothing", arguments: [0x0f01, 0x1000, 0x10ff] as [UInt64])
    func overlap(start: UInt64) throws {
        var builder = MMIOBus.Builder()
        try builder.insert(FakeMMIODevice(windowSize: 0x100, answer: 0), at: GuestAddress(0x1000))
        let new = try range(start, 0x100)
        let existing = try range(0x1000, 0x100)
        #expect(throws: MMIOBusError.overlap(new: new, existing: existing)) {
            try builder.insert(FakeMMIODevice(windowSize: 0x100, answer: 0), at: GuestAddress(start))
        }
        #expect(builder.build().entries.map(\.range) == [existing])
    }

    @Test("a window that swallows another one is an overlap; one that touches it is not")
    func neighbours() throws {
        var builder = MMIOBus.Builder()
        try builder.insert(FakeMMIODevice(windowSize: 0x100, answer: 0), at: GuestAddress(0x1000))
        #expect(throws: MMIOBusError.self) {
            try builder.insert(FakeMMIODevice(windowSize: 0x10000, answer: 0), at: GuestAddress(0))
        }
        try builder.insert(FakeMMIODevice(windowSize: 0x1000, answer: 0), at: GuestAddress(0))
        try builder.insert(FakeMMIODevice(windowSize: 1, answer: 0), at: GuestAddress(0x1100))
        #expect(builder.build().entries.count == 3)
    }

    @Test("a window of no bytes, or past the end of the address space, is refused")
    func badWindows() {
        var builder = MMIOBus.Builder()
        #expect(throws: MMIOBusError.emptyWindow(at: GuestAddress(0x1000))) {
            try builder.insert(FakeMMIODevice(windowSize: 0, answer: 0), at: GuestAddress(0x1000))
        }
        #expect(throws: MMIOBusError.pastEndOfAddressSpace(at: GuestAddress(.max - 3), size: 8)) {
            try builder.insert(FakeMMIODevice(windowSize: 8, answer: 0), at: GuestAddress(.max - 3))
        }
        #expect(throws: MMIOBusError.pastEndOfAddressSpace(at: GuestAddress(1), size: .max)) {
            try builder.insert(FakeMMIODevice(windowSize: .max, answer: 0), at: GuestAddress(1))
        }
    }

    @Test("the bus keeps its devices alive, and lets them go with itself")
    func lifetime() throws {
        weak var weakDevice: FakeMMIODevice?
        var bus: MMIOBus?
        do {
            let device = FakeMMIODevice(windowSize: 8, answer: 0)
            weakDevice = device
            var builder = MMIOBus.Builder()
            try builder.insert(device, at: GuestAddress(0))
            bus = builder.build()
        }
        #expect(bus?.read(GuestAddress(3), .byte) == 3)
        #expect(weakDevice != nil)
        bus = nil
        #expect(weakDevice == nil)
    }
}

private final class FakeMMIODevice: MMIODevice {
    let windowSize: UInt64
    private let answer: UInt64
    let writes = Recorder<String>()

    init(windowSize: UInt64, answer: UInt64) {
        self.windowSize = windowSize
        self.answer = answer
    }

    func read(at offset: UInt64, width: AccessWidth) -> UInt64 { answer | offset }
    func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        writes.record("\(offset):\(width.bytes):\(value)")
    }
}
