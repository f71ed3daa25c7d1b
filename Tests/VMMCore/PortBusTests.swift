import Testing
import VMMCore
import VMMTestSupport

@Suite struct PortBusTests {
    @Test("the device at the first port answers the whole access, also one wider than its range")
    func firstPort() throws {
        let console = FakePortDevice(portCount: 1)
        let uart = FakePortDevice(portCount: 8)
        var builder = PortBus.Builder()
        try builder.insert(uart, at: 0x3f8)
        try builder.insert(console, at: 0x220)
        let bus = builder.build()
        #expect(bus.read(0x220, .word) == 0x400)
        #expect(bus.read(0x220, .halfword) == 0x200)
        #expect(bus.read(0x220, .byte) == 0)
        #expect(bus.read(0x221, .byte) == nil)
        #expect(bus.read(0x21f, .halfword) == nil)
        #expect(bus.read(0x3ff, .word) == 0x407)
        #expect(bus.write(0xffff_ffff, at: 0x3fa, .byte))
        #expect(uart.writes.values == ["2:1:255"])
        #expect(!bus.write(1, at: 0x400, .byte))
        #expect(
            bus.entries.map { "\($0.range) \($0.device)" } == [
                "[0x220, 0x220] FakePortDevice", "[0x3f8, 0x3ff] FakePortDevice",
            ])
    }

    @Test("a port access is at most 4 bytes wide")
    func doubleword() throws {
        let device = FakePortDevice(portCount: 8)
        var builder = PortBus.Builder()
        try builder.insert(device, at: 0x100)
        let bus = builder.build()
        #expect(bus.read(0x100, .doubleword) == nil)
        #expect(!bus.write(1, at: 0x100, .doubleword))
        #expect(device.writes.values == [])
    }

    @Test("the last port can be used, and no range goes past it")
    func lastPort() throws {
        var builder = PortBus.Builder()
        #expect(throws: PortBusError.pastLastPort(at: 0xffff, count: 2)) {
            try builder.insert(FakePortDevice(portCount: 2), at: 0xffff)
        }
        #expect(throws: PortBusError.noPorts(at: 0x80)) { try builder.insert(FakePortDevice(portCount: 0), at: 0x80) }
        try builder.insert(FakePortDevice(portCount: 2), at: 0xfffe)
        #expect(builder.build().read(0xffff, .word) == 0x401)
    }

    @Test("an overlap is refused and names both ranges")
    func overlap() throws {
        var builder = PortBus.Builder()
        try builder.insert(FakePortDevice(portCount: 8), at: 0x3f8)
        for port in [0x3f1, 0x3f8, 0x3ff] as [UInt16] {
            let new = try #require(PortRange(first: port, count: 8))
            let existing = try #require(PortRange(first: 0x3f8, count: 8))
            #expect(throws: PortBusError.overlap(new: new, existing: existing)) {
                try builder.insert(FakePortDevice(portCount: 8), at: port)
            }
        }
        try builder.insert(FakePortDevice(portCount: 8), at: 0x3f0)
        try builder.insert(FakePortDevice(portCount: 8), at: 0x400)
        #expect(builder.build().entries.count == 3)
    }
}

/// Reads give the access's width and the offset.
private final class FakePortDevice: PortDevice {
    let portCount: UInt16
    let writes = Recorder<String>()

    init(portCount: UInt16) { self.portCount = portCount }

    func read(at offset: UInt16, width: AccessWidth) -> UInt32 {
        UInt32(width.bytes) << 8 | UInt32(offset)
    }
    func write(_ value: UInt32, at offset: UInt16, width: AccessWidth) {
        writes.record("\(offset):\(width.bytes):\(value)")
    }
}
