import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Who is told of what: suppression of interrupts and of notifications.
@Suite struct NotificationTests {
    typealias Fixture = VirtioFixture<ScriptedDevice>

    private func started(_ features: UInt64) throws -> Fixture {
        let fixture = try Fixture(ScriptedDevice())
        fixture.start(features)
        return fixture
    }

    private func serve(_ fixture: Fixture, _ count: Int = 1) throws -> Bool {
        let queue = try fixture.device.queue(0)
        for _ in 0..<count {
            try fixture.queues[0].offer([.readable(Fixture.buffers, 1)])
            #expect(queue.nextKind() == .chain)
        }
        return queue.takeInterruptDecision()
    }

    @Test("§2.7.7.2: without event index, an interrupt unless the driver set NO_INTERRUPT; one for a batch")
    func flag() throws {
        let fixture = try started(0)
        #expect(try serve(fixture, 3))
        #expect(try !fixture.device.queue(0).takeInterruptDecision())
        try fixture.queues[0].setNoInterrupt(true)
        #expect(try !serve(fixture))
        try fixture.queues[0].setNoInterrupt(false)
        #expect(try !fixture.device.queue(0).takeInterruptDecision())
        #expect(try serve(fixture))
    }

    @Test("§2.7.7.2: without event index, used_event means nothing; with it, NO_INTERRUPT means nothing")
    func ignored() throws {
        let plain = try started(0)
        try plain.queues[0].setUsedEvent(1000)
        #expect(try serve(plain))
        let events = try started(MockMMIODriver.eventIndex)
        try events.queues[0].setNoInterrupt(true)
        #expect(try serve(events))
    }

    @Test("§2.7.7.2: with event index, an interrupt when entry used_event is written, and not before or after")
    func event() throws {
        let fixture = try started(MockMMIODriver.eventIndex)
        try fixture.queues[0].setUsedEvent(2)
        #expect(try !serve(fixture))
        #expect(try !serve(fixture))
        #expect(try serve(fixture))
        #expect(try !serve(fixture))
        // A batch of 4 up to entry 7 that passes entry 5.
        try fixture.queues[0].setUsedEvent(5)
        #expect(try serve(fixture, 4))
        try fixture.queues[0].setUsedEvent(7)
        #expect(try !serve(fixture, 4))
    }

    @Test("§2.7.7.2: the same where the index goes past 2^16")
    func eventWrap() throws {
        let fixture = try started(MockMMIODriver.eventIndex)
        for _ in 0..<0x1FFF { _ = try serve(fixture, 8) }
        #expect(try fixture.queues[0].usedIndex == 0xFFF8)
        try fixture.queues[0].setUsedEvent(0xFFFF)
        #expect(try !serve(fixture, 7))
        #expect(try serve(fixture, 1))
        #expect(try fixture.queues[0].usedIndex == 0)
        try fixture.queues[0].setUsedEvent(3)
        #expect(try serve(fixture, 8))
    }

    @Test("§2.7.10.2: without event index the device sets and clears NO_NOTIFY, and sees what came in between")
    func noNotify() throws {
        let fixture = try started(0)
        let queue = try fixture.device.queue(0)
        queue.suspendNotifications()
        #expect(try fixture.queues[0].noNotify)
        #expect(!queue.resumeNotifications())
        #expect(try !fixture.queues[0].noNotify)
        queue.suspendNotifications()
        try fixture.queues[0].offer([.readable(Fixture.buffers, 1)])
        #expect(queue.resumeNotifications())
    }

    @Test("§2.7.10.2: with event index the flags stay 0, and avail_event is the next entry to come")
    func availableEvent() throws {
        let fixture = try started(MockMMIODriver.eventIndex)
        let queue = try fixture.device.queue(0)
        for _ in 0..<3 {
            try fixture.queues[0].offer([.readable(Fixture.buffers, 1)])
            #expect(queue.nextKind() == .chain)
        }
        queue.suspendNotifications()
        #expect(try !fixture.queues[0].noNotify)
        #expect(try fixture.queues[0].availableEvent == 0)
        #expect(!queue.resumeNotifications())
        #expect(try fixture.queues[0].availableEvent == 3)
        try fixture.queues[0].offer([.readable(Fixture.buffers, 1)])
        #expect(queue.resumeNotifications())
    }

    @Test("an index that jumps while notifications are off is met by the next look at the ring")
    func faultOnResume() throws {
        let fixture = try started(0)
        let queue = try fixture.device.queue(0)
        fixture.queues[0].availableIndex = 100
        try fixture.queues[0].publish()
        #expect(queue.resumeNotifications())
        #expect(queue.nextKind() == .malformed(.availableIndexJump(from: 0, to: 100)))
    }
}
