import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Source: virtio 1.2 §5.19.
@Suite struct VirtioPersistentMemoryTests {
    typealias Fixture = VirtioFixture<VirtioPersistentMemory>
    typealias Register = MockMMIODriver.Register

    private let store = ScriptedStore()
    private let work = HeldWork()
    private static let answers: UInt64 = Fixture.buffers + 0x100

    private func fixture() throws -> Fixture {
        let range = try #require(GuestRange(start: GuestAddress(0x1_8000_0000), size: 0x1_2340_0000))
        let fixture = try Fixture(VirtioPersistentMemory(store, at: range, work: work))
        fixture.start()
        return fixture
    }

    /// Offers a request of a type; its answer is at `answers` plus 4 times `number`.
    private func offer(_ number: UInt64, type: UInt32 = 0, _ fixture: Fixture) throws {
        try fixture.memory.store(type, at: GuestAddress(Fixture.buffers + number * 4))
        try fixture.memory.store(0x5555_5555 as UInt32, at: GuestAddress(Self.answers + number * 4))
        try fixture.queues[0].offer([
            .readable(Fixture.buffers + number * 4, 4), .writable(Self.answers + number * 4, 4),
        ])
        fixture.driver.notify(0)
    }

    private func answer(_ number: UInt64, _ fixture: Fixture) throws -> UInt32 {
        try fixture.memory.load(UInt32.self, at: GuestAddress(Self.answers + number * 4))
    }

    @Test("§5.19.1 to §5.19.5.1: device 27, one queue, start and size of the memory")
    func identity() throws {
        let fixture = try fixture()
        #expect(fixture.driver.read(Register.deviceID) == 27)
        #expect(fixture.driver.offeredFeatures & 0xFF_FFFF == 0)
        #expect((0..<5).map { fixture.driver.read(Register.config + $0 * 4) } == [0x8000_0000, 1, 0x2340_0000, 1, 0])
        fixture.driver.write(1, Register.queueSel)
        #expect(fixture.driver.read(Register.queueNumMax) == 0)
    }

    @Test("§5.19.7.1: a flush is answered when the store has been flushed, not before; 0 is success")
    func flush() throws {
        let fixture = try fixture()
        work.keep()
        try offer(0, fixture)
        #expect(try fixture.queues[0].takeUsed() == nil)
        #expect(store.flushes == 0)
        work.perform()
        #expect(store.flushes == 1)
        #expect(try fixture.queues[0].takeUsed()?.length == 4)
        #expect(try answer(0, fixture) == 0)
        #expect(fixture.driver.acknowledgeInterrupt() == 1)
    }

    @Test("§5.19.7.2.1: -1 for a flush that the host could not do, and for a request of another type")
    func failure() throws {
        let fixture = try fixture()
        store.fail()
        try offer(0, fixture)
        try offer(1, type: 1, fixture)
        #expect(try answer(0, fixture) == 0xFFFF_FFFF)
        #expect(try answer(1, fixture) == 0xFFFF_FFFF)
        #expect(store.flushes == 1)
        store.fail(false)
        try offer(2, fixture)
        #expect(try answer(2, fixture) == 0)
    }

    @Test("requests that come before a flush begins share it; those that come while it runs get the next one")
    func sharing() throws {
        let fixture = try fixture()
        work.keep()
        for number in 0..<3 as Range<UInt64> { try offer(number, fixture) }
        #expect(work.heldCount == 1)
        work.perform()
        #expect(store.flushes == 1)
        for number in 0..<3 as Range<UInt64> { #expect(try answer(number, fixture) == 0) }
        try offer(3, fixture)
        work.perform()
        #expect(store.flushes == 2)
        #expect(try answer(3, fixture) == 0)
    }

    @Test("a request that comes while a flush runs waits for one of its own")
    func lateRequest() throws {
        let fixture = try fixture()
        work.keep()
        try offer(0, fixture)
        try fixture.queues[0].offer([.readable(Fixture.buffers, 4), .writable(Self.answers + 4, 4)])
        let driver = fixture.driver
        store.duringFlush { driver.notify(0) }
        work.perform()
        #expect(store.flushes == 1)
        #expect(try fixture.queues[0].takeUsed() != nil)
        #expect(try fixture.queues[0].takeUsed() == nil)
        work.perform()
        #expect(store.flushes == 2)
        #expect(try fixture.queues[0].takeUsed() != nil)
    }

    @Test("§5.19.6: a request without room for its type or its answer is a fault", arguments: [(3, 4), (4, 3)])
    func short(readable: UInt32, writable: UInt32) throws {
        let fixture = try fixture()
        try fixture.queues[0].offer([.readable(Fixture.buffers, readable), .writable(Self.answers, writable)])
        fixture.driver.notify(0)
        fixture.expectRefusal()
        #expect(store.flushes == 0)
    }

    @Test("§2.4.1: a reset forgets requests that wait; the next driver's are served")
    func reset() throws {
        let fixture = try fixture()
        work.keep()
        try offer(0, fixture)
        fixture.driver.write(0, Register.status)
        #expect(work.perform() == 0)
        #expect(try answer(0, fixture) == 0x5555_5555)
        #expect(store.flushes == 0)
    }
}
