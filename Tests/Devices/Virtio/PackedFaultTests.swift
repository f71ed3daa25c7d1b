import Testing
import VMMCore
import VMMTestSupport

@testable import VirtioDevices

/// Each way in which a driver can break the rules of packed rings.
@Suite struct PackedFaultTests {
    typealias Fixture = PackedFixture
    typealias Queue = MockPackedQueue

    private static let base = Fixture.buffers

    /// Sets up a queue of 8, lets `spoil` break it, and gives what the device sees.
    private func meet(
        _ features: VirtioFeatures = Fixture.features, _ spoil: (inout Queue) throws -> Void
    ) throws -> NextKind {
        var fixture = try Fixture(features)
        try spoil(&fixture.driver)
        let kind = fixture.queue.nextKind()
        if case .malformed = kind {
            // It stands still, and nothing reached the ring.
            #expect(!fixture.queue.isRunning)
            #expect(fixture.queue.nextKind() == .empty)
            #expect(try fixture.driver.takeUsed() == nil)
        }
        return kind
    }

    @Test("§2.8.17: a list as long as the ring is taken; one that goes on is refused: no loops")
    func longest() throws {
        let eight = [Queue.Buffer](repeating: .readable(Self.base, 1), count: 8)
        #expect(try meet { try $0.offer(eight) } == .chain)
        // The ninth entry is the first one, which was made available for the lap before.
        let loop = try meet {
            try $0.offer(eight)
            try $0.setFlags(7, Queue.available | Queue.next)
        }
        #expect(loop == .malformed(.chainNotAvailable))
        // A driver that changes an entry under the device: the same, by count.
        let one = try meet {
            for index: UInt16 in 0..<8 {
                try $0.setDescriptor(index, address: Self.base, length: 0, id: 0)
                try $0.setFlags(index, Queue.available | Queue.next)
            }
        }
        #expect(one == .malformed(.chainNotAvailable))
    }

    @Test("§2.8.17: a list is available with its first entry, to its end")
    func notAvailable() throws {
        for flags in [0, Queue.available | Queue.used, Queue.used | Queue.next] {
            let kind = try meet {
                try $0.offer([.readable(Self.base, 1), .readable(Self.base, 1), .readable(Self.base, 1)])
                try $0.setFlags(1, flags)
            }
            #expect(kind == .malformed(.chainNotAvailable))
        }
    }

    @Test("§2.8.17: lists that have no room beside those under way are refused", arguments: [1, 2, 3])
    func overrun(_ free: Int) throws {
        var fixture = try Fixture()
        let first = [Queue.Buffer](repeating: .readable(Self.base, 1), count: 8 - free)
        try fixture.driver.offer(first)
        let held = try fixture.queue.requireChain()
        try fixture.driver.offer([Queue.Buffer](repeating: .readable(Self.base, 1), count: free + 1))
        #expect(fixture.queue.nextKind() == .malformed(.ringOverrun))
        fixture.queue.complete(held)
        #expect(!fixture.queue.isRunning)
    }

    @Test("§2.8.17: an entry that is made available again while the device has it is refused")
    func twice() throws {
        var fixture = try Fixture(size: 1)
        try fixture.driver.offer([.readable(Self.base, 1)])
        let held = try fixture.queue.requireChain()
        try fixture.driver.offer([.readable(Self.base, 1)])
        #expect(fixture.queue.nextKind() == .malformed(.ringOverrun))
        fixture.queue.discard(held)
    }

    @Test("§2.8.17: device-readable elements must not follow device-writable ones, in the ring or in a table")
    func readableBehindWritable() throws {
        let elements: [Queue.Buffer] = [.readable(Self.base, 1), .writable(Self.base, 1), .readable(Self.base, 1)]
        #expect(try meet { try $0.offer(elements) } == .malformed(.readableBehindWritable))
        let kind = try meet { try $0.offerIndirect(elements, table: Self.base + 0x1000) }
        #expect(kind == .malformed(.readableBehindWritable))
    }

    @Test(
        "§2.8.4: an element that is not all RAM is refused, in the ring or in a table",
        arguments: [
            (0x3FFF_FFFF, 2), (0x4010_0000, 1), (0x400F_FFFF, 2), (0x0A00_0000, 4), (.max, 1), (0x4000_0000, .max),
        ] as [(UInt64, UInt32)])
    func outsideRAM(_ address: UInt64, _ length: UInt32) throws {
        let fault = QueueFault.bufferOutsideRAM(GuestAddress(address), length: length)
        for element in [Queue.Buffer.readable(address, length), .writable(address, length)] {
            #expect(try meet { try $0.offer([element]) } == .malformed(fault))
            let kind = try meet { try $0.offerIndirect([element], table: Self.base + 0x1000) }
            #expect(kind == .malformed(fault))
        }
    }

    @Test("§2.7.5.2: a chain of more than 2^32 bytes is refused")
    func tooManyBytes() throws {
        let range = try #require(GuestRange(start: GuestAddress(0), size: 1 << 30))
        let memory = try GuestMemory([range])
        var driver = Queue(memory, at: 0, size: 8)
        let queue = VirtioQueue(index: 0, maximumSize: 8, memory: memory)
        try queue.start(driver.layout, features: Fixture.features)
        let quarters = [Queue.Buffer](repeating: .readable(0, 1 << 30), count: 4)
        try driver.offer(quarters)
        let chain = try queue.requireChain()
        #expect(chain.readableBytes == 1 << 32)
        queue.complete(chain)
        _ = try driver.takeUsed()
        try driver.offer(quarters.dropLast() + [.readable(0, 1 << 29), .readable(0, 1 << 29 + 1)])
        #expect(queue.nextKind() == .malformed(.tooManyBytes))
    }

    @Test("§2.8.19: no indirect descriptor unless VIRTIO_F_INDIRECT_DESC was negotiated")
    func indirectNotNegotiated() throws {
        let kind = try meet([.version1, .packedRing]) {
            try $0.offerIndirect([.readable(Self.base, 1)], table: Self.base + 0x1000)
        }
        #expect(kind == .malformed(.indirectNotNegotiated))
    }

    @Test("§2.8.19: no indirect descriptor in a list linked by NEXT, first or later")
    func indirectInList() throws {
        let first = try meet {
            try $0.offerRaw(address: Self.base, length: 16, flags: Queue.indirect | Queue.next)
        }
        #expect(first == .malformed(.indirectWithNext))
        let later = try meet {
            try $0.offerRaw(address: Self.base, length: 1, flags: Queue.next)
            try $0.offerRaw(address: Self.base, length: 16, flags: Queue.indirect)
        }
        #expect(later == .malformed(.indirectInChain))
    }

    @Test(
        "§2.8.19: a table is of whole descriptors, at least one, and at most as many as the queue has entries",
        arguments: [0, 1, 15, 17, 144, 0xFFFF_FFF0, .max] as [UInt32])
    func tableLength(_ length: UInt32) throws {
        let kind = try meet { try $0.offerRaw(address: Self.base, length: length, flags: Queue.indirect) }
        #expect(kind == .malformed(.badIndirectLength(length)))
    }

    @Test("§2.8.7: a table must be RAM", arguments: [0x400F_FFF8, 0, 0x0A00_0000, .max - 7] as [UInt64])
    func tableOutsideRAM(_ address: UInt64) throws {
        let kind = try meet { try $0.offerRaw(address: address, length: 16, flags: Queue.indirect) }
        #expect(kind == .malformed(.indirectTableOutsideRAM(GuestAddress(address), length: 16)))
    }
}

/// Packed rings that cannot be.
@Suite struct PackedLayoutTests {
    typealias Fixture = PackedFixture

    private func place(_ change: (inout QueueLayout) -> Void) throws -> QueueFault? {
        let range = try #require(GuestRange(start: GuestAddress(Fixture.ram), size: Fixture.ramSize))
        let memory = try GuestMemory([range])
        var layout = MockPackedQueue(memory, at: Fixture.ram, size: 16).layout
        change(&layout)
        do throws(QueueFault) {
            try VirtioQueue(index: 0, maximumSize: 64, memory: memory).start(layout, features: Fixture.features)
            return nil
        } catch { return error }
    }

    @Test("§2.8.10.1: any size from 1 to what is offered", arguments: [1, 2, 3, 16, 63, 64] as [UInt32])
    func goodSize(_ size: UInt32) throws { #expect(try place { $0.size = size } == nil) }

    @Test("§2.8.10.1: no other size", arguments: [0, 65, 32768, 65536, 65537, 0x8000_0000, .max] as [UInt32])
    func badSize(_ size: UInt32) throws {
        #expect(try place { $0.size = size } == .badSize(size, maximum: 64))
    }

    @Test("§2.8.11: the ring is aligned on 16 bytes, the event suppression structures on 4")
    func alignment() throws {
        let place8 = GuestAddress(Fixture.ram + 8)
        #expect(try place { $0.descriptorTable = place8 } == .misaligned(.descriptorRing, place8))
        let half = GuestAddress(Fixture.ram + 0x1002)
        #expect(try place { $0.driverArea = half } == .misaligned(.driverEventSuppression, half))
        #expect(try place { $0.deviceArea = half } == .misaligned(.deviceEventSuppression, half))
    }

    @Test("§2.8.10.1: each part must be RAM up to its last byte")
    func outside() throws {
        let end = Fixture.ram + Fixture.ramSize
        #expect(try place { $0.descriptorTable = GuestAddress(end - 256) } == nil)
        let ring = GuestAddress(end - 240)
        #expect(try place { $0.descriptorTable = ring } == .outsideRAM(.descriptorRing, ring))
        #expect(try place { $0.driverArea = GuestAddress(end - 4) } == nil)
        #expect(
            try place { $0.driverArea = GuestAddress(end) } == .outsideRAM(.driverEventSuppression, GuestAddress(end)))
        let registers = GuestAddress(0x0A00_0000)
        #expect(try place { $0.deviceArea = registers } == .outsideRAM(.deviceEventSuppression, registers))
        let top = GuestAddress(.max - 15)
        #expect(try place { $0.descriptorTable = top } == .outsideRAM(.descriptorRing, top))
    }
}
