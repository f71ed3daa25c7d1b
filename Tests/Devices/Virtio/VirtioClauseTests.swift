import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Clauses of virtio 1.2 that concern all devices, and have no better place. docs/virtio-conformance.md lists all.
@Suite struct VirtioClauseTests {
    typealias Fixture = VirtioFixture<ScriptedDevice>
    typealias Register = MockMMIODriver.Register
    typealias Entropy = VirtioFixture<VirtioEntropy>

    @Test(
        "§2.1.2, §3.1.1: before DRIVER_OK nothing is consumed and nobody interrupted, also of a queue that is notified")
    func beforeDriverOK() throws {
        let source = CountingEntropy()
        let fixture = try Entropy(VirtioEntropy(source: source))
        for status: UInt64 in [0, 1, 3, 0xB] {
            fixture.driver.write(0, Register.status)
            fixture.driver.write(status & 3, Register.status)
            fixture.driver.writeFeatures(MockMMIODriver.version1)
            fixture.driver.write(status, Register.status)
            fixture.driver.setUp(fixture.queues[0], as: 0)
            try fixture.queues[0].offer([.writable(Entropy.buffers, 16)])
            fixture.driver.notify(0)
            #expect(try fixture.queues[0].usedIndex == 0)
            #expect(source.drawn == 0 && !fixture.line.isAsserted)
        }
        // What was offered early is served with DRIVER_OK.
        fixture.driver.start()
        #expect(try fixture.queues[0].usedIndex == 4)
        #expect(fixture.line.isAsserted)
    }

    @Test("§2.5.2: the configuration space can be read before FEATURES_OK, and before the device was acknowledged")
    func earlyConfiguration() throws {
        let fixture = try Fixture(ScriptedDevice())
        for status: UInt64 in [0, 1, 3] {
            fixture.driver.write(status, Register.status)
            #expect(fixture.driver.read(Register.config) == 0x4433_2211)
        }
    }

    @Test("§2.7.5.1, §2.7.7.2: the device writes neither descriptors, nor the available ring, nor readable buffers")
    func writesNothingElse() throws {
        let block = try BlockFixture()
        let queue = block.base.queues[0]
        try block.put([1, 0, 0, 0] + [UInt8](repeating: 0, count: 12), BlockFixture.header)
        try block.base.queues[0].offer([
            .readable(BlockFixture.header, 16), .readable(BlockFixture.data, 512), .writable(BlockFixture.status, 1),
        ])
        let used = queue.deviceArea - queue.descriptorTable
        let ring = try block.get(queue.descriptorTable, Int(used))
        let buffers = try block.get(BlockFixture.header, 0x1000 + 512)
        block.base.driver.notify(0)
        #expect(try block.get(queue.descriptorTable, Int(used)) == ring)
        #expect(try block.get(BlockFixture.header, 0x1000 + 512) == buffers)
        #expect(block.storage.seen.count == 1)
    }

    @Test("§2.7.10.2: notifications without a reason do nothing", arguments: [0, MockMMIODriver.eventIndex])
    func spurious(_ features: UInt64) throws {
        let fixture = try Entropy(VirtioEntropy(source: CountingEntropy()))
        fixture.start(features)
        for _ in 0..<100 { fixture.driver.notify(0) }
        #expect(!fixture.line.isAsserted && !fixture.driver.needsReset)
        try fixture.queues[0].offer([.writable(Entropy.buffers, 16)])
        for _ in 0..<100 { fixture.driver.notify(0) }
        #expect(try fixture.queues[0].usedIndex == 1)
    }

    @Test(
        "§2.6.1.2: a queue that was reset takes another place and size; its old ring is forgotten; QueueReset reads 0")
    func reenabled() throws {
        let fixture = try Entropy(VirtioEntropy(source: CountingEntropy()))
        fixture.start(MockMMIODriver.ringReset)
        fixture.driver.write(0, Register.queueSel)
        fixture.driver.write(1, Register.queueReset)
        #expect(fixture.driver.read(Register.queueReset) == 0 && fixture.driver.read(Register.queueReady) == 0)
        // §2.6.1.1.1: nothing more of it.
        try fixture.queues[0].offer([.writable(Entropy.buffers, 16)])
        fixture.driver.notify(0)
        #expect(try fixture.queues[0].usedIndex == 0)
        var moved = MockDriverQueue(fixture.memory, at: Entropy.ram + 0x2_0000, size: 4)
        fixture.driver.setUp(moved, as: 0)
        #expect(fixture.driver.read(Register.queueReset) == 0 && fixture.driver.read(Register.queueReady) == 1)
        for _ in 0..<6 {
            try moved.offer([.writable(Entropy.buffers, 16)])
            fixture.driver.notify(0)
            #expect(try moved.takeUsed()?.length == 16)
        }
        #expect(try fixture.queues[0].usedIndex == 0)
        #expect(!fixture.driver.needsReset)
    }

    @Test("§3.3.1: a ring that is changed and filled with nonsense after its queue's reset is not looked at")
    func removedBuffers() throws {
        let fixture = try Entropy(VirtioEntropy(source: CountingEntropy()))
        fixture.start(MockMMIODriver.ringReset)
        fixture.driver.write(0, Register.queueSel)
        fixture.driver.write(1, Register.queueReset)
        try fixture.memory.fill(GuestAddress(Entropy.ram), count: 0x400, with: 0xFF)
        for _ in 0..<3 { fixture.driver.notify(0) }
        #expect(!fixture.driver.needsReset && !fixture.line.isAsserted)
    }

    @Test("§5.2.6.1: a flush is a flush, whatever its sector")
    func flushSector() throws {
        let block = try BlockFixture()
        #expect(try block.perform(4, sector: .max).status == BlockFixture.ok)
        #expect(block.storage.seen.values.map(\.operation) == [.flush])
    }
}

/// A device on a packed ring, from the registers on.
@Suite struct PackedDeviceTests {
    typealias Block = BlockFixture

    /// A block device whose queue 0 is packed, of a size that is no power of two.
    private func start() throws -> (Block, MockPackedQueue) {
        let block = try Block(features: 0)
        let packed = MockPackedQueue(block.base.memory, at: Block.Base.ram, size: 7)
        try block.base.memory.fill(GuestAddress(Block.Base.ram), count: 0x1000, with: 0)
        block.base.driver.negotiate(
            MockMMIODriver.version1 | MockMMIODriver.packed | MockMMIODriver.eventIndex | Block.flush)
        block.base.driver.place(packed, as: 0)
        block.base.driver.start()
        return (block, packed)
    }

    private func request(_ block: Block, _ queue: inout MockPackedQueue, _ type: UInt32, sector: UInt64) throws {
        try block.put(type.littleEndianBytes + [0, 0, 0, 0] + sector.littleEndianBytes, Block.header)
        try queue.offer([.readable(Block.header, 16), .writable(Block.data, 512), .writable(Block.status, 1)])
        block.base.driver.notify(0)
    }

    @Test("§2.8: reads come back with their data, lap after lap")
    func reads() throws {
        var (block, queue) = try start()
        for sector in 0..<20 as Range<UInt64> {
            try request(block, &queue, 0, sector: sector)
            #expect(try queue.takeUsed()?.length == 513)
            let place = Int(sector) * 512
            #expect(try block.get(Block.data, 512) == Array(block.storage.bytes[place..<place + 512]))
        }
        #expect(!block.base.driver.needsReset)
    }

    @Test("§2.4: a reset with requests under way leaves the ring alone from there on")
    func reset() throws {
        var (block, queue) = try start()
        block.storage.keep()
        try request(block, &queue, 0, sector: 1)
        try request(block, &queue, 0, sector: 2)
        #expect(block.storage.heldCount == 2)
        block.base.driver.write(0, MockMMIODriver.Register.status)
        let ring = try block.get(Block.Base.ram, 0x100)
        block.storage.completeHeld()
        #expect(try block.get(Block.Base.ram, 0x100) == ring)
        #expect(try queue.takeUsed() == nil)
    }

    @Test("§2.1.2: a broken rule: DEVICE_NEEDS_RESET, and nothing more is used")
    func fault() throws {
        var (block, queue) = try start()
        try queue.offer([.writable(Block.data, 512), .readable(Block.header, 16)])
        block.base.driver.notify(0)
        block.base.expectRefusal()
        #expect(try queue.takeUsed() == nil)
    }

    @Test("§2.8.15: a used descriptor is not changed again before the driver has made it available")
    func usedStays() throws {
        var (block, queue) = try start()
        try request(block, &queue, 0, sector: 1)
        _ = try queue.takeUsed()
        let entry = try block.get(Block.Base.ram, 16)
        try request(block, &queue, 0, sector: 2)
        for _ in 0..<10 { block.base.driver.notify(0) }
        #expect(try block.get(Block.Base.ram, 16) == entry)
        _ = try queue.takeUsed()
    }
}

extension MockMMIODriver {
    func place(_ queue: MockPackedQueue, as index: UInt64) {
        write(index, Register.queueSel)
        write(UInt64(queue.size), Register.queueNum)
        for (offset, address) in [
            (Register.queueDesc, queue.descriptorRing), (Register.queueDriver, queue.driverArea),
            (Register.queueDevice, queue.deviceArea),
        ] {
            write(address & 0xFFFF_FFFF, offset)
            write(address >> 32, offset + 4)
        }
        write(1, Register.queueReady)
    }
}
