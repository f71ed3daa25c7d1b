import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Source: virtio 1.2 §5.4.
@Suite struct VirtioEntropyTests {
    typealias Fixture = VirtioFixture<VirtioEntropy>
    typealias Register = MockMMIODriver.Register

    private let source = CountingEntropy()

    private func fixture() throws -> Fixture {
        let fixture = try Fixture(VirtioEntropy(source: source))
        fixture.start()
        return fixture
    }

    @Test("§5.4.1, §5.4.4: device 4, one queue, no features of its own, no configuration space")
    func identity() throws {
        let fixture = try fixture()
        #expect(fixture.driver.read(Register.deviceID) == 4)
        #expect(fixture.driver.offeredFeatures & 0xFF_FFFF == 0)
        #expect(fixture.driver.read(Register.config) == 0)
        fixture.driver.write(1, Register.queueSel)
        #expect(fixture.driver.read(Register.queueNumMax) == 0)
    }

    @Test("§5.4.6: a buffer is filled from the source, and comes back with an interrupt")
    func fill() throws {
        let fixture = try fixture()
        try fixture.queues[0].offer([.writable(Fixture.buffers, 3), .writable(Fixture.buffers + 0x10, 5)])
        fixture.driver.notify(0)
        #expect(fixture.driver.acknowledgeInterrupt() == 1)
        #expect(try fixture.queues[0].takeUsed() ?? (9, 9) == (0, 8))
        #expect(try fixture.memory.copyOut(GuestAddress(Fixture.buffers), count: 4) == [1, 2, 3, 0])
        #expect(try fixture.memory.copyOut(GuestAddress(Fixture.buffers + 0x10), count: 6) == [4, 5, 6, 7, 8, 0])
    }

    @Test("§5.4.6.2: at least one byte, and not more than the limit, whatever is asked for")
    func limit() throws {
        let fixture = try fixture()
        try fixture.queues[0].offer([.writable(Fixture.buffers, 0x8_0000)])
        try fixture.queues[0].offer([.writable(Fixture.buffers, 1)])
        fixture.driver.notify(0)
        #expect(try fixture.queues[0].takeUsed()?.length == 4096)
        #expect(try fixture.queues[0].takeUsed()?.length == 1)
        #expect(source.drawn == 4097)
    }

    @Test("§5.4.6.1: a device-readable buffer is a fault")
    func readable() throws {
        let fixture = try fixture()
        try fixture.queues[0].offer([.readable(Fixture.buffers, 8)])
        fixture.driver.notify(0)
        fixture.expectRefusal()
        #expect(source.drawn == 0)
    }

    @Test("the same source gives the same bytes: runs can be repeated")
    func repeatable() throws {
        let first = try fixture()
        let second = try Fixture(VirtioEntropy(source: CountingEntropy()))
        second.start()
        for fixture in [first, second] {
            try fixture.queues[0].offer([.writable(Fixture.buffers, 64)])
            fixture.driver.notify(0)
        }
        #expect(
            try first.memory.copyOut(GuestAddress(Fixture.buffers), count: 64)
                == second.memory.copyOut(GuestAddress(Fixture.buffers), count: 64))
    }
}
