import NetworkFrames
import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Source: virtio 1.2 §5.1.6.5.
@Suite struct VirtioNetworkControlTests {
    typealias Net = NetworkFixture
    typealias Feature = NetworkFixture.Feature

    static let control =
        Feature.control | Feature.controlReceive | Feature.controlExtra | Feature.controlAddress | Feature.multiQueue
        | Feature.announce | Feature.guestChecksum | Feature.guestOffloads
    static let ok: UInt8 = 0, error: UInt8 = 1
    static let broadcast = [UInt8](repeating: 0xFF, count: 6)
    static let group: [UInt8] = [0x33, 0x33, 0, 0, 0, 1]
    static let otherGroup: [UInt8] = [1, 0, 0x5E, 0, 0, 0xFB]
    static let stranger: [UInt8] = [2, 0, 0, 0, 0, 9]

    private func table(_ unicast: [[UInt8]], _ multicast: [[UInt8]]) -> [UInt8] {
        var bytes: [UInt8] = [1, 0]
        for addresses in [unicast, multicast] {
            bytes += UInt32(addresses.count).littleEndianBytes
            for address in addresses { bytes += address }
        }
        return bytes
    }

    @Test("§5.1.6.5: unknown classes and commands, and data of the wrong size, are errors")
    func errors() throws {
        let net = try Net(Self.control)
        for bytes in [
            [0, 6, 1], [1, 2], [2, 0, 1, 0], [3, 1], [4, 1, 1, 0], [5, 1], [6, 0], [255, 255],
            [0, 0], [0, 0, 2], [0, 0, 1, 1], [1, 1, 2, 0, 0, 0, 0], [1, 1] + Self.stranger + [0], [1, 1] + Self.group,
            [3, 0, 0], [4, 0, 1], [4, 0, 1, 0, 0], [5, 0, 2], [5, 0] + [UInt8](repeating: 0, count: 9),
        ] as [[UInt8]] {
            #expect(try net.command(bytes) == Self.error, "\(bytes)")
        }
        #expect(!net.driver.needsReset)
    }

    @Test(
        "§5.1.6.5: a command without class, command or room for the answer: DEVICE_NEEDS_RESET",
        arguments: [
            [.readable(Net.commands, 1), .writable(Net.commands, 1)], [.writable(Net.commands, 1)],
            [.readable(Net.commands, 3)], [.readable(Net.commands, 3), .writable(Net.commands, 0)],
        ] as [[MockDriverQueue.Buffer]])
    func tooShort(_ buffers: [MockDriverQueue.Buffer]) throws {
        let net = try Net(Self.control)
        try net.base.queues[Net.controlIndex].offer(buffers)
        net.driver.notify(UInt64(Net.controlIndex))
        net.base.expectRefusal()
    }

    @Test("§5.1.6.5: commands whose feature was not agreed on are errors")
    func notNegotiated() throws {
        let net = try Net(Feature.control)
        for bytes in [
            [0, 0, 1], [0, 2, 1], table([], []), [1, 1] + Self.stranger, [3, 0], [4, 0, 1, 0],
            [5, 0] + [UInt8](repeating: 0, count: 8),
        ] {
            #expect(try net.command(bytes, queue: 2) == Self.error)
        }
    }

    @Test("§5.1.6.5.1: a driver that can set the filter gets what is for it and for all, at first")
    func initialFilter() throws {
        let net = try Net(Self.control)
        #expect(try net.takes(Net.address))
        #expect(try net.takes(Self.broadcast))
        #expect(try !net.takes(Self.stranger))
        #expect(try !net.takes(Self.group))
        // One that cannot gets everything.
        let other = try Net()
        #expect(try other.takes(Self.stranger))
        #expect(try other.takes(Self.group))
    }

    @Test("§5.1.6.5.1.1: promiscuous, allmulti, alluni; nomulti, nouni, nobcast are stronger, promiscuous is strongest")
    func modes() throws {
        let net = try Net(Self.control)
        func takes() throws -> [Bool] {
            try [Net.address, Self.stranger, Self.group, Self.broadcast].map { try net.takes($0) }
        }
        func set(_ mode: UInt8, _ isOn: Bool) throws { #expect(try net.command([0, mode, isOn ? 1 : 0]) == Self.ok) }
        try set(0, true)
        #expect(try takes() == [true, true, true, true])
        try set(0, false)
        #expect(try takes() == [true, false, false, true])
        try set(1, true)
        #expect(try takes() == [true, false, true, true])
        try set(2, true)
        #expect(try takes() == [true, true, true, true])
        try set(3, true)
        #expect(try takes() == [true, true, false, true])
        try set(4, true)
        #expect(try takes() == [false, false, false, true])
        try set(5, true)
        #expect(try takes() == [false, false, false, false])
        try set(0, true)
        #expect(try takes() == [true, true, true, true])
    }

    @Test("§5.1.6.5.2: a table is in effect when its command is used; the next one replaces it; a reset empties it")
    func tables() throws {
        let net = try Net(Self.control)
        #expect(try net.command(table([Self.stranger], [Self.group])) == Self.ok)
        #expect(try net.takes(Self.stranger))
        #expect(try net.takes(Self.group))
        #expect(try !net.takes(Self.otherGroup))
        #expect(try net.command(table([], [Self.otherGroup])) == Self.ok)
        #expect(try !net.takes(Self.stranger))
        #expect(try !net.takes(Self.group))
        #expect(try net.takes(Self.otherGroup))
        net.driver.write(0, MockMMIODriver.Register.status)
        net.base.queues = net.base.queues.map { MockDriverQueue(net.base.memory, at: $0.descriptorTable, size: 16) }
        for queue in net.base.queues {
            try net.base.memory.fill(GuestAddress(queue.descriptorTable), count: 0x400, with: 0)
        }
        net.base.start(Self.control)
        #expect(try !net.takes(Self.otherGroup))
    }

    @Test(
        "§5.1.6.5.2: more addresses than are kept mean all of their kind, also when the command is not read to its end")
    func manyAddresses() throws {
        let many = (0..<65).map { [0x33, 0x33, 1, 1, 1, UInt8($0)] as [UInt8] }
        let net = try Net(Self.control)
        #expect(try net.command(table([], Array(many.dropLast()))) == Self.ok)
        #expect(try !net.takes(Self.group))
        #expect(try net.command(table([], many)) == Self.ok)
        #expect(try net.takes(Self.group))
        #expect(try !net.takes(Self.stranger))
        let thousands = (0..<4000).map { [2, 0, 0, 0, UInt8($0 >> 8), UInt8($0 & 255)] as [UInt8] }
        #expect(try net.command(table(thousands, [])) == Self.ok)
        #expect(try net.takes(Self.stranger))
    }

    @Test("§5.1.6.5.2: tables that do not fit their command are errors, and change nothing")
    func badTables() throws {
        let net = try Net(Self.control)
        #expect(try net.command(table([], [Self.group])) == Self.ok)
        for bytes in [
            [1, 0], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0], [1, 0, 255, 255, 255, 255, 0, 0, 0, 0],
            [1, 0, 1, 0, 0, 0] + Self.stranger, Array(table([], [Self.group]).dropLast()), table([], []) + [0],
        ] as [[UInt8]] {
            #expect(try net.command(bytes) == Self.error)
        }
        #expect(try net.takes(Self.group))
    }

    @Test(
        "§5.1.6.5.2: an address that is set is in the configuration space and the filter; a reset brings the first one back"
    )
    func address() throws {
        let net = try Net(Self.control)
        func address() -> [UInt8] {
            (0..<6).map { UInt8(truncatingIfNeeded: net.base.mmio.read(at: 0x100 + $0, width: .byte)) }
        }
        #expect(try net.command([1, 1] + Self.stranger) == Self.ok)
        #expect(address() == Self.stranger)
        #expect(try net.takes(Self.stranger))
        #expect(try !net.takes(Net.address))
        net.driver.write(0, MockMMIODriver.Register.status)
        #expect(address() == Net.address)
    }

    @Test("§5.1.6.5.7: guest offloads change with the network told, and nothing comes that they do not allow")
    func guestOffloads() throws {
        let net = try Net(Self.control | Feature.guestTCP4 | Feature.guestTCP6)
        let large = Net.header(flags: 1, kind: 1, size: 10, start: 14, offset: 6) + Net.frame(60, to: Net.address)
        func takesLarge() throws -> Bool {
            try net.offerBuffers([2048])
            net.network.give(large)
            return try net.received() != []
        }
        #expect(try takesLarge())
        #expect(try net.command([5, 0] + (0 as UInt64).littleEndianBytes) == Self.ok)
        #expect(net.network.attached.values.last == [])
        #expect(try !takesLarge())
        #expect(try net.command([5, 0] + (Feature.guestChecksum | Feature.guestTCP4).littleEndianBytes) == Self.ok)
        #expect(net.network.attached.values.last == [.checksum, .tcp4])
        #expect(try takesLarge())
    }

    @Test(
        "§5.1.6.5.7: offloads that were not agreed on, or lack what they need, are errors",
        arguments: [Feature.guestUDP4, Feature.guestTCP4, 1 << 10, 1, .max] as [UInt64])
    func badOffloads(_ features: UInt64) throws {
        let net = try Net(Self.control | Feature.guestTCP4)
        let count = net.network.attached.count
        #expect(try net.command([5, 0] + features.littleEndianBytes) == Self.error)
        #expect(net.network.attached.count == count)
    }

    @Test("§5.1.6.5.5.2: after a reset all frames come by the first queue; none comes by one beyond those in use")
    func oneQueue() throws {
        let net = try Net(Self.control)
        try net.offerBuffers([2048], pair: 1)
        _ = try net.send(Net.datagram(guestPort: 1000, isSent: true), pair: 1)
        for count in [1, 2, 1] as [UInt8] {
            #expect(try net.command([4, 0, count, 0]) == Self.ok)
            guard count == 1 else { continue }
            _ = try net.send(Net.datagram(guestPort: 1000, isSent: true), pair: 1)
            try net.offerBuffers([2048])
            net.network.give(Net.header() + Net.datagram(guestPort: 1000, isSent: false))
            #expect(try net.received() != [])
            #expect(try net.received(pair: 1) == [])
        }
    }

    @Test("§5.1.6.5.5: a flow comes by the receive queue of the transmit queue that it used last")
    func steering() throws {
        let net = try Net(Self.control)
        #expect(try net.command([4, 0, 2, 0]) == Self.ok)
        for pair in 0..<2 { try net.offerBuffers([64], from: Net.buffers + UInt64(pair) * 0x1000, pair: pair) }
        for port in 1000..<1050 as Range<UInt16> {
            for pair in [Int(port % 2), 1 - Int(port % 2)] {
                #expect(try net.send(Net.datagram(guestPort: port, isSent: true), pair: pair) != nil)
                #expect(net.network.give(Net.header() + Net.datagram(guestPort: port, isSent: false)) == true)
                #expect(try net.received(pair: pair) == [58])
                #expect(try net.received(pair: 1 - pair) == [])
                try net.offerBuffers([64], from: Net.buffers + UInt64(pair) * 0x1000, pair: pair)
            }
        }
    }

    @Test(
        "§5.1.6.5.5.1: zero pairs, or more than there are, are an error", arguments: [0, 3, 0x8000, 0xFFFF] as [UInt16])
    func badPairs(_ count: UInt16) throws {
        let net = try Net(Self.control)
        #expect(try net.command([4, 0] + count.littleEndianBytes) == Self.error)
    }

    @Test("a frame that waits for a queue is offered again when the queues in use change")
    func pairsResume() throws {
        let net = try Net(Self.control)
        #expect(net.network.give(Net.header() + Net.frame(60, to: Net.address)) == false)
        #expect(try net.command([4, 0, 2, 0]) == Self.ok)
        #expect(net.network.resumed.count == 1)
    }
}
