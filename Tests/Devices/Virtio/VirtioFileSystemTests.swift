import Synchronization
import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Source: virtio 1.2 §5.11.
@Suite struct VirtioFileSystemTests {
    typealias Fixture = VirtioFixture<VirtioFileSystem>
    typealias Register = MockMMIODriver.Register

    private static let indirect: UInt64 = 1 << 28
    private static let eventIndex: UInt64 = 1 << 29
    private static let packedRing: UInt64 = 1 << 34
    private static let ringReset: UInt64 = 1 << 40

    private let server = ScriptedServer(features: VirtioFileSystemTests.indirect)

    private func fixture(tag: String = "work") throws -> Fixture {
        let range = try #require(GuestRange(start: GuestAddress(Fixture.ram), size: Fixture.ramSize))
        let memory = try GuestMemory([range])
        return try Fixture(VirtioFileSystem(server, tag: tag, memory: memory), memory: memory)
    }

    @Test("§5.11.1 to §5.11.4: device 26, the tag with zeros behind it, one request queue besides the first")
    func identity() throws {
        let fixture = try fixture()
        #expect(fixture.driver.read(Register.deviceID) == 26)
        let bytes = (0..<10).flatMap { word in
            let value = fixture.driver.read(Register.config + UInt64(word) * 4)
            return (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        }
        let tag = Array("work".utf8) + [UInt8](repeating: 0, count: 32)
        #expect(bytes == tag + UInt32(1).littleEndianBytes)
        fixture.driver.write(2, Register.queueSel)
        #expect(fixture.driver.read(Register.queueNumMax) == 0)
    }

    @Test("§5.11.4: a tag of 36 bytes has no zero behind it; what is longer is cut")
    func longTag() throws {
        let fixture = try fixture(tag: String(repeating: "x", count: 40))
        #expect(fixture.driver.read(Register.config + 32) == 0x7878_7878)
        #expect(fixture.driver.read(Register.config + 36) == 1)
    }

    @Test("§5.11.4.1: what a driver writes to the configuration space changes nothing")
    func readOnly() throws {
        let fixture = try fixture()
        for word in 0..<11 as Range<UInt64> { fixture.driver.write(0xFFFF_FFFF, Register.config + word * 4) }
        #expect(fixture.driver.read(Register.config) == 0x6B72_6F77)
        #expect(fixture.driver.read(Register.config + 36) == 1)
    }

    @Test("§2.2: of the queues' features those are offered that the server knows, and never the reset of one queue")
    func features() throws {
        let ours = Self.indirect | Self.eventIndex | Self.packedRing | Self.ringReset
        #expect(try fixture().driver.offeredFeatures & ours == Self.indirect)
        let able = ScriptedServer(features: ours)
        let range = try #require(GuestRange(start: GuestAddress(Fixture.ram), size: Fixture.ramSize))
        let memory = try GuestMemory([range])
        let mmio = VirtioMMIO(
            VirtioFileSystem(able, tag: "t", memory: memory), rings: .packed, name: "device", memory: memory,
            interrupt: RecordingInterruptLine(), faults: RecordingFaults().log)
        #expect(MockMMIODriver(mmio).offeredFeatures & ours == ours & ~Self.ringReset)
    }

    @Test("§3.1.1: at DRIVER_OK the server gets the queues as the driver set them up, and is notified of each")
    func start() throws {
        let fixture = try fixture()
        #expect(server.log.values.isEmpty)
        fixture.start(Self.indirect)
        let queues = fixture.queues.enumerated().map { index, queue in
            ServedQueue(
                index: UInt16(index), size: 8, descriptorTable: GuestAddress(queue.descriptorTable),
                driverArea: GuestAddress(queue.driverArea), deviceArea: GuestAddress(queue.deviceArea))
        }
        let features = Self.indirect | 1 << 32
        #expect(server.log.values == [.start(queues, features: features), .notify(0), .notify(1)])
    }

    @Test("a notification goes to the server, and its wish for an interrupt to the driver")
    func requests() throws {
        let fixture = try fixture()
        fixture.start()
        fixture.driver.notify(1)
        #expect(server.log.values.last == .notify(1))
        #expect(server.log.count == 4)
        server.send(.interrupt(queue: 1))
        #expect(fixture.line.isAsserted)
        #expect(fixture.driver.acknowledgeInterrupt() == 1)
        // Nonsense of the server's is nothing.
        server.send(.interrupt(queue: 9))
        #expect(!fixture.line.isAsserted)
    }

    @Test("§2.1.2: a server that cannot start, or that ends, leaves the driver with DEVICE_NEEDS_RESET")
    func lost() throws {
        let fixture = try fixture()
        fixture.start()
        #expect(!fixture.driver.needsReset)
        server.send(.ended)
        #expect(fixture.driver.needsReset)
        fixture.driver.write(0, Register.status)
        server.canStart.withLock { $0 = false }
        #expect(fixture.driver.negotiate(MockMMIODriver.version1))
        fixture.driver.start()
        #expect(fixture.driver.needsReset)
    }

    @Test("§2.4.1: a reset ends the server's work; what it wants afterwards reaches nobody")
    func reset() throws {
        let fixture = try fixture()
        fixture.driver.write(0, Register.status)
        #expect(server.log.values.isEmpty)
        fixture.start()
        fixture.driver.write(0, Register.status)
        #expect(server.log.values.last == .stop)
        server.send(.interrupt(queue: 1))
        #expect(!fixture.line.isAsserted)
        fixture.device.disconnect()
        #expect(server.log.values.count { $0 == .stop } == 1)
        #expect(!server.hasHandler)
    }
}

/// Notes what is asked of it.
private final class ScriptedServer: QueueServer {
    enum Step: Hashable, Sendable {
        case start([ServedQueue], features: UInt64)
        case notify(UInt16)
        case stop
    }

    let features: UInt64
    let log = Recorder<Step>()
    let canStart = Mutex(true)
    private let handler = Mutex<(@Sendable (QueueServerEvent) -> Void)?>(nil)

    init(features: UInt64) { self.features = features }

    func setHandler(_ new: (@Sendable (QueueServerEvent) -> Void)?) { handler.withLock { $0 = new } }
    var hasHandler: Bool { handler.withLock { $0 != nil } }
    func send(_ event: QueueServerEvent) { handler.withLock { $0 }?(event) }

    func start(_ queues: [ServedQueue], features: UInt64, memory: GuestMemory) -> Bool {
        log.record(.start(queues, features: features))
        return canStart.withLock { $0 }
    }

    func notify(queue index: UInt16) { log.record(.notify(index)) }
    func stop() { log.record(.stop) }
}
