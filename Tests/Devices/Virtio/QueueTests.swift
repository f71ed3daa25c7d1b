import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Chains that obey the rules.
@Suite struct QueueTests {
    typealias Buffer = MockDriverQueue.Buffer
    typealias Fixture = VirtioFixture<ScriptedDevice>

    private func started(_ features: UInt64 = 0, queueSize: UInt16 = 8) throws -> Fixture {
        let fixture = try Fixture(ScriptedDevice(), queueSize: queueSize)
        fixture.start(features)
        return fixture
    }

    @Test("§2.7.5: a chain's buffers come in order, what is read before what is written, and no chain twice")
    func order() throws {
        let fixture = try started()
        let base = Fixture.buffers
        let id = try fixture.queues[0].offer([
            .readable(base, 3), .readable(base + 0x100, 5), .writable(base + 0x200, 7), .writable(base + 0x300, 11),
        ])
        let queue = try fixture.device.queue(0)
        var chain = try queue.requireChain()
        #expect(chain.readableBytes == 8)
        #expect(chain.writableBytes == 18)
        #expect(chain.segmentCount == 4)
        #expect(chain.readableSegmentCount == 2)
        #expect(chain.segment(3) == chain.segment(3))
        try fixture.memory.copyIn([1, 2, 3], to: GuestAddress(base))
        try fixture.memory.copyIn([4, 5, 6, 7, 8], to: GuestAddress(base + 0x100))
        var bytes = [UInt8](repeating: 0, count: 100)
        #expect(queue.read(&chain, into: &bytes, 0..<4) == 4)
        #expect(queue.read(&chain, into: &bytes, 4..<100) == 4)
        #expect(Array(bytes[..<9]) == [1, 2, 3, 4, 5, 6, 7, 8, 0])
        #expect(queue.read(&chain, into: &bytes, 0..<1) == 0)
        #expect(queue.write(&chain, from: (1...8).map { $0 }, 0..<8) == 8)
        queue.complete(chain)
        #expect(try fixture.memory.copyOut(GuestAddress(base + 0x200), count: 8) == [1, 2, 3, 4, 5, 6, 7, 0])
        #expect(try fixture.memory.copyOut(GuestAddress(base + 0x300), count: 2) == [8, 0])
        #expect(queue.nextKind() == .empty)
        let used = try #require(try fixture.queues[0].takeUsed())
        #expect(used == (UInt32(id), 8))
        #expect(try fixture.queues[0].takeUsed() == nil)
    }

    @Test("§2.7.8.2: no more is written than there is room for, and the length says what was")
    func room() throws {
        let fixture = try started()
        try fixture.queues[0].offer([.writable(Fixture.buffers, 4), .writable(Fixture.buffers + 0x10, 2)])
        let queue = try fixture.device.queue(0)
        var chain = try queue.requireChain()
        #expect(queue.write(&chain, from: [1, 2, 3, 4, 5, 6, 7, 8], 0..<8) == 6)
        queue.complete(chain)
        #expect(try fixture.memory.copyOut(GuestAddress(Fixture.buffers), count: 5) == [1, 2, 3, 4, 0])
        #expect(try fixture.queues[0].takeUsed()?.length == 6)
    }

    @Test("§5.1.6.4.1: staged chains are seen together with the one that is completed after them")
    func staged() throws {
        let fixture = try started()
        for index in 0..<3 as Range<UInt64> { try fixture.queues[0].offer([.writable(Fixture.buffers + index, 1)]) }
        let queue = try fixture.device.queue(0)
        queue.stage(try queue.requireChain())
        queue.stage(try queue.requireChain())
        #expect(try fixture.queues[0].usedIndex == 0)
        queue.complete(try queue.requireChain())
        #expect(try fixture.queues[0].usedIndex == 3)
        for id in 0..<3 as Range<UInt32> { #expect(try fixture.queues[0].takeUsed()?.id == id) }
        #expect(queue.takeInterruptDecision())
    }

    @Test("§2.7.5.3.2: an indirect table gives its buffers; the write flag of its own descriptor means nothing")
    func indirect() throws {
        let fixture = try started(MockMMIODriver.indirect)
        let base = Fixture.buffers
        // A table at an odd address: §2.7 asks no alignment of it.
        try fixture.queues[0].offerIndirect(
            [.readable(base, 3), .writable(base + 0x100, 7)], table: base + 0x1001)
        try fixture.queues[0].setDescriptor(
            0, address: base + 0x1001, length: 32, flags: MockDriverQueue.indirect | MockDriverQueue.write, next: 77)
        let queue = try fixture.device.queue(0)
        let chain = try queue.requireChain()
        #expect(chain.readableBytes == 3)
        #expect(chain.writableBytes == 7)
        queue.complete(chain)
        #expect(try fixture.queues[0].takeUsed() ?? (9, 9) == (0, 0))
    }

    @Test("§2.7.5.3.2: ordinary descriptors may come before the one that refers to a table")
    func mixed() throws {
        let fixture = try started(MockMMIODriver.indirect)
        let base = Fixture.buffers
        let queue = fixture.queues[0]
        try queue.setDescriptor(5, address: base, length: 1, flags: MockDriverQueue.next, next: 2)
        try queue.setDescriptor(2, address: base + 0x1000, length: 16, flags: MockDriverQueue.indirect, next: 0)
        try queue.setDescriptor(0, address: base, length: 2, flags: 0, next: 0, table: base + 0x1000)
        try fixture.queues[0].offer(head: 5)
        let chain = try fixture.device.queue(0).requireChain()
        #expect(chain.readableBytes == 3)
        #expect(chain.segmentCount == 2)
        try fixture.device.queue(0).complete(chain)
        #expect(try fixture.queues[0].takeUsed()?.id == 5)
    }

    @Test("§2.7.6: indices count past 2^16, in rings of every size", arguments: [1, 2, 8, 1024] as [UInt16])
    func wrap(_ size: UInt16) throws {
        let fixture = try started(queueSize: size)
        let queue = try fixture.device.queue(0)
        for round in 0..<70_000 {
            let id = try fixture.queues[0].offer([.readable(Fixture.buffers, UInt32(round % 100))])
            let chain = try queue.requireChain()
            try #require(chain.readableBytes == UInt64(round % 100))
            queue.complete(chain)
            try #require(try fixture.queues[0].takeUsed()?.id == UInt32(id))
        }
        #expect(!fixture.driver.needsReset)
    }

    @Test("§2.7.6: a full ring of chains is taken, and given back in any order")
    func fullRing() throws {
        let fixture = try started()
        for _ in 0..<8 { try fixture.queues[0].offer([.readable(Fixture.buffers, 1)]) }
        let queue = try fixture.device.queue(0)
        var held: [Int: HeldChain] = [:]
        for index in 0..<8 { held[index] = HeldChain(try queue.requireChain()) }
        #expect(queue.nextKind() == .empty)
        for index in [3, 1, 7, 0, 2, 6, 5, 4] { try queue.complete(#require(held[index]).take()) }
        var ids: [UInt32] = []
        while let used = try fixture.queues[0].takeUsed() { ids.append(used.id) }
        #expect(ids == [3, 1, 7, 0, 2, 6, 5, 4])
    }

    @Test("a buffer may be empty, wherever it lies, and may end exactly at the end of RAM")
    func edges() throws {
        let fixture = try started()
        let end = Fixture.ram + Fixture.ramSize
        try fixture.queues[0].offer([
            .readable(end - 1, 1), .readable(.max, 0), .readable(end, 0), .writable(end - 16, 16),
        ])
        let queue = try fixture.device.queue(0)
        var chain = try queue.requireChain()
        #expect(chain.readableBytes == 1)
        var bytes: [UInt8] = [0, 0]
        #expect(queue.read(&chain, into: &bytes, 0..<2) == 1)
        #expect(queue.write(&chain, from: [1, 2, 3], 0..<3) == 3)
        queue.complete(chain)
    }

    @Test("§2.7.5.2: a chain of exactly 2^32 bytes is taken, one of a byte more is refused")
    func mostBytes() throws {
        let range = try #require(GuestRange(start: GuestAddress(0), size: 1 << 30))
        let memory = try GuestMemory([range])
        var driver = MockDriverQueue(memory, at: 0, size: 8)
        let queue = VirtioQueue(index: 0, maximumSize: 8, memory: memory)
        try queue.start(driver.layout, features: .common)
        let quarters = [Buffer](repeating: .readable(0, 1 << 30), count: 4)
        try driver.offer(quarters)
        let chain = try queue.requireChain()
        #expect(chain.readableBytes == 1 << 32)
        queue.complete(chain)
        try driver.offer([.readable(0, 1)] + quarters)
        #expect(queue.nextKind() == .malformed(.tooManyBytes))
    }

    @Test("§2.7.5.2: as many descriptors as the queue has entries are a chain, direct and in a table")
    func longest() throws {
        let fixture = try started(MockMMIODriver.indirect)
        let longest = [Buffer](repeating: .readable(Fixture.buffers, 1), count: 8)
        try fixture.queues[0].offer(longest)
        let queue = try fixture.device.queue(0)
        let first = try queue.requireChain()
        #expect(first.segmentCount == 8)
        queue.complete(first)
        try fixture.queues[0].offerIndirect(longest, table: Fixture.buffers + 0x1000)
        let second = try queue.requireChain()
        #expect(second.segmentCount == 8)
        queue.complete(second)
    }

    @Test("a chain of a queue that was started anew does not reach the used ring of the new start")
    func stale() throws {
        let fixture = try started()
        try fixture.queues[0].offer([.readable(Fixture.buffers, 1)])
        let queue = try fixture.device.queue(0)
        let old = try queue.requireChain()
        queue.stop()
        #expect(queue.isDraining)
        #expect(queue.nextKind() == .empty)
        try queue.start(fixture.queues[0].layout, features: .common)
        queue.complete(old)
        #expect(!queue.isDraining)
        #expect(try fixture.queues[0].usedIndex == 0)
    }
}

/// Keeps a chain in a collection.
final class HeldChain {
    private var chain: VirtioChain?
    init(_ chain: consuming VirtioChain) { self.chain = consume chain }
    func take() throws -> VirtioChain {
        guard let chain = chain.take() else { throw NoChain(kind: .empty) }
        return chain
    }
}

/// What `VirtioQueue.next()` gave, without the chain.
enum NextKind: Equatable {
    case empty
    case chain
    case malformed(QueueFault)
}

struct NoChain: Error { let kind: NextKind }

extension VirtioQueue {
    func requireChain() throws -> VirtioChain {
        switch next() {
        case .chain(let chain): return chain
        case .empty: throw NoChain(kind: .empty)
        case .malformed(let fault): throw NoChain(kind: .malformed(fault))
        }
    }

    /// Takes what is next and completes it.
    func nextKind() -> NextKind {
        switch next() {
        case .chain(let chain):
            complete(chain)
            return .chain
        case .empty: return .empty
        case .malformed(let fault): return .malformed(fault)
        }
    }
}

extension MockDriverQueue {
    var layout: QueueLayout {
        QueueLayout(
            size: UInt32(size), descriptorTable: GuestAddress(descriptorTable), driverArea: GuestAddress(driverArea),
            deviceArea: GuestAddress(deviceArea))
    }
}
