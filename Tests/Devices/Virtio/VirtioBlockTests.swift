import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Source: virtio 1.2 §5.2.
@Suite struct VirtioBlockTests {
    typealias Register = MockMMIODriver.Register
    typealias Block = BlockFixture

    private func config(_ block: Block, _ offset: UInt64, _ width: AccessWidth = .word) -> UInt64 {
        block.base.mmio.read(at: Register.config + offset, width: width)
    }

    @Test("§5.2.1, §5.2.2: device 2, as many queues as vCPUs up to 8")
    func identity() throws {
        let block = try Block()
        #expect(block.base.driver.read(Register.deviceID) == 2)
        for (wanted, made) in [(0, 1), (1, 1), (5, 5), (64, 8)] {
            let device = VirtioBlock(ScriptedStorage(), serial: "", memory: block.base.memory, queueCount: wanted)
            #expect(device.identity.queueSizes.count == made)
        }
    }

    @Test("§5.2.3: SEG_MAX, BLK_SIZE, FLUSH, TOPOLOGY, MQ, DISCARD, WRITE_ZEROES; read-only: RO, and none that writes")
    func features() throws {
        func bits(_ numbers: UInt64...) -> UInt64 { numbers.reduce(0) { $0 | 1 << $1 } }
        #expect(try Block().base.driver.offeredFeatures & 0xFF_FFFF == bits(2, 6, 9, 10, 12, 13, 14))
        let readOnly = try Block(ScriptedStorage(isReadOnly: true))
        #expect(readOnly.base.driver.offeredFeatures & 0xFF_FFFF == bits(2, 5, 6, 9, 10, 12))
    }

    @Test("§5.2.4: capacity, seg_max, blk_size, topology, num_queues and limits, in accesses of 8, 16 and 32 bits")
    func configuration() throws {
        let block = try Block(ScriptedStorage(sectors: 64, physicalBlockSize: 4096))
        #expect(config(block, 0) == 64 && config(block, 4) == 0)
        #expect(config(block, 12) == 254)
        #expect(config(block, 20) == 512)
        #expect(config(block, 24, .byte) == 3 && config(block, 25, .byte) == 0)
        #expect(config(block, 26, .halfword) == 8)
        #expect(config(block, 34, .halfword) == 2)
        #expect(config(block, 36) == 1 << 21 && config(block, 40) == 1 && config(block, 44) == 8)
        #expect(config(block, 48) == 1 << 17 && config(block, 52) == 1 && config(block, 56, .byte) == 1)
        for offset in stride(from: 60, to: 256, by: 4) as StrideTo<UInt64> { #expect(config(block, offset) == 0) }
        block.base.mmio.write(7, at: Register.config, width: .word)
        #expect(config(block, 0) == 64)
    }

    @Test("§5.2.4: a disk of blocks of 4096 bytes: blk_size, no exponent, sizes of discards still in sectors")
    func largeBlocks() throws {
        let block = try Block(ScriptedStorage(sectors: 64, logicalBlockSize: 4096, physicalBlockSize: 4096))
        #expect(config(block, 0) == 64 && config(block, 20) == 4096)
        #expect(config(block, 24, .byte) == 0 && config(block, 26, .halfword) == 1)
        #expect(config(block, 44) == 8)
    }

    @Test("§5.2.6: a read fills the data, wherever its buffers end, then the status; used length is all of it")
    func read() throws {
        let block = try Block()
        let (status, length) = try block.perform(
            0, sector: 3, [.writable(Block.data, 100), .writable(Block.data + 0x800, 924)])
        #expect(status == Block.ok && length == 1025)
        #expect(try block.get(Block.data, 100) == Array(block.storage.bytes[1536..<1636]))
        #expect(try block.get(Block.data + 0x800, 924) == Array(block.storage.bytes[1636..<2560]))
        #expect(block.base.driver.acknowledgeInterrupt() == 1)
        #expect(block.storage.commits == 1)
    }

    @Test("§2.7.4.1: header, data and status in one buffer each way, and in pieces")
    func framing() throws {
        let block = try Block()
        // The status is the last writable byte, in the data's buffer.
        try block.put([0, 0, 0, 0, 0, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 7), Block.header)
        var queue = block.base.queues[0]
        try queue.offer([.readable(Block.header, 5), .readable(Block.header + 5, 11), .writable(Block.data, 513)])
        block.base.driver.notify(0)
        #expect(try queue.takeUsed()?.length == 513)
        #expect(try block.get(Block.data, 512) == Array(block.storage.bytes[512..<1024]))
        #expect(try block.get(Block.data + 512, 1) == [Block.ok])
        // The header and the data of a write in one buffer.
        try block.put([1, 0, 0, 0, 0, 0, 0, 0, 2] + [UInt8](repeating: 0, count: 7), Block.header)
        try block.put([UInt8](repeating: 0x5A, count: 512), Block.header + 16)
        try queue.offer([.readable(Block.header, 528), .writable(Block.status, 1)])
        block.base.driver.notify(0)
        #expect(try queue.takeUsed()?.length == 1)
        #expect(block.storage.bytes[1024..<1536].allSatisfy { $0 == 0x5A })
        #expect(block.storage.bytes[1536] != 0x5A && block.storage.bytes[1023] != 0x5A)
    }

    @Test("§5.2.6: a write stores the data, flush comes through, get-ID gives the serial padded with zeros")
    func writeFlushIdentify() throws {
        let block = try Block(serial: "disk-7")
        try block.put((0..<1024).map { UInt8(truncatingIfNeeded: $0 * 7) }, Block.data)
        #expect(try block.perform(1, sector: 62, [.readable(Block.data, 1024)]) == (Block.ok, 1))
        #expect(try block.storage.bytes[(62 * 512)...].elementsEqual(block.get(Block.data, 1024)))
        #expect(try block.perform(4) == (Block.ok, 1))
        #expect(block.storage.seen.values.map(\.operation) == [.write, .flush])
        #expect(try block.perform(8, [.writable(Block.data, 20)]) == (Block.ok, 21))
        #expect(try block.get(Block.data, 20) == Array("disk-7".utf8) + [UInt8](repeating: 0, count: 14))
    }

    @Test("§5.2.6: a serial of 20 bytes has no zero behind it, a longer one is cut, a short buffer gets its beginning")
    func serials() throws {
        let block = try Block(serial: "abcdefghijklmnopqrstuvwxyz")
        #expect(try block.perform(8, [.writable(Block.data, 20)]).status == Block.ok)
        #expect(try block.get(Block.data, 20) == Array("abcdefghijklmnopqrst".utf8))
        #expect(try block.perform(8, [.writable(Block.data + 0x100, 3)]) == (Block.ok, 4))
        #expect(try block.get(Block.data + 0x100, 4) == Array("abc".utf8) + [0])
        // More room than a serial takes: the rest stays as it was.
        #expect(try block.perform(8, [.writable(Block.data + 0x200, 64)]) == (Block.ok, 20))
    }

    @Test("§5.2.6.2: without VIRTIO_BLK_F_FLUSH writes are durable when they complete, and a flush is unsupported")
    func writeThrough() throws {
        let block = try Block(features: Block.writeZeroes)
        #expect(try block.range(13, sector: 0, count: 8) == Block.ok)
        #expect(block.storage.seen.values.last?.isDurable == true)
        #expect(try block.perform(1, [.readable(Block.data, 512)]).status == Block.ok)
        #expect(block.storage.seen.values.last?.isDurable == true)
        #expect(try block.perform(4).status == Block.unsupported)
    }

    @Test("§5.2.6: discard and write zeroes reach the storage with their ranges")
    func ranges() throws {
        let block = try Block()
        #expect(try block.range(11, sector: 8, count: 16) == Block.ok)
        #expect(try block.range(13, sector: 60, count: 4) == Block.ok)
        #expect(try block.range(13, sector: 0, count: 1, flags: 1) == Block.ok)
        #expect(
            block.storage.seen.values.map(\.operation)
                == [.discard, .writeZeroes(mayUnmap: false), .writeZeroes(mayUnmap: true)])
        #expect(block.storage.seen.values.map(\.offset) == [4096, 30720, 0])
        #expect(block.storage.seen.values.map(\.length) == [8192, 2048, 512])
    }

    @Test("§5.2.5: each queue serves, without an order between them")
    func queues() throws {
        let block = try Block(features: Block.flush | Block.multiQueue)
        block.storage.keep()
        try block.offer(4, queue: 0)
        try block.offer(4, queue: 1)
        #expect(block.storage.heldCount == 2)
        block.storage.completeHeld()
        #expect(try block.base.queues[0].takeUsed()?.length == 1)
        #expect(try block.base.queues[1].takeUsed()?.length == 1)
    }

    @Test("requests complete in any order, later than their notification, with an interrupt")
    func later() throws {
        let block = try Block()
        block.storage.keep()
        var ids: [UInt16] = []
        var queue = block.base.queues[0]
        try block.put([UInt8](repeating: 0, count: 16), Block.header)
        for index in 0..<2 as Range<UInt64> {
            ids.append(
                try queue.offer([
                    .readable(Block.header, 16), .writable(Block.data + index * 512, 512),
                    .writable(Block.status + index, 1),
                ]))
        }
        block.base.driver.notify(0)
        #expect(try queue.takeUsed() == nil)
        #expect(block.base.driver.interruptStatus == 0)
        #expect(block.storage.completeHeld() == 2)
        #expect(try queue.takeUsed()?.id == UInt32(ids[1]))
        #expect(try queue.takeUsed()?.id == UInt32(ids[0]))
        #expect(block.base.driver.acknowledgeInterrupt() == 1)
    }

    @Test("§2.4: a reset with requests under way: none of them touches memory or the used ring afterwards")
    func reset() throws {
        let block = try Block()
        block.storage.keep()
        try block.offer(0, [.writable(Block.data, 512)])
        #expect(block.storage.heldCount == 1)
        block.base.driver.write(0, Register.status)
        #expect(block.storage.heldCount == 0)
        #expect(try block.statusByte == Block.untouched)
        #expect(try block.base.queues[0].usedIndex == 0)
        // It works again, with all of its requests' places.
        block.storage.keep(false)
        let fresh = block.base
        fresh.queues[0] = MockDriverQueue(fresh.memory, at: Block.Base.ram, size: 8)
        try fresh.memory.fill(GuestAddress(fresh.queues[0].driverArea), count: 0x100, with: 0)
        fresh.start(Block.flush)
        #expect(try block.perform(4).status == Block.ok)
    }

    @Test("§2.6.1: a queue that is reset alone drains when the storage gives its requests back")
    func queueReset() throws {
        let block = try Block(features: Block.flush | MockMMIODriver.ringReset)
        block.storage.keep()
        try block.offer(4)
        block.base.driver.write(0, Register.queueSel)
        block.base.driver.write(1, Register.queueReset)
        #expect(block.base.driver.read(Register.queueReset) == 1)
        block.storage.completeHeld()
        #expect(block.base.driver.read(Register.queueReset) == 0)
        #expect(try block.base.queues[0].usedIndex == 0)
    }

    @Test("a warm device has room for a ring full of requests, again and again")
    func full() throws {
        let block = try Block(queueSize: 256)
        block.storage.keep()
        for _ in 0..<8 {
            try block.put([4] + [UInt8](repeating: 0, count: 15), Block.header)
            for _ in 0..<128 {
                try block.base.queues[0].offer([.readable(Block.header, 16), .writable(Block.status, 1)])
            }
            block.base.driver.notify(0)
            #expect(block.storage.completeHeld() == 128)
            for _ in 0..<128 { #expect(try block.base.queues[0].takeUsed()?.length == 1) }
        }
        #expect(!block.base.driver.needsReset)
    }
}
