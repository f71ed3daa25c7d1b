import KernelCore
import Testing

/// A queue in a class: `#expect` wants values that can be copied.
final class DriverQueueBox {
    private var queue: SplitDriverQueue

    init(_ queue: consuming SplitDriverQueue) { self.queue = queue }

    var freeCount: UInt16 { queue.freeCount }
    var inFlight: UInt16 { queue.inFlight }
    var fault: SplitDriverQueue.Fault? { queue.fault }
    var nextHead: UInt16? { queue.nextHead }
    func add(_ segments: [DMASegment], readable: Int) -> UInt16? { queue.add(segments.span, readable: readable) }
    func publish() -> Bool { queue.publish() }
    func next() throws(SplitDriverQueue.Fault) -> SplitDriverQueue.Completion? { try queue.next() }
    func suppressInterrupts() { queue.suppressInterrupts() }
    func allowInterrupts(batch: UInt16 = 1) -> Bool { queue.allowInterrupts(batch: batch) }
}

@Suite("The driver's side of a split virtqueue") struct SplitDriverQueueTests {
    static func make(_ size: UInt16, eventIndex: Bool = true) throws -> (MockVirtioDevice, DriverQueueBox) {
        let memory = try #require(HostWindow(start: 0x4000_0000, size: 1 << 20))
        memory.soil(PhysicalRange(start: memory.start, size: 65_536))
        let device = MockVirtioDevice(
            type: 2, features: VirtioFeature.eventIndex, queueSizes: [size], memory: memory)
        let features = try VirtioDevice(device).negotiate(eventIndex ? VirtioFeature.eventIndex : 0)
        let queue = try VirtioDevice(device).makeQueue(0, limit: 256, features: features, memory: device.allocate)
        return (device, DriverQueueBox(queue))
    }

    static let segments = [
        DMASegment(address: 0x4008_0000, count: 16), DMASegment(address: 0x4008_1000, count: 512),
        DMASegment(address: 0x4008_2000, count: 1),
    ]

    @Test("§2.7.5: the device sees the segments in order, readable ones first, and not before they are published")
    func order() throws {
        let (device, queue) = try Self.make(8)
        let head = try #require(queue.add(Self.segments, readable: 1))
        #expect(device.take(0) == nil)
        #expect(queue.publish())
        let chain = try #require(device.take(0))
        #expect(chain.head == head)
        #expect(chain.readable == [Self.segments[0]])
        #expect(chain.writable == Array(Self.segments[1...]))
        #expect(try queue.next() == nil)
        device.complete(0, head: UInt32(head), count: 513)
        let completion = try #require(try queue.next())
        #expect(completion.head == head && completion.count == 513)
        #expect(queue.freeCount == 8 && queue.inFlight == 0)
    }

    @Test("a queue that is full takes nothing, and all of it can be used again", arguments: [1, 2, 8, 128] as [UInt16])
    func full(size: UInt16) throws {
        let (device, queue) = try Self.make(size)
        for _ in 0..<3 {
            for _ in 0..<size { #expect(queue.add([Self.segments[1]], readable: 0) != nil) }
            #expect(queue.nextHead == nil)
            #expect(queue.add([Self.segments[1]], readable: 0) == nil)
            #expect(queue.publish())
            while let chain = device.take(0) { device.complete(0, head: UInt32(chain.head), count: 512) }
            var count = 0
            while try queue.next() != nil { count += 1 }
            #expect(count == Int(size))
        }
    }

    @Test("§2.7.13.4.1: without an event index the used ring's flag alone decides on notifications")
    func notificationFlag() throws {
        let (device, queue) = try Self.make(8, eventIndex: false)
        let used = try #require(device.queues[0]).addresses.used
        _ = queue.add(Self.segments, readable: 1)
        #expect(queue.publish())
        #expect(!queue.publish())
        device.memory.store(UInt16(1), used)
        _ = queue.add(Self.segments, readable: 1)
        #expect(!queue.publish())
    }

    @Test("§2.7.10: with an event index the device is notified when the index passes what it said, and only then")
    func notificationEvent() throws {
        let (device, queue) = try Self.make(8)
        let event = try #require(device.queues[0]).addresses.used + 4 + 8 * 8
        device.memory.store(UInt16(2), event)
        var notified: [Bool] = []
        for _ in 0..<4 {
            _ = queue.add([Self.segments[0]], readable: 1)
            notified.append(queue.publish())
        }
        #expect(notified == [false, false, true, false])
        // Several at once that pass it.
        device.memory.store(UInt16(5), event)
        for _ in 0..<3 { _ = queue.add([Self.segments[0]], readable: 1) }
        #expect(queue.publish())
    }

    @Test(
        "§2.7.7: interrupts are asked for after the wanted number of chains, and what came before is told",
        arguments: [true, false])
    func interrupts(eventIndex: Bool) throws {
        let (device, queue) = try Self.make(8, eventIndex: eventIndex)
        for _ in 0..<4 { _ = queue.add([Self.segments[0]], readable: 1) }
        _ = queue.publish()
        #expect(!queue.allowInterrupts(batch: 3))
        func use() throws -> Bool {
            let old = try #require(device.queues[0]).usedIndex
            let chain = try #require(device.take(0))
            device.complete(0, head: UInt32(chain.head), count: 0)
            return device.wantsInterrupt(0, since: old)
        }
        if eventIndex {
            #expect(try !use())
            #expect(try !use())
        }
        #expect(try use())
        queue.suppressInterrupts()
        #expect(try !use())
        #expect(queue.allowInterrupts())
        while try queue.next() != nil {}
        #expect(!queue.allowInterrupts())
    }

    @Test(
        "§2.7.8: a used element that names no chain in flight is a fault, and stays one",
        arguments: [1, 7, 8, 0xFFFF, 0x1_0000, 0xFFFF_FFFF] as [UInt32])
    func wrongHead(head: UInt32) throws {
        let (device, queue) = try Self.make(8)
        #expect(queue.add(Self.segments, readable: 1) == 0)
        _ = queue.publish()
        device.complete(0, head: head, count: 0)
        #expect(throws: SplitDriverQueue.Fault.head(head)) { try queue.next() }
        #expect(queue.add(Self.segments, readable: 1) == nil)
        device.complete(0, head: 0, count: 0)
        #expect(throws: SplitDriverQueue.Fault.head(head)) { try queue.next() }
    }

    @Test("§2.7.8: a chain that is given back twice is a fault")
    func twice() throws {
        let (device, queue) = try Self.make(8)
        for _ in 0..<2 { _ = queue.add([Self.segments[0]], readable: 1) }
        _ = queue.publish()
        device.complete(0, head: 0, count: 0)
        device.complete(0, head: 0, count: 0)
        #expect(try queue.next()?.head == 0)
        #expect(throws: SplitDriverQueue.Fault.head(0)) { try queue.next() }
    }

    @Test("§2.7.8.2: more bytes than the device may write are a fault", arguments: [514, 0xFFFF_FFFF] as [UInt32])
    func tooManyBytes(count: UInt32) throws {
        let (device, queue) = try Self.make(8)
        _ = queue.add(Self.segments, readable: 1)
        _ = queue.publish()
        device.complete(0, head: 0, count: count)
        #expect(throws: SplitDriverQueue.Fault.count(count, limit: 513)) { try queue.next() }
    }

    @Test("the used index may not pass what is in flight", arguments: [2, 9, 0x8000, 0xFFFF] as [UInt16])
    func usedIndex(index: UInt16) throws {
        let (device, queue) = try Self.make(8)
        _ = queue.add(Self.segments, readable: 1)
        _ = queue.publish()
        device.memory.store(index, try #require(device.queues[0]).addresses.used + 2)
        #expect(throws: SplitDriverQueue.Fault.usedIndex(index)) { try queue.next() }
    }

    @Test("a device that scribbles over the descriptor table cannot mislead the driver")
    func scribbledTable() throws {
        let (device, queue) = try Self.make(8)
        let head = try #require(queue.add(Self.segments, readable: 1))
        _ = queue.publish()
        let table = try #require(device.queues[0]).addresses.descriptors
        for offset in 0..<128 as Range<UInt64> { device.memory.store(UInt8(0xFF), table + offset) }
        device.complete(0, head: UInt32(head), count: 1)
        #expect(try queue.next()?.head == head)
        #expect(queue.freeCount == 8)
    }

    @Test("soak: any mix of chains comes back once each, over many wraps of the indices", arguments: [true, false])
    func soak(eventIndex: Bool) throws {
        let (device, queue) = try Self.make(64, eventIndex: eventIndex)
        var random = SplitMix64(seed: 4)
        var driver: Set<UInt16> = []
        var held: [MockVirtioDevice.Chain] = []
        var added = 0
        var completed = 0
        while completed < 200_000 {
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                let count = Int.random(in: 1...5, using: &random)
                let chain = (0..<count).map { DMASegment(address: UInt64($0) << 12, count: UInt32($0 + 1)) }
                guard let head = queue.add(chain, readable: Int.random(in: 0...count, using: &random)) else { break }
                #expect(driver.insert(head).inserted)
                added += 1
            }
            _ = queue.publish()
            while let chain = device.take(0) { held.append(chain) }
            held.shuffle(using: &random)
            for _ in 0..<Int.random(in: 0...held.count, using: &random) {
                let chain = held.removeLast()
                let limit = chain.writable.reduce(0) { $0 + $1.count }
                device.complete(0, head: UInt32(chain.head), count: UInt32.random(in: 0...limit, using: &random))
            }
            while let completion = try queue.next() {
                #expect(driver.remove(completion.head) != nil)
                completed += 1
            }
            #expect(Int(queue.inFlight) == driver.count)
        }
        #expect(added - completed == driver.count)
    }
}
