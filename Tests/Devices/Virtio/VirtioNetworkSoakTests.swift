import NetworkFrames
import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Network drivers and networks out of their minds, with fixed seeds; and good ones that do everything in any order.
@Suite struct VirtioNetworkSoakTests {
    typealias Net = NetworkFixture
    typealias Feature = NetworkFixture.Feature

    private static let offloads =
        Feature.checksum | Feature.hostTCP4 | Feature.hostUDP | Feature.guestChecksum | Feature.guestTCP4
        | Feature.guestOffloads
    private static let control =
        Feature.control | Feature.controlReceive | Feature.controlExtra | Feature.controlAddress | Feature.multiQueue
    private static let rings = MockMMIODriver.indirect | MockMMIODriver.eventIndex | MockMMIODriver.ringReset

    /// Sets of features that keep the requirements.
    private func features(_ random: inout SeededGenerator) -> UInt64 {
        var features = random.next() & (Feature.mergeable | Feature.mtu | Feature.status | Self.rings)
        if random.next() % 2 == 0 { features |= Self.offloads }
        if random.next() % 2 == 0 { features |= Self.control }
        return features
    }

    private func header(_ random: inout SeededGenerator) -> [UInt8] {
        switch random.next() % 4 {
        case 0: Net.header()
        case 1: Net.header(flags: 1, kind: 1, size: UInt16(random.next() % 2000), start: 34, offset: 16)
        case 2: (0..<12).map { _ in UInt8(truncatingIfNeeded: random.next() % 8) }
        default: (0..<12).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        }
    }

    private func buffer(_ random: inout SeededGenerator, isWritable: Bool) -> MockDriverQueue.Buffer {
        let address =
            random.next() % 64 == 0 ? random.next() : Net.frames + random.next() % 0x6_0000
        let length = random.next() % 128 == 0 ? random.next() : random.next() % 3000
        let count = UInt32(truncatingIfNeeded: length)
        let writes = isWritable != (random.next() % 256 == 0)
        return writes ? .writable(address, count) : .readable(address, count)
    }

    /// Something in each queue, mostly sane; and sometimes a command, or noise in the rings.
    private func drive(_ net: Net, _ random: inout SeededGenerator) throws {
        for index in net.base.queues.indices {
            for _ in 0..<random.next() % 3 {
                let isWritable = index % 2 == 0
                var buffers = (0...random.next() % 3).map { _ in buffer(&random, isWritable: isWritable) }
                if index == Net.controlIndex {
                    buffers = [.readable(Net.commands + random.next() % 64, UInt32(random.next() % 20))]
                    buffers += [.writable(Net.commands + 0x1000, UInt32(random.next() % 8))]
                }
                try net.base.queues[index].offer(buffers)
            }
            if random.next() % 64 == 0 {
                let queue = net.base.queues[index]
                try net.put([UInt8(truncatingIfNeeded: random.next())], queue.descriptorTable + random.next() % 0x200)
            }
            if random.next() % 4 == 0 { net.driver.notify(UInt64(index)) }
        }
        if random.next() % 4 == 0 { try net.put(header(&random), Net.frames + random.next() % 0x6_0000) }
        let command = (0..<20).map { _ in UInt8(random.next() % 6) }
        try net.put(command, Net.commands + random.next() % 64)
        if random.next() % 32 == 0 { net.driver.notify(random.next() % 8) }
        if random.next() % 32 == 0 {
            net.driver.write(random.next() % 5, MockMMIODriver.Register.queueSel)
            net.driver.write(1, MockMMIODriver.Register.queueReset)
            #expect(net.driver.read(MockMMIODriver.Register.queueReset) == 0)
        }
    }

    private func disturb(_ net: Net, _ random: inout SeededGenerator) {
        switch random.next() % 8 {
        case 0: net.network.setRoom(Int(random.next() % 4))
        case 1: net.network.setRoom(nil)
        case 2: net.network.setLink(isUp: random.next() % 2 == 0)
        case 3: net.network.givenAll()
        case 4: net.network.give((0..<random.next() % 100).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        default: net.network.give(header(&random) + Net.frame(Int(random.next() % 4000)))
        }
    }

    private func restart(_ net: Net, _ features: UInt64) throws {
        net.driver.write(0, MockMMIODriver.Register.status)
        #expect(net.driver.status == 0)
        #expect(!net.base.line.isAsserted)
        net.base.queues = net.base.queues.map { MockDriverQueue(net.base.memory, at: $0.descriptorTable, size: 16) }
        for queue in net.base.queues {
            try net.base.memory.fill(GuestAddress(queue.descriptorTable), count: 0x400, with: 0)
        }
        net.base.start(features)
    }

    @Test(
        "random rings, headers, buffers, commands and frames: what a network gets is sound, and a reset mends the device",
        arguments: 1...8 as ClosedRange<UInt64>)
    func hostile(_ seed: UInt64) throws {
        let net = try Net()
        var random = SeededGenerator(seed: seed)
        var faults = 0
        var agreed: UInt64 = 0
        var checked = 0
        for _ in 0..<1500 {
            if random.next() % 32 == 0 || net.driver.needsReset {
                if net.driver.needsReset { faults += 1 }
                agreed = features(&random)
                try restart(net, agreed)
            }
            try drive(net, &random)
            disturb(net, &random)
            for frame in net.network.sent.values.dropFirst(checked) {
                let header = try OffloadHeader(frame, at: 0, frameLength: frame.count - 12)
                #expect(frame.count >= 26 && frame.count <= 65562)
                #expect(agreed & Feature.checksum != 0 || header == OffloadHeader(headerLength: header.headerLength))
            }
            checked = net.network.sent.count
        }
        // The seeds are good for something.
        #expect(faults > 20)
        #expect(checked > 200)
        try restart(net, 0)
        net.network.setRoom(nil)
        #expect(try net.send(Net.frame(60)) == Net.header() + Net.frame(60))
        #expect(try net.takes(Net.address))
    }

    @Test(
        "a good driver: each frame arrives whole and in order, whatever the buffers, the room and the batches",
        arguments: [0, Feature.mergeable, Feature.mergeable | Self.rings] as [UInt64], 1...3 as ClosedRange<UInt64>)
    func good(_ features: UInt64, _ seed: UInt64) throws {
        let net = try Net(features)
        var random = SeededGenerator(seed: seed)
        let isMergeable = features & Feature.mergeable != 0
        var sent: [[UInt8]] = []
        var given: [[UInt8]] = []
        var received: [[UInt8]] = []
        var waiting: [UInt8]?
        var partial: (bytes: [UInt8], left: Int) = ([], 0)
        var offered = 0
        var taken = 0
        // Places of buffers, by the order of the rings: 16 of each, used again when they have come back.
        func place(_ number: Int) -> UInt64 { Net.buffers + UInt64(number % 16) * 0x800 }
        var lengths: [Int: Int] = [:]
        for step in 0..<3000 {
            if step % 7 == 0 { net.network.setRoom(random.next() % 2 == 0 ? Int(random.next() % 3) : nil) }
            let under = Int(net.base.queues[1].availableIndex &- (try net.base.queues[1].usedIndex))
            if under < 7, random.next() % 2 == 0 {
                let frame = Net.frame(14 + Int(random.next() % 1500), seed: UInt8(step & 255))
                try net.offer(frame, at: Net.frames + UInt64(sent.count % 8) * 0x800)
                sent.append(Net.header() + frame)
                if random.next() % 2 == 0 { net.kick() }
            }
            if offered - taken < 16 {
                let length = isMergeable ? 12 + Int(random.next() % 300) : 1526
                lengths[offered] = length
                try net.offerBuffers([length], from: place(offered), notifies: random.next() % 2 == 0)
                offered += 1
            }
            if let frame = waiting ?? (random.next() % 2 == 0 ? Net.frame(14 + Int(random.next() % 1400)) : nil) {
                let isTaken = net.network.give(Net.header() + frame) == true
                waiting = isTaken ? nil : frame
                if isTaken { given.append(frame) }
            }
            if random.next() % 4 == 0 { net.network.givenAll() }
            while let used = try net.base.queues[0].takeUsed() {
                let bytes = try net.get(place(taken), Int(used.length))
                taken += 1
                guard partial.left == 0 else {
                    partial = (partial.bytes + bytes, partial.left - 1)
                    if partial.left == 0 { received.append(partial.bytes) }
                    continue
                }
                // All buffers of a frame are there when its first is, and all but the last are full.
                let count = Int(bytes[10])
                let later = try net.base.queues[0].usedIndex &- net.base.queues[0].seenUsed
                #expect(count >= 1 && Int(later) >= count - 1)
                #expect(count == 1 || Int(used.length) == lengths[taken - 1])
                partial = (Array(bytes[12...]), count - 1)
                if count == 1 { received.append(partial.bytes) }
            }
        }
        net.network.setRoom(nil)
        net.kick()
        #expect(net.network.sent.values == sent)
        #expect(received == given)
        #expect(given.count > (isMergeable ? 200 : 1000))
        #expect(!net.driver.needsReset)
    }

    @Test("drivers that send on both queues and reset, and a network that gives frames, all at once")
    func concurrent() throws {
        let net = try Net(Feature.mergeable | Self.control)
        let (base, network, driver) = (net.base, net.network, net.driver)
        // Other queues' rings must not be touched by two threads: each has copies of its own.
        let senders = [0, 1].map { pair in
            let queue = base.queues[2 * pair + 1]
            return HostThread {
                var queue = queue
                for step in 0..<3000 as Range<UInt64> {
                    let address = Net.frames + UInt64(pair) * 0x8000 + step % 8 * 0x800
                    _ = try? queue.offer([.readable(address, UInt32(26 + step % 1000))])
                    driver.notify(UInt64(2 * pair + 1))
                }
            }
        }
        let giver = HostThread {
            for step in 0..<3000 {
                network.give(Net.header() + Net.frame(60 + step % 2000, to: Net.address))
                network.givenAll()
                network.setRoom(step % 3 == 0 ? nil : step % 3)
            }
        }
        for step in 0..<200 as Range<UInt64> {
            driver.negotiate(Feature.mergeable | Self.control | MockMMIODriver.version1)
            for (index, queue) in base.queues.enumerated() { driver.setUp(queue, as: UInt64(index)) }
            driver.start()
            _ = try? base.queues[0].offer([.writable(Net.buffers + step % 16 * 0x800, 0x800)])
            driver.notify(0)
        }
        for sender in senders { #expect(sender.finishes(within: 60)) }
        #expect(giver.finishes(within: 60))
        driver.write(0, MockMMIODriver.Register.status)
        #expect(!base.line.isAsserted)
        #expect(!network.isAttached)
    }
}
