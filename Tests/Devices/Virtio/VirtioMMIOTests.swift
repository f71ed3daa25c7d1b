import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// The registers of virtio-mmio. Source: virtio 1.2 §4.2.2.
@Suite struct VirtioMMIOTests {
    typealias Fixture = VirtioFixture<ScriptedDevice>
    typealias Register = MockMMIODriver.Register

    enum Mode { case readOnly, writeOnly, both }

    /// Offset, mode, value after reset (of what can be read).
    static let table: [(offset: UInt64, mode: Mode, reset: UInt64)] = [
        (0x000, .readOnly, 0x7472_6976), (0x004, .readOnly, 2), (0x008, .readOnly, 42), (0x00C, .readOnly, 0x6D76_7773),
        (0x010, .readOnly, 0x3000_0001), (0x014, .writeOnly, 0), (0x020, .writeOnly, 0), (0x024, .writeOnly, 0),
        (0x030, .writeOnly, 0), (0x034, .readOnly, 1024), (0x038, .writeOnly, 0), (0x044, .both, 0),
        (0x050, .writeOnly, 0), (0x060, .readOnly, 0), (0x064, .writeOnly, 0), (0x070, .both, 0),
        (0x080, .writeOnly, 0), (0x084, .writeOnly, 0), (0x090, .writeOnly, 0), (0x094, .writeOnly, 0),
        (0x0A0, .writeOnly, 0), (0x0A4, .writeOnly, 0), (0x0AC, .writeOnly, 0), (0x0B0, .readOnly, 0xFFFF_FFFF),
        (0x0B4, .readOnly, 0xFFFF_FFFF), (0x0B8, .readOnly, 0xFFFF_FFFF), (0x0BC, .readOnly, 0xFFFF_FFFF),
        (0x0C0, .both, 0), (0x0FC, .readOnly, 0),
    ]

    private func fixture() throws -> Fixture { try Fixture(ScriptedDevice()) }

    @Test("table 4.1: values after reset; what is write-only, reserved or legacy reads as 0")
    func resetValues() throws {
        let fixture = try fixture()
        for offset in stride(from: 0 as UInt64, to: 0x100, by: 4) {
            let entry = Self.table.first { $0.offset == offset }
            #expect(fixture.driver.read(offset) == entry?.reset ?? 0, "at \(offset)")
        }
        let readable = Self.table.count { $0.mode != .writeOnly }
        #expect(fixture.faults.count == 64 - readable)
    }

    @Test("table 4.1: writes to what is read-only, reserved or legacy have no effect but a line in the log")
    func readOnly() throws {
        let fixture = try fixture()
        let writable = Set(Self.table.filter { $0.mode != .readOnly }.map(\.offset))
        for offset in stride(from: 0 as UInt64, to: 0x100, by: 4) where !writable.contains(offset) {
            let before = fixture.faults.count
            fixture.driver.write(0xFFFF_FFFF, offset)
            #expect(fixture.faults.count == before + 1, "at \(offset)")
        }
        for entry in Self.table where entry.mode == .readOnly {
            #expect(fixture.driver.read(entry.offset) == entry.reset)
        }
    }

    @Test(
        "§4.2.2.2: control registers take aligned 32-bit accesses only",
        arguments: [AccessWidth.byte, .halfword, .doubleword])
    func width(_ width: AccessWidth) throws {
        let fixture = try fixture()
        for offset in 0..<(0x100 as UInt64) {
            #expect(fixture.mmio.read(at: offset, width: width) == 0)
            fixture.mmio.write(0xFF, at: offset, width: width)
        }
        for offset in stride(from: 1 as UInt64, to: 0x100, by: 4) {
            #expect(fixture.mmio.read(at: offset, width: .word) == 0)
        }
        #expect(fixture.driver.status == 0)
    }

    @Test("§4.2.2: the configuration space takes 8, 16 and 32 bits, aligned")
    func configuration() throws {
        let fixture = try fixture()
        #expect(fixture.mmio.read(at: 0x101, width: .byte) == 0x22)
        #expect(fixture.mmio.read(at: 0x102, width: .halfword) == 0x4433)
        #expect(fixture.mmio.read(at: 0x104, width: .word) == 0x8877_6655)
        #expect(fixture.mmio.read(at: 0x1FC, width: .word) == 0)
        for (offset, width) in [(0x101, .halfword), (0x102, .word), (0x100, .doubleword)] as [(UInt64, AccessWidth)] {
            #expect(fixture.mmio.read(at: offset, width: width) == 0)
            fixture.mmio.write(1, at: offset, width: width)
        }
        #expect(fixture.device.configuration.count == 0)
        fixture.mmio.write(7, at: 0x104, width: .halfword)
        #expect(fixture.device.configuration.values == [4 << 16 | 7])
    }

    @Test("§4.2.2: a queue that is not there: QueueNumMax and QueueReady read 0, writes have no effect")
    func noSuchQueue() throws {
        let fixture = try fixture()
        for index: UInt64 in [2, 0xFFFF, 0xFFFF_FFFF] {
            fixture.driver.write(index, Register.queueSel)
            #expect(fixture.driver.read(Register.queueNumMax) == 0)
            fixture.driver.write(8, Register.queueNum)
            fixture.driver.write(1, Register.queueReady)
            #expect(fixture.driver.read(Register.queueReady) == 0)
            #expect(fixture.driver.read(Register.queueReset) == 0)
        }
    }

    @Test("§4.2.2: QueueNotify reaches the device with the queue's index, once it runs and if the queue is there")
    func notify() throws {
        let fixture = try fixture()
        fixture.driver.notify(0)
        #expect(fixture.device.notified.count == 0)
        fixture.start()
        fixture.driver.notify(1)
        fixture.driver.notify(0)
        for index: UInt64 in [2, 0x1_0000, 0xFFFF_FFFF] { fixture.driver.notify(index) }
        #expect(fixture.device.notified.values == [1, 0])
    }

    @Test("§4.2.2.1: InterruptStatus keeps its causes until they are acknowledged, and the line follows")
    func interrupt() throws {
        let fixture = try fixture()
        fixture.start()
        let activation = try #require(fixture.device.activation)
        try fixture.queues[0].offer([.readable(Fixture.buffers, 1)])
        #expect(activation.queues[0].nextKind() == .chain)
        activation.driver.interrupt(activation.queues[0])
        #expect(fixture.driver.interruptStatus == 1)
        activation.driver.changeConfiguration {}
        #expect(fixture.driver.interruptStatus == 3)
        fixture.driver.write(1, Register.interruptACK)
        #expect(fixture.driver.interruptStatus == 2)
        #expect(fixture.line.isAsserted)
        fixture.driver.write(0xFFFF_FFFC, Register.interruptACK)
        #expect(fixture.line.isAsserted)
        fixture.driver.write(2, Register.interruptACK)
        #expect(!fixture.line.isAsserted)
        #expect(fixture.line.transitions == [true, false])
    }

    @Test("§2.5.2: each change of the configuration gives ConfigGeneration a new value")
    func generation() throws {
        let fixture = try fixture()
        fixture.start()
        let before = fixture.driver.read(Register.configGeneration)
        let activation = try #require(fixture.device.activation)
        let changed = Recorder<Bool>()
        activation.driver.changeConfiguration { changed.record(true) }
        #expect(changed.count == 1)
        #expect(fixture.driver.read(Register.configGeneration) != before)
    }

    @Test("§4.2.2.2: registers of a queue that is ready are not written")
    func readyQueue() throws {
        let fixture = try fixture()
        fixture.driver.negotiate()
        fixture.driver.setUp(fixture.queues[0], as: 0)
        fixture.driver.write(3, Register.queueNum)
        fixture.driver.write(1, Register.queueDesc)
        fixture.driver.write(1, Register.queueDriver)
        fixture.driver.write(1, Register.queueDevice + 4)
        #expect(fixture.faults.count == 4)
        fixture.driver.setUp(fixture.queues[1], as: 1)
        fixture.driver.start()
        #expect(fixture.driver.status == 0xF)
        #expect(fixture.device.activations.count == 1)
    }

    @Test("a queue that the driver did not make ready does not run, the others do")
    func unusedQueue() throws {
        let fixture = try fixture()
        fixture.driver.negotiate()
        fixture.driver.setUp(fixture.queues[0], as: 0)
        fixture.driver.start()
        #expect(try fixture.device.queue(0).isRunning)
        #expect(try !fixture.device.queue(1).isRunning)
    }

    @Test("§4.2.2: QueueReady 0 stops a queue of a running device; it starts anew elsewhere; the device hears of both")
    func reconfigure() throws {
        let fixture = try fixture()
        fixture.start()
        let queue = try fixture.device.queue(1)
        try fixture.queues[1].offer([.readable(Fixture.buffers, 1)])
        #expect(queue.nextKind() == .chain)
        fixture.driver.write(1, Register.queueSel)
        fixture.driver.write(0, Register.queueReady)
        #expect(fixture.driver.read(Register.queueReady) == 0)
        try fixture.queues[1].offer([.readable(Fixture.buffers, 1)])
        #expect(queue.nextKind() == .empty)
        var moved = MockDriverQueue(fixture.memory, at: Fixture.ram + 0x5_0000, size: 4)
        try moved.offer([.readable(Fixture.buffers, 9)])
        fixture.driver.setUp(moved, as: 1)
        #expect(fixture.device.notified.values == [1, 1])
        let chain = try queue.requireChain()
        #expect(chain.readableBytes == 9)
        queue.complete(chain)
        #expect(try moved.takeUsed()?.id == 0)
        #expect(try fixture.queues[1].usedIndex == 1)
    }

    @Test("a queue that starts on a running device in a place that cannot be: DEVICE_NEEDS_RESET")
    func reconfigureBadly() throws {
        let fixture = try fixture()
        fixture.start()
        fixture.driver.write(0, Register.queueSel)
        fixture.driver.write(0, Register.queueReady)
        fixture.driver.write(0x10, Register.queueDevice + 4)
        fixture.driver.write(1, Register.queueReady)
        fixture.expectRefusal()
        #expect(try !fixture.device.queue(0).isRunning)
    }

    @Test("§2.6.1: a queue is reset alone, with VIRTIO_F_RING_RESET; QueueReset reads 1 until the device has let go")
    func queueReset() throws {
        let fixture = try fixture()
        fixture.start(MockMMIODriver.ringReset)
        try fixture.queues[0].offer([.readable(Fixture.buffers, 1)])
        let queue = try fixture.device.queue(0)
        let chain = try queue.requireChain()
        fixture.driver.write(0, Register.queueSel)
        fixture.driver.write(1, Register.queueReset)
        #expect(fixture.driver.read(Register.queueReset) == 1)
        #expect(fixture.driver.read(Register.queueReady) == 0)
        queue.discard(chain)
        #expect(fixture.driver.read(Register.queueReset) == 0)
        #expect(!queue.isRunning)
        #expect(try fixture.device.queue(1).isRunning)
        fixture.driver.setUp(fixture.queues[0], as: 0)
        #expect(queue.isRunning)
    }

    @Test("§2.6.1: without VIRTIO_F_RING_RESET, and before DRIVER_OK, QueueReset has no effect")
    func queueResetRefused() throws {
        let fixture = try fixture()
        fixture.start()
        fixture.driver.write(0, Register.queueSel)
        fixture.driver.write(1, Register.queueReset)
        #expect(fixture.driver.read(Register.queueReady) == 1)
        #expect(try fixture.device.queue(0).isRunning)
    }
}
