import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// The named ports of a console with several. Source: virtio 1.2 §5.3.2, §5.3.6.2.
@Suite struct VirtioConsolePortTests {
    typealias Fixture = VirtioFixture<VirtioConsole>
    private static let multiport: UInt64 = 2
    private static let incoming = 2
    private static let outgoing = 3
    /// Of port 1.
    private static let rx = 4
    private static let tx = 5

    private let console = LoopbackChannel()
    private let channel = LoopbackChannel()

    /// A console with the port `agent`, whose driver has offered buffers for messages.
    private func fixture(isConsole: Bool = true, start: Bool = true, buffers: Int = 8) throws -> Fixture {
        let device = VirtioConsole(
            channel: console, isConsole: isConsole, ports: [.init(name: "agent", channel: channel)])
        let fixture = try Fixture(device, queueSize: 32)
        if start { fixture.start(Self.multiport) }
        for index in 0..<buffers { try offer(fixture, index) }
        return fixture
    }

    private func offer(_ fixture: Fixture, _ index: Int) throws {
        try fixture.queues[Self.incoming].offer([.writable(Fixture.buffers + UInt64(index) * 32, 32)])
    }

    private func send(_ fixture: Fixture, port: UInt32 = 1, _ event: UInt16, _ value: UInt16) throws {
        let bytes = port.littleEndianBytes + event.littleEndianBytes + value.littleEndianBytes
        try fixture.memory.copyIn(bytes, to: GuestAddress(Fixture.buffers + 0x2000))
        try fixture.queues[Self.outgoing].offer([.readable(Fixture.buffers + 0x2000, 8)])
        fixture.driver.notify(UInt64(Self.outgoing))
        #expect(try fixture.queues[Self.outgoing].takeUsed() != nil)
    }

    /// The messages that came: port, event, value, and the text behind the header.
    private func received(_ fixture: Fixture) throws -> [String] {
        var messages: [String] = []
        while let used = try fixture.queues[Self.incoming].takeUsed() {
            let bytes = try fixture.memory.copyOut(
                GuestAddress(Fixture.buffers + UInt64(used.id) * 32), count: Int(used.length))
            let text = String(decoding: bytes[8...], as: UTF8.self)
            messages.append("\(bytes[0]) \(bytes[4]) \(bytes[6]) \(text)")
        }
        return messages
    }

    @Test("§5.3.2, §5.3.4: a pair of queues for each port behind the control queues; max_nr_ports")
    func queues() throws {
        let fixture = try fixture(start: false, buffers: 0)
        #expect(fixture.queues.count == 6)
        #expect(fixture.mmio.read(at: 0x104, width: .word) == 2)
    }

    @Test("§5.3.6.2: each port is added; a named one gets its name, and no word of a console or an open host")
    func dialogue() throws {
        let fixture = try fixture()
        try send(fixture, port: 0, 0, 1)
        #expect(try received(fixture) == ["0 1 1 ", "1 1 1 "])
        try send(fixture, 3, 1)
        #expect(try received(fixture) == ["1 7 1 agent"])
        try send(fixture, port: 0, 3, 1)
        #expect(try received(fixture) == ["0 4 1 ", "0 6 1 "])
    }

    @Test("a console that the guest was not told to use is not added, and a driver's answers for it mean nothing")
    func onlyPorts() throws {
        let fixture = try fixture(isConsole: false)
        try send(fixture, port: 0, 0, 1)
        #expect(try received(fixture) == ["1 1 1 "])
        try send(fixture, port: 0, 3, 1)
        #expect(try received(fixture) == [])
    }

    @Test("a client that is there before the driver: PORT_OPEN comes with the name")
    func earlyClient() throws {
        channel.changeConnection()
        let fixture = try fixture()
        try send(fixture, 3, 1)
        #expect(try received(fixture) == ["1 7 1 agent", "1 6 1 "])
    }

    @Test("a client that comes, goes and comes again: PORT_OPEN, closed and open; nothing before PORT_READY")
    func client() throws {
        let fixture = try fixture(buffers: 16)
        channel.changeConnection(times: 2)
        #expect(try received(fixture) == [])
        try send(fixture, 3, 1)
        #expect(try received(fixture) == ["1 7 1 agent"])
        channel.changeConnection()
        #expect(try received(fixture) == ["1 6 1 "])
        channel.changeConnection()
        #expect(try received(fixture) == ["1 6 0 "])
        channel.changeConnection()
        #expect(try received(fixture) == ["1 6 1 "])
        // Both before the console has looked.
        channel.changeConnection(times: 2)
        #expect(try received(fixture) == ["1 6 0 ", "1 6 1 "])
        // News of the same are none.
        channel.changeConnection(times: 0)
        #expect(try received(fixture) == [])
    }

    @Test("changes that no buffer is there for are kept as the last state, with the close before it")
    func kept() throws {
        let fixture = try fixture(buffers: 1)
        try send(fixture, 3, 1)
        #expect(try received(fixture) == ["1 7 1 agent"])
        for _ in 0..<1001 { channel.changeConnection() }
        for index in 1...3 { try offer(fixture, index) }
        fixture.driver.notify(UInt64(Self.incoming))
        #expect(try received(fixture).map { $0.dropFirst(2) } == ["6 0 ", "6 1 "])
    }

    @Test("bytes go both ways, each port's in its own queues; input once the driver has opened the port")
    func bytes() throws {
        let fixture = try fixture()
        try send(fixture, 3, 1)
        try fixture.memory.copyIn(Array("question".utf8), to: GuestAddress(Fixture.buffers + 0x1000))
        try fixture.queues[Self.tx].offer([.readable(Fixture.buffers + 0x1000, 8)])
        fixture.driver.notify(UInt64(Self.tx))
        #expect(channel.outputText == "question")
        #expect(console.outputText == "")
        try fixture.queues[Self.rx].offer([.writable(Fixture.buffers + 0x1100, 64)])
        channel.feed("answer")
        #expect(try fixture.queues[Self.rx].takeUsed() == nil)
        try send(fixture, port: 0, 6, 1)
        #expect(try fixture.queues[Self.rx].takeUsed() == nil)
        try send(fixture, 6, 1)
        #expect(try fixture.queues[Self.rx].takeUsed()?.length == 6)
        #expect(
            try fixture.memory.copyOut(GuestAddress(Fixture.buffers + 0x1100), count: 6) == Array("answer".utf8))
        #expect(fixture.device.counters.map(\.value) == [8, 6])
    }

    @Test("a driver for one port finds the console in the first two queues, and no other")
    func singlePort() throws {
        let fixture = try fixture(isConsole: false, start: false, buffers: 0)
        fixture.start()
        try fixture.memory.copyIn(Array("hello".utf8), to: GuestAddress(Fixture.buffers))
        try fixture.queues[1].offer([.readable(Fixture.buffers, 5)])
        fixture.driver.notify(1)
        #expect(console.outputText == "hello")
    }

    @Test("a fault in one port's queue: nothing is done in another's, nor in the control queues, until the reset")
    func fault() throws {
        let fixture = try fixture()
        try fixture.queues[Self.tx].offer([.writable(Fixture.buffers, 8)])
        fixture.driver.notify(UInt64(Self.tx))
        fixture.expectRefusal()
        try fixture.queues[1].offer([.readable(Fixture.buffers, 8)])
        fixture.driver.notify(1)
        #expect(console.output == [])
        try fixture.queues[Self.outgoing].offer([.readable(Fixture.buffers, 8)])
        fixture.driver.notify(UInt64(Self.outgoing))
        #expect(try fixture.queues[Self.outgoing].takeUsed() == nil)
    }

    @Test("a console that is gone is not called by its ports' channels")
    func disconnect() throws {
        let fixture = try fixture()
        try send(fixture, 3, 1)
        _ = try received(fixture)
        fixture.device.disconnect()
        channel.changeConnection()
        #expect(try received(fixture) == [])
    }
}
