import NetworkFrames
import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Source: virtio 1.2 §5.1.6.3, §5.1.6.4.
@Suite struct VirtioNetworkReceiveTests {
    typealias Net = NetworkFixture
    typealias Feature = NetworkFixture.Feature

    static let offloads =
        Feature.guestChecksum | Feature.guestTCP4 | Feature.guestTCP6 | Feature.guestUDP4 | Feature.guestUDP6
        | Feature.guestECN

    @Test("§5.1.6.4: frames come in order, with one interrupt for all that came together")
    func order() throws {
        let net = try Net()
        let addresses = try net.offerBuffers([1526, 1526, 1526])
        net.base.line.clear()
        for seed in 0..<3 as Range<UInt8> {
            #expect(net.network.give(Net.header() + Net.frame(60 + Int(seed), seed: seed)) == true)
        }
        #expect(net.base.line.calls == 0)
        net.network.givenAll()
        #expect(net.base.line.risingEdges == 1)
        #expect(try net.received() == [72, 73, 74])
        for (seed, address) in addresses.enumerated() {
            let expected = Net.header(buffers: 1) + Net.frame(60 + seed, seed: UInt8(seed))
            #expect(try net.get(address, 72 + seed) == expected)
        }
        net.driver.acknowledgeInterrupt()
        net.network.givenAll()
        #expect(!net.base.line.isAsserted)
    }

    @Test("§5.1.6.4.1: without mergeable buffers num_buffers is 1, and a frame has one")
    func single() throws {
        let net = try Net()
        let addresses = try net.offerBuffers([100, 100])
        // Too large for one: dropped, and the buffer is there for the next.
        #expect(net.network.give(Net.header() + Net.frame(89)) == true)
        net.network.givenAll()
        #expect(try net.received() == [])
        #expect(net.network.give(Net.header() + Net.frame(88)) == true)
        #expect(try net.received() == [100])
        #expect(try net.get(addresses[0], 100) == Net.header(buffers: 1) + Net.frame(88))
    }

    @Test(
        "§5.1.6.4.1: mergeable buffers: as many as are needed, full but for the last, seen together",
        arguments: [
            (88, [100, 100], [100]), (89, [100, 100], [100, 1]), (188, [100, 100, 100], [100, 100]),
            (300, [12, 200, 5000, 9], [12, 200, 100]), (28, [12, 12, 12, 12], [12, 12, 12, 4]),
        ] as [(Int, [Int], [Int])])
    func merged(_ count: Int, _ sizes: [Int], _ used: [Int]) throws {
        let net = try Net(Feature.mergeable)
        let sizes = sizes.map { max($0, 12) }
        let addresses = try net.offerBuffers(sizes)
        #expect(net.network.give(Net.header() + Net.frame(count)) == true)
        #expect(try net.received() == used)
        let bytes = try zip(addresses, used).flatMap { try net.get($0, $1) }
        #expect(bytes == Net.header(buffers: UInt16(used.count)) + Net.frame(count))
    }

    /// Counts the writes to a place.
    private final class Watch: GuestWriteObserver {
        let writes = Recorder<Bool>()
        private let place: GuestAddress
        init(_ place: GuestAddress) { self.place = place }
        func noteWrite(_ address: GuestAddress, count: UInt64) { if address == place { writes.record(true) } }
    }

    @Test("§5.1.6.4.1: the used index moves once for all buffers of a frame")
    func together() throws {
        let net = try Net(Feature.mergeable)
        try net.offerBuffers([100, 100, 100, 100])
        let watch = Watch(GuestAddress(net.base.queues[0].deviceArea + 2))
        net.base.memory.setWriteObserver(watch)
        #expect(net.network.give(Net.header() + Net.frame(300)) == true)
        #expect(watch.writes.count == 1)
        #expect(try net.received().count == 4)
    }

    @Test("§5.1.6.4.1: the largest frame in small buffers")
    func largest() throws {
        let net = try Net(Feature.mergeable | Self.offloads, queueSize: 64)
        let header = Net.header(flags: 1, kind: 4, length: 74, size: 1428, start: 54, offset: 16)
        let addresses = try net.offerBuffers([Int](repeating: 1536, count: 43))
        #expect(net.network.give(header + Net.frame(65550)) == true)
        let used = try net.received()
        #expect(used == [Int](repeating: 1536, count: 42) + [65562 - 42 * 1536])
        try #require(used.count == 43)
        let bytes = try zip(addresses, used).flatMap { try net.get($0, $1) }
        #expect(bytes[10] == 43 && bytes[..<10] == header[..<10])
        #expect(Array(bytes[12...]) == Net.frame(65550))
    }

    @Test("without buffers a frame waits at the network, which is told when there are some")
    func noBuffers() throws {
        let net = try Net()
        #expect(net.network.give(Net.header() + Net.frame(60)) == false)
        try net.offerBuffers([1526])
        #expect(net.network.resumed.count == 1)
        #expect(net.network.give(Net.header() + Net.frame(60)) == true)
        // Nobody waits now.
        try net.offerBuffers([1526])
        #expect(net.network.resumed.count == 1)
    }

    @Test("buffers that are too few are kept for the frame; the driver is interrupted for those before")
    func tooFew() throws {
        let net = try Net(Feature.mergeable)
        try net.offerBuffers([100, 100, 100])
        #expect(net.network.give(Net.header() + Net.frame(60)) == true)
        net.base.line.clear()
        #expect(net.network.give(Net.header() + Net.frame(300)) == false)
        #expect(net.base.line.risingEdges == 1)
        #expect(try net.received() == [72])
        try net.offerBuffers([100, 100], from: Net.buffers + 0x1000)
        #expect(net.network.resumed.count == 1)
        #expect(net.network.give(Net.header() + Net.frame(300)) == true)
        #expect(try net.received() == [100, 100, 100, 12])
    }

    @Test("buffers that were kept for a frame which does not come again serve the next ones")
    func kept() throws {
        let net = try Net(Feature.mergeable)
        try net.offerBuffers([100, 101, 102])
        #expect(net.network.give(Net.header() + Net.frame(500)) == false)
        for count in [60, 61, 62] { #expect(net.network.give(Net.header() + Net.frame(count)) == true) }
        #expect(try net.received() == [72, 73, 74])
    }

    @Test("§2.7.10: the driver need not notify of buffers before one is wanted")
    func notifications() throws {
        let net = try Net()
        let queue = net.base.queues[0]
        #expect(try queue.noNotify)
        #expect(net.network.give(Net.header() + Net.frame(60)) == false)
        #expect(try !queue.noNotify)
        try net.offerBuffers([1526])
        #expect(try queue.noNotify)
    }

    @Test("§5.1.6.3.1: with mergeable buffers, one smaller than the header: DEVICE_NEEDS_RESET", arguments: [0, 1, 11])
    func smallBuffer(_ count: Int) throws {
        let net = try Net(Feature.mergeable)
        try net.offerBuffers([count])
        #expect(net.network.give(Net.header() + Net.frame(60)) == true)
        net.base.expectRefusal()
        #expect(try net.base.queues[0].usedIndex == 0)
    }

    @Test("§5.1.6.3: a device-readable buffer in a receive queue: DEVICE_NEEDS_RESET")
    func wrongDirection() throws {
        let net = try Net()
        try net.base.queues[0].offer([.readable(Net.buffers, 100), .writable(Net.buffers, 2000)])
        #expect(net.network.give(Net.header() + Net.frame(60)) == true)
        net.base.expectRefusal()
    }

    @Test("§5.1.6.4.1: with GUEST_CSUM, flags, checksum and segmentation come as the network gave them")
    func offloaded() throws {
        let net = try Net(Self.offloads)
        for header in [
            Net.header(flags: 2), Net.header(flags: 1, start: 14, offset: 6),
            Net.header(flags: 1, kind: 1, size: 10, start: 14, offset: 6),
            Net.header(flags: 1, kind: 0x84, size: 10, start: 14, offset: 6),
            Net.header(flags: 1, kind: 5, size: 10, start: 14, offset: 6),
        ] {
            let addresses = try net.offerBuffers([200])
            #expect(net.network.give(header + Net.frame(60)) == true)
            #expect(try net.received() == [72])
            #expect(try net.get(addresses[0], 12) == header[..<10] + [1, 0])
        }
    }

    @Test("§5.1.6.4.1: without GUEST_CSUM flags are zero; a frame with a begun checksum is not for this driver")
    func plain() throws {
        let net = try Net()
        let addresses = try net.offerBuffers([200])
        #expect(net.network.give(Net.header(flags: 1, start: 14, offset: 6) + Net.frame(60)) == true)
        #expect(try net.received() == [])
        #expect(net.network.give(Net.header(flags: 2) + Net.frame(60)) == true)
        #expect(try net.get(addresses[0], 12) == Net.header(buffers: 1))
    }

    @Test(
        "§5.1.6.4.1: gso_type is none that was not agreed on",
        arguments: [
            (Feature.guestTCP4 | Feature.guestECN, 1), (Feature.guestTCP6, 4), (Feature.guestUDP4, 5),
            (Feature.guestUDP6, 5), (Feature.guestECN, 0x81),
        ] as [(UInt64, UInt8)])
    func notNegotiated(_ feature: UInt64, _ kind: UInt8) throws {
        let header = Net.header(flags: 1, kind: kind, size: 10, start: 14, offset: 6)
        for (features, isTaken) in [(Self.offloads & ~feature, false), (Self.offloads, true)] {
            let net = try Net(features)
            try net.offerBuffers([200])
            #expect(net.network.give(header + Net.frame(60)) == true)
            #expect(try net.received() == (isTaken ? [72] : []))
        }
    }

    @Test("§5.1.4.1: nothing beyond the MTU but what is segmented, when the driver knows it")
    func mtu() throws {
        let net = try Net(Feature.mtu | Self.offloads, mtu: 1000)
        try net.offerBuffers([8000, 8000, 8000])
        #expect(net.network.give(Net.header() + Net.frame(1014)) == true)
        #expect(net.network.give(Net.header() + Net.frame(1015)) == true)
        let large = Net.header(flags: 1, kind: 1, size: 900, start: 14, offset: 6)
        #expect(net.network.give(large + Net.frame(5000)) == true)
        #expect(try net.received() == [1026, 5012])
    }

    @Test("frames that are none are dropped: too short, too long, with a header that lies")
    func nonsense() throws {
        let net = try Net(Self.offloads | Feature.mergeable)
        try net.offerBuffers([8000])
        let frames: [[UInt8]] = [
            [], [0], Net.header(), Net.header() + Net.frame(14).dropLast(), Net.header() + Net.frame(65551),
            Net.header(flags: 1, start: 100, offset: 0) + Net.frame(60), Net.header(kind: 1) + Net.frame(60),
        ]
        for frame in frames { #expect(net.network.give(frame) == true) }
        #expect(try net.received() == [])
        #expect(net.network.give(Net.header() + Net.frame(14)) == true)
        #expect(try net.received() == [26])
    }

    @Test("§2.6: frames for a receive queue that was not set up are dropped, not kept for ever")
    func noQueue() throws {
        let net = try Net(starts: false)
        #expect(net.driver.negotiate())
        net.driver.start()
        #expect(net.network.give(Net.header() + Net.frame(60)) == true)
        #expect(!net.driver.needsReset)
    }
}
