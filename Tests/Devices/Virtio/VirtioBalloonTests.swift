import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Source: virtio 1.2 §5.5.
@Suite struct VirtioBalloonTests {
    typealias Fixture = VirtioFixture<VirtioBalloon>
    typealias Register = MockMMIODriver.Register
    private static let statistics: UInt64 = 1 << 1, deflateOnOOM: UInt64 = 1 << 2, reporting: UInt64 = 1 << 5
    /// Of memory that the tests give back.
    private static let page: UInt64 = Fixture.ram + 0xC_0000

    private func fixture(_ features: UInt64 = statistics | deflateOnOOM | reporting) throws -> Fixture {
        let range = try #require(GuestRange(start: GuestAddress(Fixture.ram), size: Fixture.ramSize))
        let memory = try GuestMemory([range])
        let fixture = try Fixture(VirtioBalloon(memory: memory, target: 0x1_2345_6000), memory: memory)
        fixture.start(features)
        for number in 0..<16 as Range<UInt64> {
            try memory.fill(GuestAddress(Self.page + number * 4096), count: 4096, with: UInt8(number + 1))
        }
        return fixture
    }

    /// The first byte of each page that is not as it was.
    private func cleared(_ fixture: Fixture) throws -> [Int] {
        try (0..<16).filter { number in
            try fixture.memory.load(UInt8.self, at: GuestAddress(Self.page + UInt64(number) * 4096)) == 0
        }
    }

    private func offerPages(_ numbers: [UInt64], queue: Int, _ fixture: Fixture) throws {
        let bytes = numbers.flatMap { UInt32(truncatingIfNeeded: $0).littleEndianBytes }
        try fixture.memory.copyIn(bytes, to: GuestAddress(Fixture.buffers))
        try fixture.queues[queue].offer([.readable(Fixture.buffers, UInt32(bytes.count))])
        fixture.driver.notify(UInt64(queue))
    }

    @Test("§5.5.1 to §5.5.4: device 5, its features, num_pages, and actual, which the driver writes")
    func identity() throws {
        let fixture = try fixture()
        #expect(fixture.driver.read(Register.deviceID) == 5)
        #expect(fixture.driver.offeredFeatures & 0xFF_FFFF == Self.statistics | Self.deflateOnOOM | Self.reporting)
        #expect(fixture.driver.read(Register.config) == 0x12_3456)
        #expect(fixture.driver.read(Register.config + 4) == 0)
        fixture.driver.write(77, Register.config + 4)
        fixture.driver.write(78, Register.config)
        #expect(fixture.driver.read(Register.config + 4) == 77)
        #expect(fixture.driver.read(Register.config) == 0x12_3456)
        #expect(fixture.driver.read(Register.config + 8) == 0)
    }

    @Test(
        "§5.5.6: another target is a new num_pages with a configuration interrupt; the same one is none; before DRIVER_OK it is just there"
    )
    func newTarget() throws {
        let fixture = try fixture()
        let generation = fixture.driver.read(Register.configGeneration)
        fixture.device.setTarget(0x1_2345_6000)
        #expect(fixture.driver.interruptStatus == 0)
        fixture.device.setTarget(1 << 20)
        #expect(fixture.driver.read(Register.config) == 256)
        #expect(fixture.driver.read(Register.configGeneration) != generation)
        #expect(fixture.driver.acknowledgeInterrupt() == 2)
        fixture.driver.write(77, Register.config + 4)
        #expect(fixture.device.actualSize == 77 * 4096)
        fixture.driver.write(0, Register.status)
        fixture.device.setTarget(.max)
        #expect(fixture.driver.interruptStatus == 0)
        fixture.start(0)
        #expect(fixture.driver.read(Register.config) == 0xFFFF_FFFF)
        #expect(fixture.device.actualSize == 0)
    }

    @Test("§5.5.6: pages of the inflate queue are given back, in units of 4 KiB; what is no RAM is left alone")
    func inflate() throws {
        let fixture = try fixture()
        let first = Self.page >> 12
        try offerPages([first + 1, first + 2, first + 5, 0, 0xFFFF_FFFF, first + 4, first + 3], queue: 0, fixture)
        #expect(try fixture.queues[0].takeUsed() ?? (9, 9) == (0, 0))
        #expect(fixture.driver.acknowledgeInterrupt() == 1)
        #expect(try cleared(fixture) == [1, 2, 3, 4, 5])
        // They can be used again.
        try fixture.memory.fill(GuestAddress(Self.page + 4096), count: 4096, with: 9)
        try offerPages([first + 1], queue: 1, fixture)
        #expect(try fixture.queues[1].takeUsed() != nil)
        #expect(try cleared(fixture) == [2, 3, 4, 5])
        #expect(fixture.device.counters.first { $0.name == "inflatedPages" }?.value == 7)
        #expect(fixture.device.counters.first { $0.name == "deflatedPages" }?.value == 1)
    }

    @Test("§5.5.6.7: reported pages are given back, whole ones only", arguments: [3, 4])
    func report(queue: Int) throws {
        let fixture = try fixture()
        try fixture.queues[queue].offer([
            .writable(Self.page + 0x1800, 0x2000), .writable(Self.page + 0x5000, 0x3000),
            .writable(Self.page + 0x9000, 0xFFF),
        ])
        fixture.driver.notify(UInt64(queue))
        #expect(try fixture.queues[queue].takeUsed() ?? (9, 9) == (0, 0))
        #expect(try cleared(fixture) == [2, 5, 6, 7])
        #expect(fixture.device.counters.first { $0.name == "reportedBytes" }?.value == 0x5FFF)
    }

    @Test("without statistics, Linux's reporting queue is the third; without reporting, nothing is discarded")
    func withoutFeatures() throws {
        let reporting = try fixture(Self.reporting)
        try reporting.queues[2].offer([.writable(Self.page, 4096)])
        reporting.driver.notify(2)
        #expect(try cleared(reporting) == [0])
        let none = try fixture(0)
        try none.queues[3].offer([.writable(Self.page, 4096)])
        none.driver.notify(3)
        #expect(try none.queues[3].takeUsed() == nil)
        #expect(try cleared(none) == [])
    }

    @Test("a write of the host to what was given back is told, so that code decoded there is dropped")
    func observed() throws {
        final class Observer: GuestWriteObserver {
            let seen = Recorder<UInt64>()
            func noteWrite(_ address: GuestAddress, count: UInt64) {
                if count >= 4096 { seen.record(address.rawValue) }
            }
        }
        let fixture = try fixture()
        let observer = Observer()
        fixture.memory.setWriteObserver(observer)
        try offerPages([Self.page >> 12], queue: 0, fixture)
        #expect(observer.seen.values == [Self.page])
    }

    @Test("§5.5.6.3: statistics are kept with their tags, and the buffer comes back when others are wanted")
    func memoryStatistics() throws {
        let fixture = try fixture()
        let told = [(4, 1000), (5, 5000), (0xFFFF, 1), (0, 3)] as [(UInt16, UInt64)]
        // The last entry is cut.
        var bytes = told.flatMap { tag, value in tag.littleEndianBytes + value.littleEndianBytes }
        bytes += [1, 0, 9]
        try fixture.memory.copyIn(bytes, to: GuestAddress(Fixture.buffers))
        try fixture.queues[2].offer([.readable(Fixture.buffers, UInt32(bytes.count))])
        fixture.driver.notify(2)
        // The device keeps it until then.
        #expect(try fixture.queues[2].takeUsed() == nil)
        let counters = fixture.device.counters
        for (name, value) in [
            ("guest.freeBytes", 1000), ("guest.totalBytes", 5000), ("guest.swapIn", 3), ("guest.swapOut", 0),
        ] as [(String, UInt64)] {
            #expect(counters.first { $0.name == name }?.value == value)
        }
        #expect(try fixture.queues[2].takeUsed() != nil)
        #expect(fixture.driver.acknowledgeInterrupt() == 1)
        // Only once.
        _ = fixture.device.counters
        #expect(try fixture.queues[2].takeUsed() == nil)
    }

    @Test("a buffer of the wrong direction is a fault", arguments: 0...4 as ClosedRange<Int>)
    func direction(queue: Int) throws {
        let fixture = try fixture()
        try fixture.queues[queue].offer([
            queue < 3 ? .writable(Self.page, 4096) : .readable(Self.page, 4096)
        ])
        fixture.driver.notify(UInt64(queue))
        fixture.expectRefusal()
        #expect(try cleared(fixture) == [])
    }

    @Test("§2.1: a reset takes statistics' buffer back, and starts anew")
    func reset() throws {
        let fixture = try fixture()
        try fixture.queues[2].offer([.readable(Fixture.buffers, 10)])
        fixture.driver.notify(2)
        fixture.driver.write(77, Register.config + 4)
        fixture.driver.write(0, Register.status)
        #expect(fixture.driver.status == 0)
        #expect(fixture.driver.read(Register.config + 4) == 0)
        _ = fixture.device.counters
        #expect(!fixture.line.isAsserted)
    }
}
