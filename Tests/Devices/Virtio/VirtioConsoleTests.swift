import Synchronization
import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Source: virtio 1.2 §5.3.
@Suite struct VirtioConsoleTests {
    typealias Fixture = VirtioFixture<VirtioConsole>
    typealias Register = MockMMIODriver.Register
    private static let rx = 0
    private static let tx = 1

    private let channel = LoopbackChannel()

    private func fixture(size: ConsoleSize? = nil, start: Bool = true, _ features: UInt64 = 0) throws -> Fixture {
        let fixture = try Fixture(VirtioConsole(channel: channel, size: size))
        if start { fixture.start(features) }
        return fixture
    }

    private func transmit(_ text: String, _ fixture: Fixture, at address: UInt64 = Fixture.buffers) throws {
        try fixture.memory.copyIn(Array(text.utf8), to: GuestAddress(address))
        try fixture.queues[Self.tx].offer([.readable(address, UInt32(text.utf8.count))])
    }

    @Test("§5.3.2, §5.3.3: device 3, four queues, size only when it is known, emergency write, multiport")
    func identity() throws {
        let without = try fixture(start: false)
        #expect(without.driver.read(Register.deviceID) == 3)
        #expect(without.driver.offeredFeatures & 7 == 6)
        #expect(try fixture(size: ConsoleSize(columns: 80, rows: 24), start: false).driver.offeredFeatures & 7 == 7)
        without.driver.write(1, Register.queueSel)
        #expect(without.driver.read(Register.queueNumMax) == 256)
        without.driver.write(3, Register.queueSel)
        #expect(without.driver.read(Register.queueNumMax) == 64)
        without.driver.write(4, Register.queueSel)
        #expect(without.driver.read(Register.queueNumMax) == 0)
    }

    @Test("§5.3.6: what the driver transmits comes out in order, and its buffers come back with an interrupt")
    func output() throws {
        let fixture = try fixture()
        try transmit("Hello, ", fixture)
        try transmit("world\n", fixture, at: Fixture.buffers + 0x100)
        fixture.driver.notify(1)
        #expect(channel.outputText == "Hello, world\n")
        #expect(fixture.driver.acknowledgeInterrupt() == 1)
        #expect(try fixture.queues[Self.tx].takeUsed() ?? (9, 9) == (0, 0))
        #expect(try fixture.queues[Self.tx].takeUsed() ?? (9, 9) == (1, 0))
        #expect(fixture.line.transitions == [true, false])
    }

    @Test("§5.3.6: a request of many buffers and more than a piece comes out whole")
    func longOutput() throws {
        let fixture = try fixture(MockMMIODriver.indirect)
        let bytes = (0..<30_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try fixture.memory.copyIn(bytes, to: GuestAddress(Fixture.buffers))
        try fixture.queues[Self.tx].offerIndirect(
            [
                .readable(Fixture.buffers, 1), .readable(0, 0), .readable(Fixture.buffers + 1, 20_000),
                .readable(Fixture.buffers + 20_001, 9_999),
            ], table: Fixture.ram + 0x3_0000)
        fixture.driver.notify(1)
        #expect(channel.output == bytes)
        #expect(try fixture.queues[Self.tx].takeUsed() != nil)
        // A request of exactly a piece is done too.
        try fixture.queues[Self.tx].offer([.readable(Fixture.buffers, 4096)])
        fixture.driver.notify(1)
        #expect(try fixture.queues[Self.tx].takeUsed() != nil)
        #expect(channel.output.count == 34_096)
    }

    @Test("output that was offered before DRIVER_OK comes out with it")
    func earlyOutput() throws {
        let fixture = try fixture(start: false)
        try transmit("early", fixture)
        fixture.start()
        #expect(channel.outputText == "early")
    }

    @Test("§5.3.6: input goes into the buffers that the driver offers, as it comes")
    func input() throws {
        let fixture = try fixture()
        for index: UInt64 in 0..<3 {
            try fixture.queues[Self.rx].offer([.writable(Fixture.buffers + index * 0x100, 4)])
        }
        fixture.driver.notify(0)
        #expect(fixture.driver.interruptStatus == 0)
        channel.feed("abcdef")
        #expect(fixture.driver.acknowledgeInterrupt() == 1)
        #expect(try fixture.queues[Self.rx].takeUsed() ?? (9, 9) == (0, 4))
        #expect(try fixture.queues[Self.rx].takeUsed() ?? (9, 9) == (1, 2))
        #expect(try fixture.queues[Self.rx].takeUsed() == nil)
        #expect(try fixture.memory.copyOut(GuestAddress(Fixture.buffers), count: 5) == Array("abcd\0".utf8))
        #expect(try fixture.memory.copyOut(GuestAddress(Fixture.buffers + 0x100), count: 3) == Array("ef\0".utf8))
        channel.feed("g")
        #expect(try fixture.queues[Self.rx].takeUsed() ?? (9, 9) == (2, 1))
    }

    @Test("input without a buffer waits in the channel, and comes with the next buffer")
    func waitingInput() throws {
        let fixture = try fixture(start: false)
        channel.feed("typed early")
        fixture.start()
        #expect(channel.pendingInput.count == 11)
        try fixture.queues[Self.rx].offer([.writable(Fixture.buffers, 5)])
        fixture.driver.notify(0)
        #expect(channel.pendingInput == Array(" early".utf8))
        try fixture.queues[Self.rx].offer([.writable(Fixture.buffers, 100)])
        fixture.driver.notify(0)
        #expect(try fixture.memory.copyOut(GuestAddress(Fixture.buffers), count: 6) == Array(" early".utf8))
    }

    @Test("a buffer for input without room comes back empty, and costs no input")
    func noRoom() throws {
        let fixture = try fixture()
        try fixture.queues[Self.rx].offer([.writable(Fixture.buffers, 0)])
        try fixture.queues[Self.rx].offer([.writable(Fixture.buffers, 8)])
        channel.feed("x")
        #expect(try fixture.queues[Self.rx].takeUsed() ?? (9, 9) == (0, 0))
        #expect(try fixture.queues[Self.rx].takeUsed() ?? (9, 9) == (1, 1))
    }

    @Test("§5.3.6.1: no device-readable buffer in a receiveq, no device-writable one in a transmitq")
    func wrongDirection() throws {
        let reader = try fixture()
        try reader.queues[Self.rx].offer([.readable(Fixture.buffers, 1), .writable(Fixture.buffers, 1)])
        channel.feed("lost")
        reader.expectRefusal()
        #expect(channel.pendingInput.count == 4)
        let writer = try fixture()
        try writer.queues[Self.tx].offer([.readable(Fixture.buffers, 1), .writable(Fixture.buffers, 1)])
        writer.driver.notify(1)
        writer.expectRefusal()
        #expect(try writer.queues[Self.tx].usedIndex == 0)
    }

    @Test("after a fault of one queue the device works on neither, until it is reset")
    func fault() throws {
        let fixture = try fixture()
        try fixture.queues[Self.tx].offer(head: 77)
        fixture.driver.notify(1)
        fixture.expectRefusal()
        try fixture.queues[Self.rx].offer([.writable(Fixture.buffers, 8)])
        channel.feed("x")
        #expect(try fixture.queues[Self.rx].usedIndex == 0)
        fixture.driver.write(0, Register.status)
        for index in fixture.queues.indices {
            try fixture.memory.fill(GuestAddress(fixture.queues[index].descriptorTable), count: 0x1000, with: 0)
            fixture.queues[index] = MockDriverQueue(
                fixture.memory, at: fixture.queues[index].descriptorTable, size: 8)
        }
        fixture.start()
        try fixture.queues[Self.rx].offer([.writable(Fixture.buffers, 8)])
        fixture.driver.notify(0)
        #expect(try fixture.queues[Self.rx].takeUsed()?.length == 1)
    }

    @Test("§5.3.4: the size, in the widths of its fields; a change gives a new generation and an interrupt")
    func size() throws {
        let fixture = try fixture(size: ConsoleSize(columns: 132, rows: 43), 1)
        #expect(fixture.mmio.read(at: 0x100, width: .halfword) == 132)
        #expect(fixture.mmio.read(at: 0x102, width: .halfword) == 43)
        #expect(fixture.mmio.read(at: 0x100, width: .word) == 43 << 16 | 132)
        #expect(fixture.mmio.read(at: 0x104, width: .word) == 1)
        #expect(fixture.mmio.read(at: 0x108, width: .word) == 0)
        let generation = fixture.driver.read(Register.configGeneration)
        fixture.device.resize(to: ConsoleSize(columns: 80, rows: 25))
        #expect(fixture.driver.read(Register.configGeneration) != generation)
        #expect(fixture.driver.acknowledgeInterrupt() == 2)
        #expect(fixture.mmio.read(at: 0x100, width: .word) == 25 << 16 | 80)
    }

    @Test("§5.3.4: an emergency write prints its low byte at any time; other fields cannot be written")
    func emergency() throws {
        let fixture = try fixture(start: false)
        fixture.mmio.write(0x1_0000 | UInt64(UInt8(ascii: "!")), at: 0x108, width: .word)
        fixture.mmio.write(UInt64(UInt8(ascii: "?")), at: 0x100, width: .word)
        fixture.mmio.write(UInt64(UInt8(ascii: "?")), at: 0x10C, width: .word)
        #expect(channel.outputText == "!")
    }

    @Test("a reset while the channel makes the guest wait: the rest of the request is dropped, the next driver works")
    func resetDuringOutput() throws {
        let slow = GatedChannel()
        let fixture = try VirtioFixture(VirtioConsole(channel: slow))
        fixture.start()
        let first = [UInt8](repeating: 1, count: 10_000)
        try fixture.memory.copyIn(first, to: GuestAddress(Fixture.buffers))
        try fixture.queues[Self.tx].offer([.readable(Fixture.buffers, 10_000)])
        let mmio = fixture.mmio
        let writer = HostThread { mmio.write(1, at: Register.queueNotify, width: .word) }
        #expect(waits { slow.isWaiting })
        fixture.start()
        var queue = MockDriverQueue(fixture.memory, at: Fixture.ram + 0x5_0000, size: 8)
        fixture.driver.write(1, Register.queueSel)
        fixture.driver.write(0, Register.queueReady)
        fixture.driver.setUp(queue, as: 1)
        try fixture.memory.copyIn([2, 2, 2], to: GuestAddress(Fixture.ram + 0x6_0000))
        try queue.offer([.readable(Fixture.ram + 0x6_0000, 3)])
        fixture.driver.notify(1)
        slow.open()
        #expect(writer.finishes(within: 20))
        #expect(try queue.takeUsed() != nil)
        // What was copied before the reset comes out, and nothing else of that request.
        #expect(slow.written.suffix(3) == [2, 2, 2])
        #expect(slow.written.count == 4096 + 3)
        #expect(try fixture.queues[Self.tx].usedIndex == 0)
    }

    @Test("a console that is gone is not called by its channel")
    func disconnect() throws {
        let fixture = try fixture()
        try fixture.queues[Self.rx].offer([.writable(Fixture.buffers, 8)])
        fixture.device.disconnect()
        channel.feed("x")
        #expect(channel.pendingInput.count == 1)
    }
}

/// A channel whose writers wait until it is opened.
private final class GatedChannel: CharacterChannel {
    private struct State {
        var isOpen = false
        var isWaiting = false
        var written: [UInt8] = []
    }

    private let state = Mutex(State())

    var isWaiting: Bool { state.withLock { $0.isWaiting } }
    var written: [UInt8] { state.withLock { $0.written } }
    func open() { state.withLock { $0.isOpen = true } }

    func write(_ byte: UInt8) {
        _ = waits {
            state.withLock { state in
                state.isWaiting = !state.isOpen
                if state.isOpen { state.written.append(byte) }
                return state.isOpen
            }
        }
    }

    func read() -> UInt8? { nil }
    func setInputHandler(_ handler: (@Sendable () -> Void)?) {}
}
