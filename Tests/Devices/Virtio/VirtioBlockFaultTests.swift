import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// What drivers of a block device do wrong. Source: virtio 1.2 §5.2.6, §5.2.6.1, §5.2.6.2.
@Suite struct VirtioBlockFaultTests {
    typealias Block = BlockFixture

    @Test(
        "§5.2.6: a type that is none is unsupported",
        arguments: [2, 3, 5, 7, 9, 10, 12, 14, 15, 16, 0x8000_0000, .max] as [UInt32])
    func unknownType(_ type: UInt32) throws {
        let block = try Block()
        #expect(try block.perform(type) == (Block.unsupported, 1))
        #expect(block.storage.seen.count == 0)
        #expect(!block.base.driver.needsReset)
    }

    @Test("§5.2.6: fewer readable bytes than a header has: DEVICE_NEEDS_RESET", arguments: [0, 1, 15] as [UInt32])
    func shortHeader(_ length: UInt32) throws {
        let block = try Block()
        try block.base.queues[0].offer(
            (length > 0 ? [.readable(Block.header, length)] : []) + [.writable(Block.status, 1)])
        block.base.driver.notify(0)
        block.base.expectRefusal()
        #expect(try block.base.queues[0].usedIndex == 0)
    }

    @Test("§5.2.6: no byte for the status, or an empty buffer for it: DEVICE_NEEDS_RESET")
    func noStatus() throws {
        for tail in [[], [MockDriverQueue.Buffer.writable(Block.status, 0)]] {
            let block = try Block()
            try block.base.queues[0].offer([.readable(Block.header, 16)] + tail)
            block.base.driver.notify(0)
            block.base.expectRefusal()
        }
    }

    @Test("§5.2.6: a header in the middle of nowhere is a misaligned one like any other, and is read")
    func oddHeader() throws {
        let block = try Block()
        try block.put([4] + [UInt8](repeating: 0, count: 15), Block.header + 0x101)
        try block.base.queues[0].offer([.readable(Block.header + 0x101, 16), .writable(Block.status + 3, 1)])
        block.base.driver.notify(0)
        #expect(try block.get(Block.status + 3, 1) == [Block.ok])
    }

    @Test("§5.2.6.1: data that are not whole sectors are an I/O error", arguments: [1, 511, 513, 1000] as [UInt32])
    func oddLength(_ length: UInt32) throws {
        let block = try Block()
        #expect(try block.perform(0, [.writable(Block.data, length)]) == (Block.ioError, 0))
        #expect(try block.perform(1, [.readable(Block.data, length)]) == (Block.ioError, 1))
        #expect(block.storage.seen.count == 0)
    }

    @Test(
        "§5.2.6.1: sectors beyond the end are an I/O error, also where the sum wraps",
        arguments: [
            (64, 512), (63, 1024), (0, 65 * 512), (.max, 512), (.max - 1, 1024), (1 << 55, 512), (1 << 63, 512),
        ] as [(UInt64, UInt32)])
    func beyondEnd(_ sector: UInt64, _ length: UInt32) throws {
        let block = try Block()
        #expect(try block.perform(0, sector: sector, [.writable(Block.data, length)]).status == Block.ioError)
        #expect(try block.perform(1, sector: sector, [.readable(Block.data, length)]).status == Block.ioError)
        #expect(block.storage.seen.count == 0)
    }

    @Test("the last sector, and no data at all at the very end, are on the disk")
    func atEnd() throws {
        let block = try Block()
        #expect(try block.perform(0, sector: 63, [.writable(Block.data, 512)]).status == Block.ok)
        #expect(try block.perform(0, sector: 64) == (Block.ok, 1))
        #expect(try block.perform(1, sector: 65).status == Block.ioError)
        #expect(block.storage.seen.count == 1)
    }

    @Test("§5.2.6.2: writing, discarding or zeroing a read-only disk does nothing and is an error")
    func readOnly() throws {
        let block = try Block(ScriptedStorage(isReadOnly: true))
        #expect(try block.perform(1, [.readable(Block.data, 512)]).status == Block.ioError)
        #expect(try block.range(11, sector: 0, count: 8) == Block.unsupported)
        #expect(try block.range(13, sector: 0, count: 8) == Block.unsupported)
        #expect(try block.perform(4).status == Block.ok)
        #expect(try block.perform(0, [.writable(Block.data, 512)]).status == Block.ok)
        #expect(block.storage.seen.values.map(\.operation) == [.read])
    }

    @Test(
        "§5.2.6.2: unknown flags are unsupported, and so is unmap with a discard",
        arguments: [2, 3, 0x8000_0000, .max] as [UInt32])
    func flags(_ flags: UInt32) throws {
        let block = try Block()
        #expect(try block.range(11, sector: 0, count: 8, flags: flags) == Block.unsupported)
        #expect(try block.range(13, sector: 0, count: 8, flags: flags) == Block.unsupported)
        #expect(try block.range(11, sector: 0, count: 8, flags: 1) == Block.unsupported)
        #expect(block.storage.seen.count == 0)
    }

    @Test("§5.2.6.1: ranges beyond the end or the limits are I/O errors, empty ones are done at once")
    func badRanges() throws {
        let block = try Block(ScriptedStorage(claimed: (1 << 17) + 8))
        let end: UInt64 = (1 << 17) + 8
        for type in [11, 13] as [UInt32] {
            for (sector, count) in [(end, 1), (end - 1, 2), (.max, 1), (.max, .max), (0, .max)] as [(UInt64, UInt32)] {
                #expect(try block.range(type, sector: sector, count: count) == Block.ioError)
            }
            #expect(try block.range(type, sector: end, count: 0) == Block.ok)
        }
        #expect(try block.range(13, sector: 0, count: 1 << 17 + 1) == Block.ioError)
        #expect(block.storage.seen.count == 0)
    }

    @Test(
        "§5.2.6.1: a range of the wrong size, or more than one, is an I/O error",
        arguments: [0, 1, 15, 17, 32, 4096] as [UInt32])
    func rangeSize(_ length: UInt32) throws {
        let block = try Block()
        // A good range before it must not shine through.
        #expect(try block.range(11, sector: 0, count: 8) == Block.ok)
        let seen = block.storage.seen.count
        for type in [11, 13] as [UInt32] {
            #expect(
                try block.perform(type, length > 0 ? [.readable(Block.data, length)] : []).status == Block.ioError)
        }
        #expect(block.storage.seen.count == seen)
    }

    @Test("§5.2.3: what was not agreed on is unsupported")
    func notNegotiated() throws {
        let block = try Block(features: Block.flush)
        #expect(try block.range(11, sector: 0, count: 8) == Block.unsupported)
        #expect(try block.range(13, sector: 0, count: 8) == Block.unsupported)
    }

    @Test("§2.7.4.2: data in the wrong direction is an I/O error, and moves nothing")
    func wrongDirection() throws {
        let block = try Block()
        #expect(try block.perform(0, [.readable(Block.data, 512)]) == (Block.ioError, 1))
        #expect(try block.perform(1, [.writable(Block.data, 512)]) == (Block.ioError, 0))
        #expect(try block.perform(1, [.readable(Block.data, 512), .writable(Block.data, 512)]).status == Block.ioError)
        #expect(block.storage.seen.count == 0)
    }

    @Test("the storage's failure is an I/O error; §2.7.8.2: a failed read claims no bytes as written")
    func hostFailure() throws {
        let block = try Block()
        block.storage.answer(.failed)
        #expect(try block.perform(0, [.writable(Block.data, 512)]) == (Block.ioError, 0))
        #expect(try block.perform(1, [.readable(Block.data, 512)]) == (Block.ioError, 1))
        #expect(try block.perform(4) == (Block.ioError, 1))
        block.storage.answer(.unsupported)
        #expect(try block.range(13, sector: 0, count: 8) == Block.unsupported)
    }

    @Test("§2.6.1.2: a queue restarted with old requests under way cannot have more than its places")
    func restartedTooEarly() throws {
        let block = try Block(features: Block.flush | MockMMIODriver.ringReset, queueSize: 256)
        block.storage.keep()
        try block.put([4] + [UInt8](repeating: 0, count: 15), Block.header)
        for _ in 0..<4 where !block.base.driver.needsReset {
            var queue = MockDriverQueue(block.base.memory, at: Block.Base.ram, size: 256)
            for _ in 0..<128 { try queue.offer([.readable(Block.header, 16), .writable(Block.status, 1)]) }
            block.base.driver.notify(0)
            block.base.driver.write(0, MockMMIODriver.Register.queueSel)
            block.base.driver.write(1, MockMMIODriver.Register.queueReset)
            try block.base.memory.fill(GuestAddress(queue.driverArea), count: 4, with: 0)
            block.base.driver.setUp(queue, as: 0)
        }
        #expect(block.base.driver.needsReset)
        #expect(block.storage.heldCount == 256)
        block.base.driver.write(0, MockMMIODriver.Register.status)
        #expect(block.storage.heldCount == 0)
    }

    @Test("a driver that broke a rule gets no answer any more, but its old requests come back")
    func afterFault() throws {
        let block = try Block()
        block.storage.keep()
        try block.offer(4)
        try block.base.queues[0].offer([.readable(Block.header, 3), .writable(Block.status, 1)])
        block.base.driver.notify(0)
        block.base.expectRefusal()
        #expect(block.storage.completeHeld() == 1)
        #expect(try block.base.queues[0].usedIndex == 0)
    }
}
