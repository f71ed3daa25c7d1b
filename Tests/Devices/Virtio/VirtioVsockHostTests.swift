import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Streams that the host asks for, and events. Source: virtio 1.2 §5.10.6.5, §5.10.6.7.
@Suite struct VirtioVsockHostTests {
    typealias Vsock = VsockFixture
    typealias Register = MockMMIODriver.Register

    private static let firstPort: UInt32 = 1 << 30

    @Test("§5.10.6.5: the host asks, the guest answers, bytes go both ways")
    func accepted() throws {
        let vsock = try Vsock()
        let end = try #require(vsock.vsock.connect(guestPort: 22))
        end.give([1, 2, 3])
        #expect(try vsock.received() == [vsock.packet(.request, guestPort: 22, hostPort: Self.firstPort)])
        #expect(vsock.lastHeader?.bufferSize == 64 << 10)
        #expect(end.hostPort == nil)
        try vsock.send(.response, guestPort: 22, hostPort: Self.firstPort)
        #expect(end.hostPort == Self.firstPort)
        #expect(try vsock.received() == [vsock.packet(.data, [1, 2, 3], guestPort: 22, hostPort: Self.firstPort)])
        try vsock.send(.data, guestPort: 22, hostPort: Self.firstPort, [9])
        #expect(end.received == [9])
    }

    @Test("§5.10.6.5: the guest refuses: the end is closed")
    func refused() throws {
        let vsock = try Vsock()
        let end = try #require(vsock.vsock.connect(guestPort: 22))
        try vsock.send(.reset, guestPort: 22, hostPort: Self.firstPort)
        #expect(end.hostPort == nil && end.closes == 1)
    }

    @Test("§5.10.6: each stream has ports of its own")
    func ports() throws {
        let vsock = try Vsock()
        for _ in 0..<3 { #expect(vsock.vsock.connect(guestPort: 22) != nil) }
        #expect(try vsock.received().map(\.hostPort) == [Self.firstPort, Self.firstPort + 1, Self.firstPort + 2])
    }

    @Test("a program that waits no longer: RST for a guest that was asked, nothing for one that was not")
    func abandoned() throws {
        let vsock = try Vsock(buffers: 1)
        let asked = try #require(vsock.vsock.connect(guestPort: 22))
        let unasked = try #require(vsock.vsock.connect(guestPort: 23))
        #expect(try vsock.received().map(\.guestPort) == [22])
        asked.abandon()
        unasked.abandon()
        #expect(asked.closes == 1 && unasked.closes == 1)
        try vsock.offerBuffers(4)
        #expect(try vsock.received() == [vsock.packet(.reset, guestPort: 22, hostPort: Self.firstPort)])
        // It was too late.
        try vsock.send(.response, guestPort: 22, hostPort: Self.firstPort)
        #expect(try vsock.received() == [vsock.packet(.reset, guestPort: 22, hostPort: Self.firstPort)])
        #expect(asked.hostPort == nil)
        // One that has been accepted is not abandoned.
        let accepted = try #require(vsock.vsock.connect(guestPort: 24))
        try vsock.send(.response, guestPort: 24, hostPort: Self.firstPort + 2)
        accepted.abandon()
        #expect(accepted.closes == 0)
    }

    @Test("the guest accepts, sends and leaves at once: the end gets to know all of it, in this order")
    func shortLife() throws {
        let vsock = try Vsock()
        let end = try #require(vsock.vsock.connect(guestPort: 22))
        let port = Self.firstPort
        for (slot, packet) in [
            vsock.header(.response, guestPort: 22, hostPort: port),
            vsock.header(.data, guestPort: 22, hostPort: port, length: 2),
            vsock.header(.shutdown, guestPort: 22, hostPort: port, flags: 3),
        ].enumerated() {
            try vsock.offer(packet, packet.length == 2 ? [5, 6] : [], slot: UInt64(slot))
        }
        vsock.kick()
        #expect(end.hostPort == port && end.received == [5, 6] && end.closes == 1)
        #expect(try vsock.received().map(\.operation) == [.request, .reset])
    }

    @Test("§2.1.2: nobody is asked before there is a driver")
    func noDriver() throws {
        let device = VirtioVsock(ScriptedVsock(), guestCID: 3)
        let vsock = ScriptedVsock()
        #expect(vsock.connect(guestPort: 1) == nil)
        vsock.attach(device)
        #expect(vsock.connect(guestPort: 1) == nil)
    }

    // MARK: Events

    private func restart(_ vsock: Vsock) {
        vsock.driver.write(0, Register.status)
        for index in vsock.base.queues.indices {
            vsock.base.queues[index] = MockDriverQueue(
                vsock.base.memory, at: Vsock.Base.ram + UInt64(index) * 0x1_0000, size: 64)
            try? vsock.base.memory.fill(
                GuestAddress(vsock.base.queues[index].driverArea), count: 0x800, with: 0)
        }
        vsock.base.start()
    }

    @Test("§5.10.6.7: a driver that comes back after a reset which cut streams gets TRANSPORT_RESET, once")
    func transportReset() throws {
        let vsock = try Vsock()
        _ = try vsock.open()
        restart(vsock)
        #expect(try vsock.base.queues[Vsock.event].takeUsed() == nil)
        let place = Vsock.Base.buffers + 0x7_0000
        try vsock.base.memory.fill(GuestAddress(place), count: 8, with: 0xEE)
        for _ in 0..<2 { try vsock.base.queues[Vsock.event].offer([.writable(place, 8)]) }
        vsock.driver.notify(UInt64(Vsock.event))
        #expect(try vsock.base.queues[Vsock.event].takeUsed()?.length == 4)
        #expect(try vsock.base.memory.copyOut(GuestAddress(place), count: 5) == [0, 0, 0, 0, 0xEE])
        #expect(vsock.driver.acknowledgeInterrupt() == 1)
        vsock.driver.notify(UInt64(Vsock.event))
        #expect(try vsock.base.queues[Vsock.event].takeUsed() == nil)
    }

    @Test("§5.10.6.7: no event when no stream was cut; an event buffer without room for one: DEVICE_NEEDS_RESET")
    func noEvent() throws {
        let vsock = try Vsock()
        restart(vsock)
        try vsock.base.queues[Vsock.event].offer([.writable(Vsock.Base.buffers, 3)])
        vsock.driver.notify(UInt64(Vsock.event))
        #expect(try vsock.base.queues[Vsock.event].takeUsed() == nil)
        #expect(!vsock.driver.needsReset)
        try vsock.offerBuffers(1)
        _ = try vsock.open()
        restart(vsock)
        try vsock.base.queues[Vsock.event].offer([.writable(Vsock.Base.buffers, 3)])
        vsock.driver.notify(UInt64(Vsock.event))
        vsock.base.expectRefusal()
    }
}
