import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Source: virtio 1.2 §5.10.
@Suite struct VirtioVsockTests {
    typealias Vsock = VsockFixture
    typealias Register = MockMMIODriver.Register

    private func bytes(_ count: Int, seed: UInt8 = 0) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 / 251) &+ seed }
    }

    // MARK: The device

    @Test("§5.10.1 to §5.10.4: device 19, three queues, no feature, guest_cid with upper bits of zero")
    func identity() throws {
        let vsock = try Vsock()
        #expect(vsock.driver.read(Register.deviceID) == 19)
        // VIRTIO_VSOCK_F_SEQPACKET is not offered: streams only.
        #expect(vsock.driver.offeredFeatures & 0xFF_FFFF == 0)
        #expect(vsock.driver.read(Register.config) == Vsock.cid)
        #expect(vsock.driver.read(Register.config + 4) == 0)
        #expect(vsock.driver.read(Register.config + 8) == 0)
        vsock.driver.write(7, Register.config)
        #expect(vsock.driver.read(Register.config) == Vsock.cid)
        for (queue, size) in [256, 256, 256, 0].enumerated() as EnumeratedSequence<[UInt64]> {
            vsock.driver.write(UInt64(queue), Register.queueSel)
            #expect(vsock.driver.read(Register.queueNumMax) == size)
        }
    }

    // MARK: Streams of the guest

    @Test("§5.10.6.5: a request is answered by a response when somebody listens, with valid credit")
    func accepted() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        #expect(vsock.vsock.openedPorts.values == [Vsock.hostPort])
        #expect(vsock.lastHeader?.bufferSize == 64 << 10 && vsock.lastHeader?.forwarded == 0)
        #expect(!end.isClosed)
        #expect(vsock.driver.acknowledgeInterrupt() == 1)
    }

    @Test("§5.10.6.5: a request is answered by RST when nobody listens")
    func refused() throws {
        let vsock = try Vsock()
        try vsock.send(.request, hostPort: 81)
        #expect(try vsock.received() == [vsock.packet(.reset, hostPort: 81)])
        // As is one with a payload, and one of the same ports once more.
        try vsock.send(.request, [1])
        #expect(try vsock.received() == [vsock.packet(.reset)])
        let end = try vsock.open()
        try vsock.send(.request)
        #expect(try vsock.received() == [vsock.packet(.reset)])
        #expect(end.isClosed)
    }

    @Test("§5.10.6.5: a request is answered by RST when there are too many streams; not after one has ended")
    func tooMany() throws {
        let vsock = try Vsock(buffers: 0)
        for port in 0..<512 as Range<UInt32> {
            try vsock.offerBuffers(1)
            _ = try vsock.open(guestPort: port)
        }
        try vsock.offerBuffers(3)
        try vsock.send(.request, guestPort: 600)
        #expect(try vsock.received() == [vsock.packet(.reset, guestPort: 600)])
        #expect(vsock.vsock.connect(guestPort: 7) == nil)
        try vsock.send(.reset, guestPort: 17)
        _ = try vsock.open(guestPort: 600)
    }

    @Test("§5.10.6.4: bytes of the guest come to the host's end in their order")
    func toHost() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        for seed in 0..<3 as Range<UInt8> { try vsock.send(.data, bytes(1000, seed: seed)) }
        #expect(end.received == bytes(1000) + bytes(1000, seed: 1) + bytes(1000, seed: 2))
        #expect(try vsock.received() == [])
    }

    @Test("§5.10.6.4: bytes for the guest, as many to a packet as a buffer has room for")
    func toGuest() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        let sent = bytes(1000)
        end.give(sent)
        let packets = try vsock.received()
        #expect(packets.map(\.payload.count) == [468, 468, 64])
        #expect(packets.allSatisfy { $0.operation == .data })
        #expect(packets.flatMap(\.payload) == sent)
    }

    @Test("§5.10.6.1: a packet of the guest may be longer than its length says, and its header in pieces")
    func framing() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        var packet: [UInt8] = []
        vsock.header(.data, length: 5).encode(to: &packet)
        try vsock.base.memory.copyIn(packet + [1, 2, 3, 4, 5, 6, 7], to: GuestAddress(Vsock.packets))
        try vsock.base.queues[Vsock.tx].offer([
            .readable(Vsock.packets, 1), .readable(Vsock.packets + 1, 42), .readable(Vsock.packets + 43, 3),
            .readable(Vsock.packets + 46, 5),
        ])
        vsock.kick()
        #expect(end.received == [1, 2, 3, 4, 5])
    }

    // MARK: Credit

    @Test("§5.10.6.3.2: no more data than the guest has room for; it goes on with the guest's credit")
    func credit() throws {
        let vsock = try Vsock()
        vsock.room = 600
        let end = try vsock.open()
        let sent = bytes(1500)
        end.give(sent)
        // Without credit it is asked for, once.
        var packets = try vsock.received()
        #expect(packets.map(\.operation) == [.data, .data, .creditRequest])
        #expect(packets.map(\.payload.count) == [468, 132, 0])
        end.canRead()
        #expect(try vsock.received() == [])
        vsock.forwarded = 600
        try vsock.send(.creditUpdate)
        packets += try vsock.received()
        #expect(packets.flatMap(\.payload) == Array(sent[..<1200]))
        #expect(end.unread == 300)
        vsock.room = 0xFFFF_FFFF
        vsock.forwarded = 1200
        try vsock.send(.creditUpdate)
        packets += try vsock.received()
        #expect(packets.flatMap(\.payload) == sent)
    }

    @Test("§5.10.6.3: the guest is told of room once half of the buffer was taken, or when it asks")
    func creditUpdate() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        for _ in 0..<7 { try vsock.send(.data, bytes(4096)) }
        #expect(try vsock.received() == [])
        try vsock.send(.data, bytes(4096))
        #expect(try vsock.received() == [vsock.packet(.creditUpdate)])
        #expect(vsock.lastHeader?.forwarded == 32 << 10)
        try vsock.send(.data, bytes(1))
        try vsock.send(.creditRequest)
        #expect(try vsock.received() == [vsock.packet(.creditUpdate)])
        #expect(vsock.lastHeader?.forwarded == 32_769)
        end.give([1])
        _ = try vsock.received()
        #expect(vsock.lastHeader?.forwarded == 32_769)
    }

    @Test("§5.10.6.3: what the host's end does not take waits, in order, and counts as room only when it is taken")
    func slowHost() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        end.setRoom(1500)
        var sent: [UInt8] = []
        for seed in 0..<16 as Range<UInt8> {
            sent += bytes(4096, seed: seed)
            try vsock.send(.data, bytes(4096, seed: seed))
        }
        #expect(end.received == Array(sent[..<1500]))
        try vsock.send(.creditRequest)
        #expect(try vsock.received() == [vsock.packet(.creditUpdate)])
        #expect(vsock.lastHeader?.forwarded == 1500)
        end.setRoom(1000)
        #expect(end.received == Array(sent[..<2500]))
        end.setRoom(nil)
        #expect(end.received == sent)
        #expect(try vsock.received() == [vsock.packet(.creditUpdate)])
        #expect(vsock.lastHeader?.forwarded == 64 << 10)
    }

    @Test("§5.10.6.3.1: a guest that sends more than there is room for loses the stream")
    func overrun() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        end.setRoom(0)
        for _ in 0..<16 { try vsock.send(.data, bytes(4096)) }
        #expect(try vsock.received() == [])
        try vsock.send(.data, bytes(1))
        #expect(try vsock.received() == [vsock.packet(.reset)])
        #expect(end.isClosed)
    }

    @Test("room that comes while a write is refused is not missed, nor are bytes that come while a read finds none")
    func races() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        end.setRoom(0)
        end.whileWriting { [unowned end] in end.setRoom(nil) }
        try vsock.send(.data, bytes(10))
        #expect(end.received == bytes(10))
        end.setRoom(5)
        end.whileWriting { [unowned end] in end.canWrite() }
        try vsock.send(.data, bytes(10))
        end.setRoom(nil)
        #expect(end.received == bytes(10) + bytes(10))
        end.whileReading { [unowned end] in end.give([7]) }
        end.canRead()
        #expect(try vsock.received() == [vsock.packet(.data, [7])])
    }

    // MARK: Flow control of the queues

    @Test("§5.10.6.1.2: the transmit queue is served while the receive queue is full, up to 256 replies")
    func bounded() throws {
        let vsock = try Vsock(buffers: 0)
        let tx = vsock.base.queues[Vsock.tx]
        for _ in 0..<256 { try vsock.send(.data) }
        try vsock.offer(vsock.header(.data))
        vsock.kick()
        #expect(try vsock.base.queues[Vsock.tx].takeUsed() == nil)
        // It goes on by itself when there is room for a reply.
        try vsock.offerBuffers(1)
        #expect(try vsock.base.queues[Vsock.tx].takeUsed() != nil)
        #expect(try vsock.received() == [vsock.packet(.reset)])
        for _ in 0..<8 {
            try vsock.offerBuffers(32)
            _ = try vsock.received()
        }
        #expect(try tx.usedIndex == 257)
        try vsock.offerBuffers(1)
        #expect(try vsock.received() == [])
        _ = try vsock.open()
    }

    @Test("a call does no more than 256 steps: the rest comes when the back end calls back")
    func stepsPerTurn() throws {
        let vsock = try Vsock(queueSize: 256)
        vsock.room = 0
        try vsock.send(.request)
        let end = try #require(vsock.vsock.opened.values.last)
        end.give([9])
        #expect(try vsock.received() == [vsock.packet(.response), vsock.packet(.creditRequest)])
        var packet: [UInt8] = []
        vsock.header(.data, length: 1).encode(to: &packet)
        try vsock.base.memory.copyIn(packet + [1], to: GuestAddress(Vsock.packets))
        for _ in 0..<255 { try vsock.base.queues[Vsock.tx].offer([.readable(Vsock.packets, 45)]) }
        vsock.room = 1
        try vsock.offer(vsock.header(.creditUpdate), slot: 1)
        vsock.kick()
        #expect(end.received.count == 255)
        #expect(try vsock.received() == [])
        #expect(vsock.vsock.calls.count == 1)
        vsock.vsock.proceed()
        #expect(try vsock.received() == [vsock.packet(.data, [9]), vsock.packet(.creditRequest)])
        #expect(vsock.vsock.calls.count == 1)
    }

    @Test("streams take turns, so that none keeps the others from the guest's buffers")
    func turns() throws {
        let vsock = try Vsock(buffers: 2)
        let first = try vsock.open(guestPort: 1)
        let second = try vsock.open(guestPort: 2)
        first.give(bytes(5000))
        second.give(bytes(5000))
        try vsock.offerBuffers(6)
        let ports = try vsock.received().map(\.guestPort)
        #expect(ports.count { $0 == 1 } == 3 && ports.count { $0 == 2 } == 3)
    }

    // MARK: Ends of streams

    @Test("§5.10.6.5: the guest sends no more: the end is told once it has all bytes; the other way goes on")
    func guestHalf() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        end.setRoom(0)
        try vsock.send(.data, bytes(100))
        try vsock.send(.shutdown, flags: 2)
        #expect(end.halves == [])
        end.setRoom(nil)
        #expect(end.received == bytes(100))
        #expect(end.halves == .sends)
        end.give([1, 2])
        #expect(try vsock.received() == [vsock.packet(.data, [1, 2])])
        #expect(!end.isClosed)
    }

    @Test("§5.10.6.5: the guest receives no more: the end is told, and nothing is read for the guest")
    func guestReceivesNoMore() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        end.setRoom(0)
        try vsock.send(.data, bytes(100))
        try vsock.send(.shutdown, flags: 1)
        #expect(end.halves == .receives)
        end.give([1, 2])
        #expect(try vsock.received() == [])
        #expect(end.unread == 2)
        end.setRoom(nil)
        #expect(end.received == bytes(100))
    }

    @Test("§5.10.6.5: the host's end sends no more: SHUTDOWN with F_SEND, behind its last byte; the other way goes on")
    func hostHalf() throws {
        let vsock = try Vsock(buffers: 1)
        let end = try vsock.open()
        end.give([1, 2])
        end.end()
        try vsock.offerBuffers(4)
        #expect(try vsock.received() == [vsock.packet(.data, [1, 2]), vsock.packet(.shutdown, flags: 2)])
        try vsock.send(.data, bytes(100))
        #expect(end.received == bytes(100))
        #expect(try vsock.received() == [])
        #expect(!end.isClosed)
    }

    @Test("§5.10.6.5: the host's end receives no more: SHUTDOWN with F_RECEIVE; what is on its way is dropped")
    func hostReceivesNoMore() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        end.setRoom(0)
        try vsock.send(.data, bytes(100))
        end.takeNoMore()
        #expect(try vsock.received() == [vsock.packet(.shutdown, flags: 1)])
        #expect(vsock.lastHeader?.forwarded == 100)
        try vsock.send(.data, bytes(100))
        #expect(try vsock.received() == [])
        end.give([1])
        end.end()
        #expect(try vsock.received() == [vsock.packet(.data, [1]), vsock.packet(.shutdown, flags: 3)])
        try vsock.send(.reset)
        #expect(end.isClosed)
        #expect(end.received == [])
    }

    @Test("§5.10.6.5: a clean disconnect: all bytes to the host, then RST, and the ports can be used again")
    func cleanDisconnect() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        end.setRoom(0)
        try vsock.send(.data, bytes(100))
        try vsock.send(.shutdown, flags: 2)
        try vsock.send(.shutdown, flags: 1)
        #expect(try vsock.received() == [])
        #expect(!end.isClosed)
        end.setRoom(nil)
        #expect(end.received == bytes(100))
        #expect(try vsock.received() == [vsock.packet(.reset)])
        #expect(end.closes == 1)
        _ = try vsock.open()
    }

    @Test("§5.10.6.5: a guest that resets before the host has all: the bytes before its shutdown go to the host still")
    func impatientGuest() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        end.setRoom(0)
        try vsock.send(.data, bytes(100))
        try vsock.send(.shutdown, flags: 3)
        try vsock.send(.reset)
        #expect(!end.isClosed)
        // The ports are another stream's by now.
        let next = try vsock.open()
        end.setRoom(nil)
        #expect(end.received == bytes(100))
        #expect(end.isClosed)
        #expect(try vsock.received() == [])
        try vsock.send(.data, bytes(3))
        #expect(next.received == bytes(3))
    }

    @Test("§5.10.6.5: RST of the guest ends the stream at once")
    func guestResets() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        end.setRoom(0)
        try vsock.send(.data, bytes(100))
        try vsock.send(.reset)
        #expect(end.closes == 1)
        end.give([1])
        end.setRoom(nil)
        #expect(end.received == [])
        #expect(try vsock.received() == [])
    }

    @Test("§5.10.6.5: an end that fails: RST, and no more of it")
    func hostFails() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        end.fail()
        #expect(try vsock.received() == [vsock.packet(.reset)])
        #expect(end.closes == 1)
        let other = try vsock.open(guestPort: 2)
        other.setRoom(0)
        try vsock.send(.data, guestPort: 2, bytes(10))
        other.fail()
        #expect(try vsock.received() == [vsock.packet(.reset, guestPort: 2)])
        #expect(other.closes == 1)
    }

    // MARK: Packets that make no sense

    @Test("§5.10.6.4.2: RST for a packet of unknown type, with that type; none for RST")
    func unknownType() throws {
        let vsock = try Vsock()
        var packet = vsock.header(.request)
        packet.type = 2
        try vsock.send(packet)
        #expect(try vsock.received() == [vsock.packet(.reset)])
        #expect(vsock.lastHeader?.type == 2)
        packet.operation = VsockHeader.Operation.reset.rawValue
        try vsock.send(packet)
        #expect(try vsock.received() == [])
        #expect(vsock.vsock.openedPorts.count == 0)
    }

    @Test("§5.10.6.2: packets of streams that are none get RST; those of another CID nothing")
    func stray() throws {
        let vsock = try Vsock()
        for operation in [VsockHeader.Operation.response, .shutdown, .data, .creditUpdate, .creditRequest] {
            try vsock.send(operation)
            #expect(try vsock.received() == [vsock.packet(.reset)])
        }
        try vsock.send(.reset)
        var foreign = vsock.header(.request)
        foreign.sourceCID = 43
        try vsock.send(foreign)
        #expect(try vsock.received() == [])
        #expect(vsock.vsock.openedPorts.count == 0)
    }

    @Test("§5.10.6.4: a buffer of the wrong direction, or too small: DEVICE_NEEDS_RESET", arguments: 0..<5)
    func badBuffers(_ choice: Int) throws {
        let vsock = try Vsock(buffers: 0)
        switch choice {
        case 0: try vsock.base.queues[Vsock.tx].offer([.readable(Vsock.packets, 43)])
        case 1: try vsock.base.queues[Vsock.tx].offer([.readable(Vsock.packets, 44), .writable(Vsock.packets, 4)])
        case 2: try vsock.base.queues[Vsock.rx].offer([.writable(Vsock.packets, 44)])
        case 3: try vsock.base.queues[Vsock.rx].offer([.readable(Vsock.packets, 1), .writable(Vsock.packets, 500)])
        default: try vsock.base.queues[Vsock.rx].offer([])
        }
        vsock.driver.notify(UInt64(Vsock.rx))
        if choice >= 2 { try vsock.offer(vsock.header(.data)) }
        vsock.kick()
        vsock.base.expectRefusal()
    }

    // MARK: Life cycle

    @Test("§2.4.1: a reset lets the host's ends go, and what comes later means nothing")
    func reset() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        vsock.driver.write(0, Register.status)
        #expect(vsock.driver.status == 0)
        #expect(vsock.vsock.detached.count > 1)
        #expect(vsock.vsock.connect(guestPort: 5) == nil)
        end.give([1])
        #expect(!vsock.base.line.isAsserted)
    }

    @Test("§2.4.1: an end that was being opened when the device was reset is closed")
    func resetWhileOpening() throws {
        let vsock = try Vsock()
        vsock.vsock.whileOpening { [driver = vsock.driver] in driver.write(0, Register.status) }
        try vsock.offer(vsock.header(.request))
        vsock.kick()
        #expect(vsock.vsock.opened.values.map(\.closes) == [1])
    }

    @Test("counts what it does")
    func counters() throws {
        let vsock = try Vsock()
        let end = try vsock.open()
        try vsock.send(.data, bytes(10))
        end.give(bytes(20))
        _ = vsock.vsock.connect(guestPort: 3)
        try vsock.send(.data, guestPort: 9)
        let counters = Dictionary(uniqueKeysWithValues: vsock.base.device.counters.map { ($0.name, $0.value) })
        #expect(counters["guestStreams"] == 1 && counters["hostStreams"] == 1 && counters["refusals"] == 1)
        #expect(counters["bytesToHost"] == 10 && counters["bytesToGuest"] == 20)
        #expect(vsock.base.device.kind == "virtio-vsock")
    }
}
