import NetworkFrames
import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Source: virtio 1.2 §5.1.6.2, §5.1.6.2.1 (what drivers must not), §5.1.6.2.2 (what devices must).
@Suite struct VirtioNetworkTransmitTests {
    typealias Net = NetworkFixture
    typealias Feature = NetworkFixture.Feature

    static let offloads =
        Feature.checksum | Feature.hostTCP4 | Feature.hostTCP6 | Feature.hostUDP | Feature.hostECN

    @Test("a network with several queues gets the frames of each pair in the queue of its number")
    func queues() throws {
        let net = try NetworkFixture(NetworkFixture.Feature.multiQueue | NetworkFixture.Feature.control)
        for pair in [0, 1, 1, 0] { #expect(try net.send(NetworkFixture.frame(60), pair: pair) != nil) }
        #expect(net.network.queues.values == [0, 1, 1, 0])
    }

    @Test("§5.1.6.2: frames go out as they are, in order, with one interrupt and one commit for all")
    func order() throws {
        let net = try Net()
        for index in 0..<5 as Range<UInt64> {
            try net.offer(Net.frame(60 + Int(index), seed: UInt8(index)), at: Net.frames + index * 0x1000)
        }
        net.base.line.clear()
        net.kick()
        #expect(net.network.sent.values == (0..<5).map { Net.header() + Net.frame(60 + $0, seed: UInt8($0)) })
        #expect(net.network.commits.count == 1)
        #expect(net.base.line.risingEdges == 1)
        #expect(net.driver.acknowledgeInterrupt() == 1)
        for id in 0..<5 as Range<UInt32> { #expect(try net.base.queues[1].takeUsed()! == (2 * id, 0)) }
    }

    @Test("§2.7.4: header and frame may be cut anywhere")
    func cuts() throws {
        let net = try Net()
        let bytes = Net.header() + Net.frame(60)
        try net.put(bytes, Net.frames)
        for cut in 1..<UInt32(bytes.count) {
            try net.base.queues[1].offer([
                .readable(Net.frames, cut), .readable(Net.frames + UInt64(cut), UInt32(bytes.count) - cut),
            ])
            net.kick()
            #expect(net.network.sent.values.last == bytes)
        }
        #expect(net.network.sent.count == bytes.count - 1)
    }

    @Test("§5.1.6.2: a frame of 64 KiB that is segmented later goes out whole, in many buffers")
    func large() throws {
        let net = try Net(Self.offloads)
        let header = Net.header(flags: 1, kind: 1, length: 54, size: 1448, start: 34, offset: 16)
        let bytes = header + Net.frame(65550)
        try net.put(bytes, Net.frames)
        let pieces = stride(from: 0, to: bytes.count, by: 8192).map {
            MockDriverQueue.Buffer.readable(Net.frames + UInt64($0), UInt32(min(8192, bytes.count - $0)))
        }
        try net.base.queues[1].offer(pieces)
        net.kick()
        #expect(net.network.sent.values == [bytes])
    }

    @Test("§5.1.6.2.2: unknown flags are ignored, and csum_start and csum_offset without NEEDS_CSUM")
    func ignored() throws {
        let net = try Net()
        let header = Net.header(flags: 0xF8, start: 0xFFFF, offset: 0xFFFF)
        #expect(try net.send(Net.frame(60), header: header) == Net.header() + Net.frame(60))
    }

    @Test("§5.1.6.2.1: num_buffers, DATA_VALID and RSC_INFO are not the driver's: the network sees none of them")
    func notTheDrivers() throws {
        let net = try Net(Self.offloads)
        let header = Net.header(flags: 7, start: 14, offset: 6, buffers: 0x1234)
        #expect(
            try net.send(Net.frame(60), header: header)
                == Net.header(flags: 1, start: 14, offset: 6) + Net.frame(60))
    }

    @Test("§5.1.6.2.2: hdr_len is not relied on: one beyond the frame is cut")
    func headerLength() throws {
        let net = try Net()
        #expect(try net.send(Net.frame(60), header: Net.header(length: 0xFFFF))?[2...3] == [60, 0])
    }

    @Test(
        "§5.1.6.2.1: what was not agreed on is dropped",
        arguments: [
            (Feature.checksum, Net.header(flags: 1, start: 14, offset: 6)),
            (Feature.hostTCP4, Net.header(flags: 1, kind: 1, size: 10, start: 14, offset: 6)),
            (Feature.hostTCP6, Net.header(flags: 1, kind: 4, size: 10, start: 14, offset: 6)),
            (Feature.hostUDP, Net.header(flags: 1, kind: 5, size: 10, start: 14, offset: 6)),
            (Feature.hostECN, Net.header(flags: 1, kind: 0x81, size: 10, start: 14, offset: 6)),
        ] as [(UInt64, [UInt8])])
    func notNegotiated(_ feature: UInt64, _ header: [UInt8]) throws {
        let needs = feature == Feature.checksum ? Self.offloads : 0
        let without = try Net(Self.offloads & ~feature & ~needs)
        #expect(try without.send(Net.frame(60), header: header) == nil)
        let with = try Net(Self.offloads)
        #expect(try with.send(Net.frame(60), header: header) == header + Net.frame(60))
    }

    @Test(
        "§5.1.6.2.1: a header that breaks a rule: the frame is dropped, and the device goes on",
        arguments: [
            // Segmentation without NEEDS_CSUM, without a size, of unknown kinds.
            Net.header(kind: 1, size: 10), Net.header(flags: 1, kind: 4, start: 14, offset: 6),
            Net.header(flags: 1, kind: 2, size: 10), Net.header(flags: 1, kind: 3, size: 10),
            Net.header(flags: 1, kind: 0xFF, size: 10),
            // Checksums outside of the frame.
            Net.header(flags: 1, start: 59, offset: 0), Net.header(flags: 1, start: 0, offset: 59),
            Net.header(flags: 1, start: 0xFFFF, offset: 0xFFFF),
        ])
    func badHeader(_ header: [UInt8]) throws {
        let net = try Net(Self.offloads)
        #expect(try net.send(Net.frame(60), header: header) == nil)
        #expect(!net.driver.needsReset)
        #expect(try net.send(Net.frame(60)) == Net.header() + Net.frame(60))
    }

    @Test("frames without a whole Ethernet header, and frames beyond 64 KiB, are dropped")
    func sizes() throws {
        let net = try Net()
        for count in [0, 1, 13] { #expect(try net.send([UInt8](repeating: 1, count: count)) == nil) }
        #expect(try net.send(Net.frame(14)) == Net.header() + Net.frame(14))
        #expect(try net.send(Net.frame(65551)) == nil)
        // A chain of gigabytes is not copied.
        try net.base.queues[1].offer(
            (0..<16).map { _ in .readable(Net.Base.ram, UInt32(Net.Base.ramSize)) })
        net.kick()
        #expect(try net.base.queues[1].takeUsed() != nil)
        #expect(net.network.sent.count == 1)
    }

    @Test("§5.1.4.2: a driver that knows the MTU gets no larger frames out, a VLAN tag aside")
    func mtu() throws {
        let net = try Net(Feature.mtu | Self.offloads, mtu: 1000)
        #expect(try net.send(Net.frame(1014)) != nil)
        #expect(try net.send(Net.frame(1015)) == nil)
        var tagged = Net.frame(1018)
        tagged.replaceSubrange(12..<14, with: [0x81, 0x00])
        #expect(try net.send(tagged) != nil)
        #expect(try net.send(tagged + [0]) == nil)
        let header = Net.header(flags: 1, kind: 1, size: 900, start: 14, offset: 6)
        #expect(try net.send(Net.frame(5000), header: header) != nil)
        #expect(try Net(0, mtu: 1000).send(Net.frame(1015)) != nil)
    }

    @Test("§5.1.6.2: a device-writable buffer in a transmit queue: DEVICE_NEEDS_RESET")
    func wrongDirection() throws {
        let net = try Net()
        try net.base.queues[1].offer([.readable(Net.frames, 72), .writable(Net.frames, 1)])
        net.kick()
        net.base.expectRefusal()
    }

    @Test("§5.1.6: fewer bytes than a header has: DEVICE_NEEDS_RESET", arguments: [0, 1, 11] as [UInt32])
    func shortHeader(_ count: UInt32) throws {
        let net = try Net()
        try net.base.queues[1].offer([.readable(Net.frames, count)])
        net.kick()
        net.base.expectRefusal()
        #expect(try net.base.queues[1].usedIndex == 0)
    }

    @Test("a network without room: the frame waits, and is the first when there is room")
    func noRoom() throws {
        let net = try Net()
        net.network.setRoom(2)
        for index in 0..<5 as Range<UInt64> {
            try net.offer(Net.frame(60, seed: UInt8(index)), at: Net.frames + index * 0x1000)
        }
        net.kick()
        net.kick()
        #expect(net.network.sent.count == 2)
        #expect(try net.base.queues[1].usedIndex == 2)
        #expect(net.driver.acknowledgeInterrupt() == 1)
        // What the driver writes now comes too late.
        try net.put([UInt8](repeating: 0xFF, count: 72), Net.frames + 2 * 0x1000)
        net.network.setRoom(1)
        #expect(net.network.sent.count == 3)
        net.network.setRoom(nil)
        #expect(net.network.sent.values == (0..<5).map { Net.header() + Net.frame(60, seed: $0) })
        #expect(net.driver.acknowledgeInterrupt() == 1)
        net.network.tellOfRoom()
        #expect(try net.send(Net.frame(99)) != nil)
    }

    @Test("room that comes before the refusal has arrived is not lost")
    func racingRoom() throws {
        let net = try Net()
        net.network.setRoom(0)
        let network = net.network
        network.whileSending {
            network.makeRoomQuietly()
            network.tellOfRoom()
        }
        try net.offer(Net.frame(60))
        net.kick()
        #expect(net.network.sent.count == 1)
        #expect(try net.base.queues[1].usedIndex == 1)
    }

    @Test("all queues that wait for room get some, each first in its turn")
    func fairness() throws {
        let net = try Net(Feature.control | Feature.multiQueue)
        net.network.setRoom(0)
        for index in 0..<4 as Range<UInt64> {
            try net.offer(Net.frame(60, seed: 1), at: Net.frames + index * 0x1000)
            try net.offer(Net.frame(60, seed: 2), at: Net.frames + 0x8000 + index * 0x1000, pair: 1)
        }
        net.kick()
        net.kick(pair: 1)
        for _ in 0..<4 { net.network.setRoom(1) }
        let used = (try net.base.queues[1].usedIndex, try net.base.queues[3].usedIndex)
        #expect(used == (2, 2))
        net.network.setRoom(nil)
        #expect(net.network.sent.count == 8)
    }

    @Test("§2.7.7, §2.7.10: no notifications are asked for while there is work, and again when there is none")
    func notifications() throws {
        let net = try Net()
        let queue = net.base.queues[1]
        #expect(try !queue.noNotify)
        let wanted = Recorder<Bool>()
        net.network.whileSending { wanted.record((try? queue.noNotify) == false) }
        _ = try net.send(Net.frame(60))
        #expect(wanted.values == [false])
        #expect(try !queue.noNotify)
    }

    @Test("§5.1.5: without multiqueue the third queue is the control queue, and others mean nothing")
    func third() throws {
        let net = try Net(Feature.control)
        try net.offer(Net.frame(60), pair: 1)
        net.kick(pair: 1)
        #expect(net.network.sent.count == 0)
        #expect(try net.command([9, 9], queue: 2) == 1)
    }
}
