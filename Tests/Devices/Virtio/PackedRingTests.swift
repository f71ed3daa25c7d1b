import Testing
import VMMCore
import VMMTestSupport

@testable import VirtioDevices

/// A packed queue without a device, and a driver for it.
struct PackedFixture {
    static let features: VirtioFeatures = [.version1, .packedRing, .indirectDescriptors, .eventIndex]
    static let buffers: UInt64 = 0x4008_0000
    static let ram: UInt64 = 0x4000_0000
    static let ramSize: UInt64 = 1 << 20

    let memory: GuestMemory
    let queue: VirtioQueue
    var driver: MockPackedQueue

    init(size: UInt16 = 8, _ features: VirtioFeatures = Self.features) throws {
        let range = try #require(GuestRange(start: GuestAddress(Self.ram), size: Self.ramSize))
        memory = try GuestMemory([range])
        driver = MockPackedQueue(memory, at: Self.ram, size: size)
        queue = VirtioQueue(index: 0, maximumSize: 1024, memory: memory)
        try queue.start(driver.layout, features: features)
    }
}

extension MockPackedQueue {
    var layout: QueueLayout {
        QueueLayout(
            size: UInt32(size), descriptorTable: GuestAddress(descriptorRing), driverArea: GuestAddress(driverArea),
            deviceArea: GuestAddress(deviceArea))
    }
}

/// Chains of packed rings that obey the rules.
@Suite struct PackedRingTests {
    typealias Fixture = PackedFixture

    @Test(
        "§2.8.6: a chain's elements come in order; one used descriptor has the id, the length, and the flags of this lap"
    )
    func order() throws {
        var fixture = try Fixture()
        let base = Fixture.buffers
        fixture.driver.firstID = 0x1234
        let id = try fixture.driver.offer([.readable(base, 3), .readable(base + 0x100, 5), .writable(base + 0x200, 7)])
        var chain = try fixture.queue.requireChain()
        #expect(chain.readableBytes == 8 && chain.writableBytes == 7)
        #expect(chain.segmentCount == 3 && chain.readableSegmentCount == 2)
        #expect(chain.segment(1) == ChainSegment(address: GuestAddress(base + 0x100), length: 5))
        #expect(fixture.queue.write(&chain, from: [1, 2, 3, 4], 0..<4) == 4)
        fixture.queue.complete(chain)
        let used = try #require(try fixture.driver.takeUsed())
        #expect(used == (id, 4, MockPackedQueue.available | MockPackedQueue.used | MockPackedQueue.write))
        #expect(try fixture.driver.takeUsed() == nil)
        #expect(fixture.queue.nextKind() == .empty)
    }

    @Test("§2.8.3: the write flag of a used descriptor says whether anything was written")
    func nothingWritten() throws {
        var fixture = try Fixture()
        let id = try fixture.driver.offer([.writable(Fixture.buffers, 7)])
        fixture.queue.complete(try fixture.queue.requireChain())
        #expect(try fixture.driver.takeUsed() ?? (9, 9, 9) == (id, 0, MockPackedQueue.available | MockPackedQueue.used))
    }

    @Test(
        "§2.8.1: laps without end, in rings of every size; the wrap counters turn also within a chain",
        arguments: [1, 2, 3, 7, 8, 1000] as [UInt16])
    func laps(_ size: UInt16) throws {
        var fixture = try Fixture(size: size)
        for round in 0..<(5 * Int(size) + 20) {
            let count = min(Int(size), 1 + round % 3)
            let elements = (0..<count).map { MockPackedQueue.Buffer.readable(Fixture.buffers, UInt32($0 + round)) }
            let id = try fixture.driver.offer(elements)
            let chain = try fixture.queue.requireChain()
            try #require(chain.segmentCount == count)
            try #require(chain.segment(count - 1).length == UInt32(count - 1 + round))
            fixture.queue.complete(chain)
            try #require(fixture.queue.nextKind() == .empty)
            try #require(try fixture.driver.takeUsed()?.id == id)
            try #require(try fixture.driver.takeUsed() == nil)
        }
    }

    @Test("§2.8.12: used descriptors stand in the order of completion, also where that is not the order of the chains")
    func outOfOrder() throws {
        var fixture = try Fixture(size: 5)
        for lap in 0..<7 {
            var held: [HeldChain] = []
            var ids: [UInt16] = []
            for count in [2, 1, 2] {
                let elements = [MockPackedQueue.Buffer](repeating: .readable(Fixture.buffers, 1), count: count)
                ids.append(try fixture.driver.offer(elements))
                held.append(HeldChain(try fixture.queue.requireChain()))
            }
            #expect(fixture.queue.nextKind() == .empty)
            let order = [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]][lap % 4]
            for index in order { try fixture.queue.complete(held[index].take()) }
            for index in order { #expect(try fixture.driver.takeUsed()?.id == ids[index]) }
        }
    }

    @Test("§2.8.9: staged chains are seen together with the one that is completed after them")
    func staged() throws {
        var fixture = try Fixture(size: 4)
        for _ in 0..<3 {
            let ids = try (0..<3).map { try fixture.driver.offer([.writable(Fixture.buffers + $0, 1)]) }
            fixture.queue.stage(try fixture.queue.requireChain())
            fixture.queue.stage(try fixture.queue.requireChain())
            #expect(try fixture.driver.takeUsed() == nil)
            fixture.queue.complete(try fixture.queue.requireChain())
            for id in ids { #expect(try fixture.driver.takeUsed()?.id == id) }
            #expect(fixture.queue.takeInterruptDecision())
        }
    }

    @Test("§2.8.7: a table gives its elements; of its flags only WRITE counts, and of its descriptor's WRITE does not")
    func indirect() throws {
        var fixture = try Fixture()
        let base = Fixture.buffers
        let table = base + 0x1001
        try fixture.driver.offerIndirect(
            [.readable(base, 3), .readable(base, 4), .writable(base + 0x100, 7)], table: table)
        try fixture.driver.setFlags(0, MockPackedQueue.indirect | MockPackedQueue.available, table: table)
        try fixture.driver.setFlags(1, MockPackedQueue.used, table: table)
        let flags = fixture.driver.availableFlags | MockPackedQueue.indirect | MockPackedQueue.write
        try fixture.driver.setFlags(0, flags)
        let chain = try fixture.queue.requireChain()
        #expect(chain.readableBytes == 7 && chain.writableBytes == 7 && chain.segmentCount == 3)
        fixture.queue.complete(chain)
        #expect(try fixture.driver.takeUsed()?.id == 0)
    }

    @Test("§2.8.5: chains with and without a table in one ring")
    func mixed() throws {
        var fixture = try Fixture(size: 3)
        for round in 0..<10 {
            let id =
                round % 2 == 0
                ? try fixture.driver.offer([.readable(Fixture.buffers, 1), .writable(Fixture.buffers, 1)])
                : try fixture.driver.offerIndirect([.writable(Fixture.buffers, 2)], table: Fixture.buffers + 0x1000)
            let chain = try fixture.queue.requireChain()
            #expect(chain.writableBytes == (round % 2 == 0 ? 1 : 2))
            fixture.queue.complete(chain)
            #expect(try fixture.driver.takeUsed()?.id == id)
        }
    }

    @Test(
        "§2.6.1: a ring that is started anew begins at entry 0 with wrap counters of 1; its former chains do not reach it"
    )
    func restart() throws {
        var fixture = try Fixture(size: 3)
        for _ in 0..<4 {
            try fixture.driver.offer([.readable(Fixture.buffers, 1)])
            #expect(fixture.queue.nextKind() == .chain)
            _ = try fixture.driver.takeUsed()
        }
        try fixture.driver.offer([.readable(Fixture.buffers, 1)])
        let old = try fixture.queue.requireChain()
        fixture.queue.stop()
        try fixture.memory.fill(GuestAddress(Fixture.ram), count: 0x100, with: 0)
        fixture.driver = MockPackedQueue(fixture.memory, at: Fixture.ram, size: 3)
        try fixture.queue.start(fixture.driver.layout, features: Fixture.features)
        #expect(fixture.queue.isDraining)
        fixture.queue.complete(old)
        #expect(!fixture.queue.isDraining)
        #expect(try fixture.driver.takeUsed() == nil)
        try fixture.driver.offer([.readable(Fixture.buffers, 2)])
        let chain = try fixture.queue.requireChain()
        #expect(chain.readableBytes == 2)
        fixture.queue.complete(chain)
        #expect(try fixture.driver.takeUsed()?.id == 0)
    }

    @Test("§2.8.21.1: nothing is taken before the first entry of a chain is available")
    func lastFirst() throws {
        var fixture = try Fixture()
        // What lies in the ring from another lap is not available: all of 0, and used.
        #expect(fixture.queue.nextKind() == .empty)
        for flags in [0, MockPackedQueue.available | MockPackedQueue.used, MockPackedQueue.used] {
            try fixture.driver.setDescriptor(0, address: Fixture.buffers, length: 1, id: 0)
            try fixture.driver.setFlags(0, flags)
            #expect(fixture.queue.nextKind() == .empty)
        }
        try fixture.driver.setFlags(0, 0)
        try fixture.driver.offer([.readable(Fixture.buffers, 1)])
        #expect(fixture.queue.nextKind() == .chain)
    }
}

/// Who is told of what in packed rings. Source: virtio 1.2 §2.8.10, §2.8.14.
@Suite struct PackedNotificationTests {
    typealias Fixture = PackedFixture

    private func serve(_ fixture: inout Fixture, _ count: Int = 1) throws -> Bool {
        for _ in 0..<count {
            try fixture.driver.offer([.readable(Fixture.buffers, 1)])
            #expect(fixture.queue.nextKind() == .chain)
            _ = try fixture.driver.takeUsed()
        }
        return fixture.queue.takeInterruptDecision()
    }

    @Test(
        "§2.8.10: ENABLE and DISABLE count with and without event index; one interrupt for a batch",
        arguments: [true, false])
    func flags(_ hasEventIndex: Bool) throws {
        var fixture = try Fixture(hasEventIndex ? Fixture.features : Fixture.features.subtracting(.eventIndex))
        #expect(try serve(&fixture, 3))
        #expect(!fixture.queue.takeInterruptDecision())
        try fixture.driver.setDriverEvent(MockPackedQueue.disable)
        #expect(try !serve(&fixture))
        try fixture.driver.setDriverEvent(MockPackedQueue.enable)
        #expect(!fixture.queue.takeInterruptDecision())
        #expect(try serve(&fixture))
        // The bits above the two are reserved.
        try fixture.driver.setDriverEvent(MockPackedQueue.disable | 0xFFFC)
        #expect(try !serve(&fixture))
    }

    @Test(
        "§2.8.10: an interrupt when the driver's entry of its lap is used, and not before or after",
        arguments: [5, 8] as [UInt16])
    func event(_ size: UInt16) throws {
        for wanted in 0..<Int(4 * size) {
            for batch in [1, 2, Int(size)] {
                var fixture = try Fixture(size: size)
                let lap = wanted / Int(size)
                let event = UInt16(wanted % Int(size)) | (lap % 2 == 0 ? 0x8000 : 0)
                // Positions come again every two laps: the wish is made when that is near.
                var done = 0
                while done + 2 * Int(size) <= wanted {
                    _ = try serve(&fixture)
                    done += 1
                }
                try fixture.driver.setDriverEvent(MockPackedQueue.entry, event)
                while done < wanted + Int(size) {
                    let fires = try serve(&fixture, batch)
                    #expect(fires == (done..<done + batch).contains(wanted), "entry \(wanted) from \(done) on")
                    done += batch
                }
            }
        }
    }

    @Test("a driver that waits for an entry which is none is interrupted; the reserved wish is none")
    func badEvent() throws {
        var fixture = try Fixture(size: 5)
        for event in [5, 0x7FFF, 0x8005, 0xFFFF] as [UInt16] {
            try fixture.driver.setDriverEvent(MockPackedQueue.entry, event)
            #expect(try serve(&fixture))
        }
        try fixture.driver.setDriverEvent(3)
        #expect(try serve(&fixture))
    }

    @Test("§2.8.10: without VIRTIO_F_EVENT_IDX an entry is not waited for")
    func entryNotNegotiated() throws {
        var fixture = try Fixture(Fixture.features.subtracting(.eventIndex))
        try fixture.driver.setDriverEvent(MockPackedQueue.entry, 7)
        #expect(try serve(&fixture))
    }

    @Test("§2.8.10: after more than two laps without a look, the driver's entry was among them")
    func manyLaps() throws {
        var fixture = try Fixture(size: 4)
        try fixture.driver.setDriverEvent(MockPackedQueue.entry, 2)
        #expect(try serve(&fixture, 100))
        #expect(!fixture.queue.takeInterruptDecision())
    }

    @Test("§2.8.21.2: without event index the device disables and enables notifications, and sees what came in between")
    func suspend() throws {
        var fixture = try Fixture(Fixture.features.subtracting(.eventIndex))
        fixture.queue.suspendNotifications()
        #expect(try fixture.driver.deviceEvent.flags == MockPackedQueue.disable)
        #expect(!fixture.queue.resumeNotifications())
        #expect(try fixture.driver.deviceEvent.flags == MockPackedQueue.enable)
        fixture.queue.suspendNotifications()
        try fixture.driver.offer([.readable(Fixture.buffers, 1)])
        #expect(fixture.queue.resumeNotifications())
    }

    @Test("§2.8.21.2: with event index the device waits for the next entry, with the wrap counter of its lap")
    func availableEvent() throws {
        var fixture = try Fixture(size: 3)
        for done in 0..<9 {
            #expect(!fixture.queue.resumeNotifications())
            let event = UInt16(done % 3) | (done / 3 % 2 == 0 ? 0x8000 : 0)
            #expect(try fixture.driver.deviceEvent == (MockPackedQueue.entry, event))
            try fixture.driver.offer([.readable(Fixture.buffers, 1)])
            #expect(fixture.queue.resumeNotifications())
            #expect(fixture.queue.nextKind() == .chain)
            _ = try fixture.driver.takeUsed()
        }
    }
}
