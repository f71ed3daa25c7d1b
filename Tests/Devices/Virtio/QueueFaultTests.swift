import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Each way in which a driver can break the rules of split rings.
@Suite struct QueueFaultTests {
    typealias Fixture = VirtioFixture<ScriptedDevice>
    typealias Queue = MockDriverQueue

    private static let base = Fixture.buffers

    /// Sets up a queue of 8, lets `spoil` break it, and gives what the device sees.
    private func meet(_ features: VirtioFeatures = .common, _ spoil: (inout Queue) throws -> Void) throws -> NextKind {
        let range = try #require(GuestRange(start: GuestAddress(Fixture.ram), size: Fixture.ramSize))
        let memory = try GuestMemory([range])
        var driver = Queue(memory, at: Fixture.ram, size: 8)
        let queue = VirtioQueue(index: 0, maximumSize: 8, memory: memory)
        try queue.start(driver.layout, features: features)
        try spoil(&driver)
        let kind = queue.nextKind()
        if case .malformed = kind {
            // It stands still, and nothing reached the used ring.
            #expect(!queue.isRunning)
            #expect(queue.nextKind() == .empty)
            #expect(try driver.usedIndex == 0)
        }
        return kind
    }

    @Test("§2.7.13.3.1: the available index must not go further than the queue has entries, or back")
    func indexJump() throws {
        let jump = try meet {
            $0.availableIndex = 9
            try $0.publish()
        }
        #expect(jump == .malformed(.availableIndexJump(from: 0, to: 9)))
        let back = try meet {
            $0.availableIndex = .max
            try $0.publish()
        }
        #expect(back == .malformed(.availableIndexJump(from: 0, to: .max)))
        let full = try meet {
            for index: UInt16 in 0..<8 { try $0.setDescriptor(index, address: Self.base, length: 1, flags: 0, next: 0) }
            $0.availableIndex = 8
            try $0.publish()
        }
        #expect(full == .chain)
    }

    @Test("§2.7.6: a chain's head must be a descriptor of the table", arguments: [8, 9, 0xFFFF] as [UInt16])
    func head(_ head: UInt16) throws {
        #expect(try meet { try $0.offer(head: head) } == .malformed(.headOutOfRange(head)))
    }

    @Test("§2.7.5: next must be a descriptor of the table")
    func next() throws {
        let kind = try meet {
            try $0.setDescriptor(0, address: Self.base, length: 1, flags: Queue.next, next: 8)
            try $0.offer(head: 0)
        }
        #expect(kind == .malformed(.nextOutOfRange(8)))
    }

    @Test("§2.7.5.2: loops are forbidden", arguments: [0, 2] as [UInt16])
    func loop(back target: UInt16) throws {
        let kind = try meet {
            for index: UInt16 in 0..<3 {
                try $0.setDescriptor(
                    index, address: Self.base, length: 1, flags: Queue.next, next: index == 2 ? target : index + 1)
            }
            try $0.offer(head: 0)
        }
        #expect(kind == .malformed(.chainTooLong))
    }

    @Test("§2.7.5.2: a loop of empty buffers ends too")
    func emptyLoop() throws {
        let kind = try meet {
            try $0.setDescriptor(0, address: 0, length: 0, flags: Queue.next, next: 0)
            try $0.offer(head: 0)
        }
        #expect(kind == .malformed(.chainTooLong))
    }

    @Test(
        "§2.7.5: a buffer that is not all RAM is refused: before, behind, across the end, in device registers, past 2^64",
        arguments: [
            (0x3FFF_FFFF, 1), (0x3FFF_FFFF, 2), (0x4010_0000, 1), (0x400F_FFFF, 2), (0x0A00_0000, 4), (0, 0x1000),
            (.max, 1), (.max, .max), (0x4000_0000, 0x10_0001), (0x4000_0000, .max),
        ] as [(UInt64, UInt32)])
    func outsideRAM(_ address: UInt64, _ length: UInt32) throws {
        for flags in [0, Queue.write] {
            let kind = try meet {
                try $0.setDescriptor(0, address: address, length: length, flags: flags, next: 0)
                try $0.offer(head: 0)
            }
            #expect(kind == .malformed(.bufferOutsideRAM(GuestAddress(address), length: length)))
        }
    }

    @Test("§2.7.4.2: device-readable buffers must not follow device-writable ones")
    func readableBehindWritable() throws {
        let kind = try meet {
            try $0.offer([.readable(Self.base, 1), .writable(Self.base, 1), .readable(Self.base, 1)])
        }
        #expect(kind == .malformed(.readableBehindWritable))
    }

    @Test("§2.7.5.3.1: no indirect descriptor unless VIRTIO_F_INDIRECT_DESC was negotiated")
    func indirectNotNegotiated() throws {
        let kind = try meet([.version1]) {
            try $0.offerIndirect([.readable(Self.base, 1)], table: Self.base + 0x1000)
        }
        #expect(kind == .malformed(.indirectNotNegotiated))
    }

    @Test("§2.7.5.3.1: INDIRECT and NEXT exclude each other")
    func indirectWithNext() throws {
        let kind = try meet {
            try $0.setDescriptor(0, address: Self.base, length: 16, flags: Queue.indirect | Queue.next, next: 1)
            try $0.offer(head: 0)
        }
        #expect(kind == .malformed(.indirectWithNext))
    }

    @Test("§2.7.5.3.1: no table within a table")
    func nested() throws {
        let kind = try meet {
            try $0.setDescriptor(
                0, address: Self.base, length: 16, flags: Queue.indirect, next: 0, table: Self.base + 0x1000)
            try $0.setDescriptor(0, address: Self.base + 0x1000, length: 16, flags: Queue.indirect, next: 0)
            try $0.offer(head: 0)
        }
        #expect(kind == .malformed(.nestedIndirect))
    }

    @Test(
        "§2.7.5.3.1: a table is of whole descriptors, at least one, and at most as many as the queue has entries",
        arguments: [0, 1, 15, 17, 144, 0xFFFF_FFF0, .max] as [UInt32])
    func tableLength(_ length: UInt32) throws {
        let kind = try meet {
            try $0.setDescriptor(0, address: Self.base, length: length, flags: Queue.indirect, next: 0)
            try $0.offer(head: 0)
        }
        #expect(kind == .malformed(.badIndirectLength(length)))
    }

    @Test("§2.7.5.3: a table must be RAM", arguments: [0x400F_FFF8, 0, 0x0A00_0000, .max - 7] as [UInt64])
    func tableOutsideRAM(_ address: UInt64) throws {
        let kind = try meet {
            try $0.setDescriptor(0, address: address, length: 16, flags: Queue.indirect, next: 0)
            try $0.offer(head: 0)
        }
        #expect(kind == .malformed(.indirectTableOutsideRAM(GuestAddress(address), length: 16)))
    }

    @Test("§2.7.5.3.1: next must be an entry of the table, and loops in it are forbidden")
    func tableLinks() throws {
        let outside = try meet {
            try $0.setDescriptor(
                0, address: Self.base, length: 1, flags: Queue.next, next: 2, table: Self.base + 0x1000)
            try $0.setDescriptor(0, address: Self.base + 0x1000, length: 32, flags: Queue.indirect, next: 0)
            try $0.offer(head: 0)
        }
        #expect(outside == .malformed(.nextOutOfRange(2)))
        let loop = try meet {
            for index: UInt16 in 0..<2 {
                try $0.setDescriptor(
                    index, address: Self.base, length: 1, flags: Queue.next, next: 1 - index, table: Self.base + 0x1000)
            }
            try $0.setDescriptor(0, address: Self.base + 0x1000, length: 32, flags: Queue.indirect, next: 0)
            try $0.offer(head: 0)
        }
        #expect(loop == .malformed(.chainTooLong))
    }

    @Test("§2.7.5.2: direct descriptors and those of the table count together")
    func mixedLength() throws {
        let kind = try meet {
            try $0.setDescriptor(0, address: Self.base, length: 1, flags: Queue.next, next: 1)
            for index: UInt16 in 0..<8 {
                try $0.setDescriptor(
                    index, address: Self.base, length: 1, flags: index == 7 ? 0 : Queue.next, next: index + 1,
                    table: Self.base + 0x1000)
            }
            try $0.setDescriptor(1, address: Self.base + 0x1000, length: 128, flags: Queue.indirect, next: 0)
            try $0.offer(head: 0)
        }
        #expect(kind == .malformed(.chainTooLong))
    }

    @Test("§2.7.13: more chains under way than the queue has descriptors are refused")
    func tooManyChains() throws {
        let range = try #require(GuestRange(start: GuestAddress(Fixture.ram), size: Fixture.ramSize))
        let memory = try GuestMemory([range])
        var driver = Queue(memory, at: Fixture.ram, size: 2)
        let queue = VirtioQueue(index: 0, maximumSize: 8, memory: memory)
        try queue.start(driver.layout, features: .common)
        var held: [HeldChain] = []
        try driver.setDescriptor(0, address: Self.base, length: 1, flags: 0, next: 0)
        for _ in 0..<2 {
            try driver.offer(head: 0)
            held.append(HeldChain(try queue.requireChain()))
        }
        try driver.offer(head: 0)
        #expect(queue.nextKind() == .malformed(.tooManyChains))
        for chain in held { try queue.complete(chain.take()) }
        #expect(try driver.usedIndex == 0)
    }
}

/// Rings that cannot be: the device asks for its reset when the driver says DRIVER_OK.
@Suite struct QueueLayoutTests {
    typealias Fixture = VirtioFixture<ScriptedDevice>

    private func place(_ change: (inout QueueLayout) -> Void) throws -> QueueFault? {
        let range = try #require(GuestRange(start: GuestAddress(Fixture.ram), size: Fixture.ramSize))
        let memory = try GuestMemory([range])
        var layout = MockDriverQueue(memory, at: Fixture.ram, size: 16).layout
        change(&layout)
        do throws(QueueFault) {
            try VirtioQueue(index: 0, maximumSize: 64, memory: memory).start(layout, features: .common)
            return nil
        } catch { return error }
    }

    @Test(
        "§2.7: the size is a power of two, and not more than offered",
        arguments: [0, 3, 63, 65, 128, 32768, 65536, 0x8000_0000, .max] as [UInt32])
    func size(_ size: UInt32) throws {
        #expect(try place { $0.size = size } == .badSize(size, maximum: 64))
    }

    @Test("§2.7: sizes from 1 to what is offered", arguments: [1, 2, 16, 64] as [UInt32])
    func goodSize(_ size: UInt32) throws { #expect(try place { $0.size = size } == nil) }

    @Test("§2.7: the table is aligned on 16 bytes, the available ring on 2, the used ring on 4")
    func alignment() throws {
        let place8 = GuestAddress(Fixture.ram + 8)
        #expect(try place { $0.descriptorTable = place8 } == .misaligned(.descriptorTable, place8))
        let odd = GuestAddress(Fixture.ram + 0x1001)
        #expect(try place { $0.driverArea = odd } == .misaligned(.availableRing, odd))
        let half = GuestAddress(Fixture.ram + 0x2002)
        #expect(try place { $0.deviceArea = half } == .misaligned(.usedRing, half))
        #expect(try place { $0.driverArea = half } == nil)
    }

    @Test("§2.7.1: each area must be RAM up to its last byte")
    func outside() throws {
        let end = Fixture.ram + Fixture.ramSize
        #expect(try place { $0.descriptorTable = GuestAddress(end - 256) } == nil)
        let table = GuestAddress(end - 240)
        #expect(try place { $0.descriptorTable = table } == .outsideRAM(.descriptorTable, table))
        #expect(try place { $0.driverArea = GuestAddress(end - 38) } == nil)
        let available = GuestAddress(end - 36)
        #expect(try place { $0.driverArea = available } == .outsideRAM(.availableRing, available))
        #expect(try place { $0.deviceArea = GuestAddress(end - 136) } == nil)
        let used = GuestAddress(end - 132)
        #expect(try place { $0.deviceArea = used } == .outsideRAM(.usedRing, used))
        let top = GuestAddress(.max - 15)
        #expect(try place { $0.descriptorTable = top } == .outsideRAM(.descriptorTable, top))
        let registers = GuestAddress(0x0A00_0000)
        #expect(try place { $0.deviceArea = registers } == .outsideRAM(.usedRing, registers))
    }

    @Test("§2.1.2: DRIVER_OK with such a ring: DEVICE_NEEDS_RESET and a configuration interrupt; a reset mends it")
    func needsReset() throws {
        let fixture = try Fixture(ScriptedDevice())
        fixture.driver.negotiate()
        var bad = fixture.queues[1]
        bad.deviceArea = Fixture.ram + Fixture.ramSize - 8
        fixture.driver.setUp(fixture.queues[0], as: 0)
        fixture.driver.setUp(bad, as: 1)
        fixture.driver.start()
        fixture.expectRefusal()
        #expect(fixture.device.activations.count == 0)
        fixture.driver.notify(0)
        #expect(fixture.device.notified.count == 0)
        fixture.start()
        #expect(!fixture.line.isAsserted)
        #expect(fixture.device.activations.count == 1)
    }
}
