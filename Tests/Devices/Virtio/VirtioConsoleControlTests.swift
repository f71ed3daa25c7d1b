import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// A multiport driver's control messages. Source: virtio 1.2 §5.3.6.2.
@Suite struct VirtioConsoleControlTests {
    typealias Fixture = VirtioFixture<VirtioConsole>
    private static let multiport: UInt64 = 2
    private static let incoming = 2
    private static let outgoing = 3

    private let channel = LoopbackChannel()

    private func fixture(size: ConsoleSize? = nil) throws -> Fixture {
        let fixture = try Fixture(VirtioConsole(channel: channel, size: size), queueSize: 16)
        fixture.start(Self.multiport)
        for index: UInt64 in 0..<8 {
            try fixture.queues[Self.incoming].offer([.writable(Fixture.buffers + index * 16, 16)])
        }
        try fixture.queues[0].offer([.writable(Fixture.buffers + 0x1000, 64)])
        return fixture
    }

    private func send(_ fixture: Fixture, port: UInt32 = 0, _ event: UInt16, _ value: UInt16, count: UInt32 = 8) throws
    {
        let bytes = port.littleEndianBytes + event.littleEndianBytes + value.littleEndianBytes
        try fixture.memory.copyIn(bytes, to: GuestAddress(Fixture.buffers + 0x2000))
        try fixture.queues[Self.outgoing].offer([.readable(Fixture.buffers + 0x2000, count)])
        fixture.driver.notify(UInt64(Self.outgoing))
        #expect(try fixture.queues[Self.outgoing].takeUsed() != nil)
    }

    /// The messages that came: event, value, and what is behind the header.
    private func received(_ fixture: Fixture) throws -> [[UInt16]] {
        var messages: [[UInt16]] = []
        while let used = try fixture.queues[Self.incoming].takeUsed() {
            let bytes = try fixture.memory.copyOut(
                GuestAddress(Fixture.buffers + UInt64(used.id) * 16), count: Int(used.length))
            #expect(Array(bytes[..<4]) == [0, 0, 0, 0])
            messages.append(
                stride(from: 4, to: bytes.count, by: 2).map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 })
        }
        return messages
    }

    @Test("DEVICE_READY: PORT_ADD; PORT_READY: CONSOLE_PORT and PORT_OPEN, and the size when it is known")
    func dialogue() throws {
        let fixture = try fixture(size: ConsoleSize(columns: 132, rows: 43))
        #expect(try received(fixture) == [])
        try send(fixture, 0, 1)
        #expect(try received(fixture) == [[1, 1]])
        #expect(fixture.driver.acknowledgeInterrupt() == 1)
        try send(fixture, 3, 1)
        #expect(try received(fixture) == [[4, 1], [6, 1], [5, 0, 132, 43]])
        fixture.device.resize(to: ConsoleSize(columns: 80, rows: 24))
        #expect(try received(fixture) == [[5, 0, 80, 24]])
    }

    @Test("without a known size there is no RESIZE")
    func noSize() throws {
        let fixture = try fixture()
        try send(fixture, 3, 1)
        #expect(try received(fixture) == [[4, 1], [6, 1]])
    }

    @Test("input waits in the channel until the driver opens the port, and again when it closes it")
    func open() throws {
        let fixture = try fixture()
        channel.feed("early")
        fixture.driver.notify(0)
        try send(fixture, 0, 1)
        try send(fixture, 3, 1)
        #expect(channel.pendingInput.count == 5)
        try send(fixture, 6, 1)
        #expect(try fixture.queues[0].takeUsed()?.length == 5)
        try send(fixture, 6, 0)
        try fixture.queues[0].offer([.writable(Fixture.buffers + 0x1000, 64)])
        channel.feed("late")
        #expect(channel.pendingInput.count == 4)
        try send(fixture, 6, 1)
        #expect(try fixture.queues[0].takeUsed()?.length == 4)
    }

    @Test("messages of other ports, unknown ones and short ones mean nothing")
    func nonsense() throws {
        let fixture = try fixture()
        try send(fixture, port: 1, 3, 1)
        try send(fixture, port: .max, 6, 1)
        for event: UInt16 in [1, 2, 4, 5, 7, 8, .max] { try send(fixture, event, 1) }
        try send(fixture, 3, 1, count: 7)
        try send(fixture, 0, 0)
        #expect(try received(fixture) == [])
        channel.feed("x")
        #expect(channel.pendingInput.count == 1)
    }

    @Test("messages wait for buffers, and a thousand times the same one is one")
    func noBuffers() throws {
        let fixture = try Fixture(VirtioConsole(channel: channel), queueSize: 16)
        fixture.start(Self.multiport)
        for _ in 0..<1000 { try send(fixture, 0, 1) }
        try fixture.queues[Self.incoming].offer([.writable(Fixture.buffers, 16)])
        try fixture.queues[Self.incoming].offer([.writable(Fixture.buffers + 16, 16)])
        fixture.driver.notify(2)
        #expect(try received(fixture) == [[1, 1]])
    }

    @Test("§5.3.6.1: buffers of the wrong direction in the control queues")
    func wrongDirection() throws {
        let sender = try fixture()
        try sender.queues[Self.outgoing].offer([.writable(Fixture.buffers, 8)])
        sender.driver.notify(3)
        sender.expectRefusal()
        let receiver = try Fixture(VirtioConsole(channel: channel), queueSize: 16)
        receiver.start(Self.multiport)
        try receiver.queues[Self.incoming].offer([.readable(Fixture.buffers, 8)])
        try send(receiver, 0, 1)
        receiver.expectRefusal()
    }

    @Test("without VIRTIO_CONSOLE_F_MULTIPORT the control queues are left alone, and input comes at once")
    func onePort() throws {
        let fixture = try Fixture(VirtioConsole(channel: channel), queueSize: 16)
        fixture.start()
        try fixture.queues[Self.outgoing].offer([.readable(Fixture.buffers, 8)])
        fixture.driver.notify(3)
        #expect(try fixture.queues[Self.outgoing].takeUsed() == nil)
        try fixture.queues[0].offer([.writable(Fixture.buffers, 8)])
        channel.feed("x")
        #expect(try fixture.queues[0].takeUsed()?.length == 1)
    }
}
