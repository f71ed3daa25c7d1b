import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// What a network device is: identity, features, configuration space, life cycle. Source: virtio 1.2 §5.1.1 to §5.1.5.
@Suite struct VirtioNetworkTests {
    typealias Net = NetworkFixture
    typealias Feature = NetworkFixture.Feature

    @Test("§5.1.1, §5.1.2: device 1; pairs of queues, then the control queue")
    func identity() throws {
        let net = try Net(starts: false)
        #expect(net.driver.read(MockMMIODriver.Register.deviceID) == 1)
        #expect(net.device.identity.queueSizes == [1024, 1024, 1024, 1024, 64])
        #expect(VirtioNetwork(net.network, address: Net.address, pairCount: 0).identity.queueSizes.count == 3)
        #expect(VirtioNetwork(net.network, address: Net.address, pairCount: 99).identity.queueSizes.count == 17)
    }

    @Test("§5.1.3: offloads are offered as the network has them")
    func offers() throws {
        let always =
            Feature.mtu | Feature.address | Feature.mergeable | Feature.status | Feature.control
            | Feature.controlReceive | Feature.controlExtra | Feature.announce | Feature.controlAddress | Feature.speed
        let own: UInt64 = 0xFFC0_0000_00FF_FFFF | Feature.speed
        func offered(_ offloads: NetworkOffloads, pairs: Int = 1) throws -> UInt64 {
            try Net(offloads: offloads, pairs: pairs, starts: false).driver.offeredFeatures & own
        }
        #expect(try offered([]) == always)
        #expect(try offered([], pairs: 2) == always | Feature.multiQueue)
        let checksums = Feature.checksum | Feature.guestChecksum | Feature.guestOffloads
        #expect(try offered(.checksum) == always | checksums)
        #expect(try offered([.checksum, .tcp4]) == always | checksums | Feature.hostTCP4 | Feature.guestTCP4)
        #expect(try offered([.checksum, .tcp6]) == always | checksums | Feature.hostTCP6 | Feature.guestTCP6)
        let udp = Feature.hostUDP | Feature.guestUDP4 | Feature.guestUDP6
        #expect(try offered([.checksum, .udp]) == always | checksums | udp)
        // Nothing is offered without what it needs.
        #expect(try offered([.tcp4, .tcp6, .udp, .ecn]) == always)
        #expect(try offered([.checksum, .ecn]) == always | checksums)
    }

    @Test(
        "§5.1.3.1: a feature without what it requires: FEATURES_OK does not stick",
        arguments: [
            (Feature.guestTCP4, Feature.guestChecksum), (Feature.guestTCP6, Feature.guestChecksum),
            (Feature.guestUDP4, Feature.guestChecksum), (Feature.guestUDP6, Feature.guestChecksum),
            (Feature.guestChecksum | Feature.guestECN, Feature.guestTCP4), (Feature.hostTCP4, Feature.checksum),
            (Feature.hostTCP6, Feature.checksum), (Feature.hostUDP, Feature.checksum),
            (Feature.checksum | Feature.hostECN, Feature.hostTCP6), (Feature.controlReceive, Feature.control),
            (Feature.announce, Feature.control), (Feature.multiQueue, Feature.control),
            (Feature.controlAddress, Feature.control),
        ] as [(UInt64, UInt64)])
    func requirements(_ features: UInt64, _ missing: UInt64) throws {
        let net = try Net(starts: false)
        #expect(!net.driver.negotiate(features | MockMMIODriver.version1))
        #expect(net.driver.negotiate(features | missing | MockMMIODriver.version1))
    }

    @Test("§5.1.4: the fields of the configuration space; nothing can be written")
    func configuration() throws {
        let net = try Net(mtu: 9000)
        func read(_ offset: UInt64, _ width: AccessWidth) -> UInt64 {
            net.base.mmio.read(at: MockMMIODriver.Register.config + offset, width: width)
        }
        for offset in 0..<0x40 as Range<UInt64> {
            net.base.mmio.write(0xAA, at: MockMMIODriver.Register.config + offset, width: .byte)
        }
        #expect((0..<6).map { UInt8(truncatingIfNeeded: read($0, .byte)) } == Net.address)
        #expect(read(6, .halfword) == 1)
        #expect(read(8, .halfword) == 2)
        #expect(read(10, .halfword) == 9000)
        #expect(read(8, .word) == 9000 << 16 | 2)
        #expect(read(12, .word) == 10_000)
        #expect(read(16, .byte) == 1)
        #expect(read(20, .word) == 0)
        #expect(net.device.readConfiguration(at: .max, width: .word) == 0)
    }

    @Test("§5.1.4: link changes interrupt the driver that wants to know, and read as status")
    func link() throws {
        let net = try Net(Feature.status)
        let status = { net.base.mmio.read(at: MockMMIODriver.Register.config + 6, width: .halfword) }
        net.network.setLink(isUp: false)
        #expect(net.driver.acknowledgeInterrupt() == 2)
        #expect(status() == 0)
        net.network.setLink(isUp: true)
        #expect(net.driver.acknowledgeInterrupt() == 2)
        #expect(status() == 1)
        let deaf = try Net(0)
        deaf.network.setLink(isUp: false)
        #expect(deaf.driver.interruptStatus == 0)
    }

    @Test("§5.1.6.5.4: a link that comes back asks for announcements, until they are acknowledged")
    func announcement() throws {
        let net = try Net(Feature.status | Feature.control | Feature.announce, pairs: 1)
        let status = { net.base.mmio.read(at: MockMMIODriver.Register.config + 6, width: .halfword) }
        net.network.setLink(isUp: false)
        #expect(status() == 0)
        net.network.setLink(isUp: true)
        #expect(status() == 3)
        #expect(try net.command([3, 0], queue: 2) == 0)
        #expect(status() == 1)
    }

    @Test("the network is told of a driver at DRIVER_OK, with what it can do, and of its end at the reset")
    func attachment() throws {
        let net = try Net(Feature.guestChecksum | Feature.guestTCP4 | Feature.guestECN | Feature.guestUDP4)
        #expect(net.network.attached.values == [[.checksum, .tcp4, .ecn]])
        #expect(net.network.isAttached)
        net.driver.write(0, MockMMIODriver.Register.status)
        #expect(!net.network.isAttached)
        net.base.start(Feature.guestChecksum | Feature.guestUDP4 | Feature.guestUDP6)
        #expect(net.network.attached.values.last == [.checksum, .udp])
        net.device.disconnect()
        #expect(!net.network.isAttached)
    }

    @Test("after a reset no guest memory is touched, and what was under way is forgotten")
    func reset() throws {
        let net = try Net(Feature.mergeable)
        // A frame that waits for room, and buffers that wait for the rest of a frame.
        net.network.setRoom(0)
        try net.offer(Net.frame(100))
        net.kick()
        try net.offerBuffers([100, 100])
        #expect(net.network.give(Net.header() + Net.frame(300)) == false)
        let before = try net.base.memory.copyOut(GuestAddress(Net.Base.ram), count: Int(Net.Base.ramSize))
        net.driver.write(0, MockMMIODriver.Register.status)
        net.network.setRoom(nil)
        net.device.canSend()
        #expect(net.device.receive(Net.header() + Net.frame(60), 0..<72))
        net.device.receivedAll()
        #expect(net.network.sent.count == 0)
        #expect(try net.base.memory.copyOut(GuestAddress(Net.Base.ram), count: before.count) == before)
        #expect(!net.base.line.isAsserted)
        // The next driver finds nothing of it.
        net.base.queues = net.base.queues.map { MockDriverQueue(net.base.memory, at: $0.descriptorTable, size: 16) }
        for queue in net.base.queues {
            try net.base.memory.fill(GuestAddress(queue.descriptorTable), count: 0x400, with: 0)
        }
        net.base.start()
        #expect(try net.send(Net.frame(60)) == Net.header() + Net.frame(60))
        #expect(try net.takes(Net.address))
    }

    @Test("§2.6.1: a queue that is reset alone gives back what the device holds of it")
    func queueReset() throws {
        let net = try Net(Feature.mergeable | MockMMIODriver.ringReset)
        net.network.setRoom(0)
        try net.offer(Net.frame(100))
        net.kick()
        try net.offerBuffers([100, 100])
        #expect(net.network.give(Net.header() + Net.frame(300)) == false)
        for queue in [0, 1] as [UInt64] {
            net.driver.write(queue, MockMMIODriver.Register.queueSel)
            net.driver.write(1, MockMMIODriver.Register.queueReset)
            #expect(net.driver.read(MockMMIODriver.Register.queueReset) == 0)
        }
        // Nobody is there to wait for.
        #expect(net.network.give(Net.header() + Net.frame(300)) == true)
        net.network.setRoom(nil)
        #expect(net.network.sent.count == 0)
        for index in [0, 1] {
            let queue = MockDriverQueue(net.base.memory, at: net.base.queues[index].descriptorTable, size: 16)
            try net.base.memory.fill(GuestAddress(queue.descriptorTable), count: 0x400, with: 0)
            net.base.queues[index] = queue
            net.driver.setUp(queue, as: UInt64(index))
        }
        #expect(try net.send(Net.frame(60)) == Net.header() + Net.frame(60))
        #expect(try net.takes(Net.address))
    }

    @Test("§2.1.2: after a fault of one queue the device works on none, until it is reset")
    func broken() throws {
        let net = try Net(Feature.control | Feature.multiQueue)
        try net.offerBuffers([2048])
        try net.base.queues[3].offer([.writable(Net.frames, 100)])
        net.kick(pair: 1)
        net.base.expectRefusal()
        #expect(net.network.give(Net.header() + Net.frame(60)) == true)
        try net.offer(Net.frame(60))
        net.device.notify(queue: 1)
        net.device.notify(queue: -1)
        net.device.notify(queue: 99)
        net.network.givenAll()
        #expect(try net.received() == [])
        #expect(net.network.sent.count == 0)
    }
}
