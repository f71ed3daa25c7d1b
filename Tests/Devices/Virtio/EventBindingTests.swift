import PCIDevices
import Synchronization
import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Eventfds of a program's queues, tied to the guest by the hypervisor: what a binding follows. Source: virtio 1.2 §4.1.5, §4.2.3; PCI
/// Local Bus 3.0 §6.2.2, §6.2.5, §6.8.2.
@Suite struct EventBindingTests {
    typealias Fixture = VirtioPCIFixture<VirtioFileSystem>
    private typealias Message = RecordingBinder.Message
    private static let command: UInt64 = 4, bar0: UInt64 = 0x10
    private static let memoryAndMaster: UInt64 = 6, memoryOnly: UInt64 = 2, masterOnly: UInt64 = 4

    private let server = EventServer()
    private let binder = RecordingBinder()

    private func fixture(withMessages: Bool = true) throws -> Fixture {
        let range = try #require(GuestRange(start: GuestAddress(Fixture.ram), size: Fixture.ramSize))
        let memory = try GuestMemory([range])
        let fixture = try Fixture(
            VirtioFileSystem(server, tag: "work", memory: memory), memory: memory, events: binder)
        #expect(binder.changes == 0)
        fixture.start(withMessages: withMessages)
        return fixture
    }

    private func doorbells(_ driver: MockPCIDriver) -> [IOEventTrigger: Int32] {
        [
            .mmio(GuestAddress(driver.address(2)), .halfword, value: nil): 100,
            .mmio(GuestAddress(driver.address(2, 4)), .halfword, value: nil): 101,
        ]
    }

    /// Of queue n: vector n + 1, whose data is its number.
    private func message(_ queue: Int32) -> Message {
        Message(event: 200 + queue, address: 0x0808_0040, data: UInt32(queue) + 1, device: 8)
    }

    private var both: Set<Message> { [message(0), message(1)] }

    @Test("§4.1.5: from DRIVER_OK to the reset: a queue's address is its doorbell, its vector's message its interrupt")
    func life() throws {
        let fixture = try fixture()
        #expect(binder.doorbells == doorbells(fixture.driver))
        #expect(binder.messages == both)
        #expect(server.bound.withLock { $0 } == [100, 101, 200, 201])
        fixture.driver.write(0, MockPCIDriver.Common.status)
        #expect(binder.doorbells.isEmpty && binder.messages.isEmpty)
        #expect(server.bound.withLock { $0.isEmpty })
        fixture.start(withMessages: true)
        #expect(binder.doorbells == doorbells(fixture.driver) && binder.messages == both)
        #expect(binder.mistakes == 0)
    }

    @Test("a queue that the driver did not enable has no binding; what is bound stays so when others change")
    func oneQueue() throws {
        let fixture = try fixture()
        let changes = binder.changes
        fixture.driver.write(1, MockPCIDriver.Common.queueSelect)
        fixture.driver.write(2, MockPCIDriver.Common.queueVector)
        #expect(binder.changes == changes)
        fixture.driver.write(0, MockPCIDriver.Common.status)
        #expect(fixture.driver.negotiate(MockMMIODriver.version1))
        fixture.driver.setUp(fixture.queues[1], as: 1)
        fixture.driver.start()
        #expect(Array(binder.doorbells.values) == [101])
    }

    @Test("§6.8.2: a masked vector is not bound; what comes meanwhile is pending, and sent when it is unmasked")
    func masked() throws {
        let fixture = try fixture()
        fixture.driver.setEntry(2, address: 0x0808_0040, data: 2, isMasked: true)
        #expect(binder.messages == [message(0)])
        #expect(server.bound.withLock { !$0.contains(201) })
        server.interrupt(1)
        #expect(fixture.messages.count == 0)
        fixture.driver.setEntry(2, address: 0x0808_0040, data: 2)
        #expect(fixture.messages.take().map(\.data) == [2])
        #expect(binder.messages == both && binder.mistakes == 0)
    }

    @Test("§6.8.2: the function's mask and enable bits, and Bus Master, take all away and bring them back")
    func functionMask() throws {
        let fixture = try fixture()
        let driver = fixture.driver
        for control in [0xC000, 0] as [UInt64] {
            driver.setHeader(control, driver.msiX + 2, .halfword)
            #expect(binder.messages.isEmpty)
            #expect(binder.doorbells == doorbells(driver))
            driver.setMessages(true)
            #expect(binder.messages == both)
        }
        driver.setHeader(Self.memoryOnly, Self.command, .halfword)
        #expect(binder.messages.isEmpty && binder.doorbells.isEmpty)
        driver.setHeader(Self.memoryAndMaster, Self.command, .halfword)
        #expect(binder.messages == both && binder.doorbells == doorbells(driver) && binder.mistakes == 0)
    }

    @Test("a rewritten entry, or another vector of the queue, is another message; without a vector there is none")
    func rewritten() throws {
        let fixture = try fixture()
        fixture.driver.setEntry(1, address: 0x0808_0040, data: 77)
        #expect(binder.messages == [Message(event: 200, address: 0x0808_0040, data: 77, device: 8), message(1)])
        fixture.driver.write(1, MockPCIDriver.Common.queueSelect)
        fixture.driver.write(0, MockPCIDriver.Common.queueVector)
        #expect(binder.messages.contains(Message(event: 201, address: 0x0808_0040, data: 0, device: 8)))
        fixture.driver.write(MockPCIDriver.noVector, MockPCIDriver.Common.queueVector)
        #expect(binder.messages.map(\.event) == [200] && binder.mistakes == 0)
    }

    @Test("§4.1.4.5: with the pin, interrupts have a cause in a register: they are not bound, doorbells are")
    func pin() throws {
        let fixture = try fixture(withMessages: false)
        #expect(binder.messages.isEmpty && binder.doorbells == doorbells(fixture.driver))
        server.interrupt(1)
        #expect(fixture.line.isAsserted && fixture.driver.takeInterruptStatus() == 1)
    }

    @Test("§6.2.5: doorbells move with the region, and are none outside of the windows or without memory decoding")
    func moved() throws {
        let fixture = try fixture()
        let driver = fixture.driver
        driver.setHeader(Fixture.window + 0x100_0000, Self.bar0)
        #expect(driver.address(2) >= Fixture.window + 0x100_0000)
        #expect(binder.doorbells == doorbells(driver))
        // Over RAM, and over what another device may have.
        for place in [Fixture.ram, 0x0900_0000, 0xFFFF_C000] {
            driver.setHeader(place, Self.bar0)
            #expect(binder.doorbells.isEmpty)
        }
        driver.setHeader(Fixture.window, Self.bar0)
        // Now in front of its own MSI-X structures or not: what the look-up finds is bound.
        #expect(binder.doorbells == doorbells(driver))
        driver.setHeader(Self.masterOnly, Self.command, .halfword)
        #expect(binder.doorbells.isEmpty && binder.messages == both && binder.mistakes == 0)
    }

    @Test("§6.2.5: where another function's region answers first, the doorbell is not bound, until that moves away")
    func covered() throws {
        let other = EventServer(firstEvent: 300)
        let range = try #require(GuestRange(start: GuestAddress(Fixture.ram), size: Fixture.ramSize))
        let memory = try GuestMemory([range])
        let fixture = try Fixture(
            VirtioFileSystem(server, tag: "one", memory: memory), memory: memory, events: binder,
            others: [VirtioFileSystem(other, tag: "two", memory: memory)])
        let second = MockPCIDriver(
            configuration: fixture.bus.configuration, windows: fixture.driver.windows, slot: 2)
        second.enable()
        #expect(second.negotiate())
        second.setUp(fixture.queues[0], as: 0)
        second.start()
        let own = second.base(0)
        #expect(Array(binder.doorbells.values) == [300])
        fixture.driver.enable()
        fixture.driver.setHeader(own, Self.bar0)
        #expect(binder.doorbells.isEmpty)
        fixture.driver.setHeader(own + 0x100_0000, Self.bar0)
        #expect(Array(binder.doorbells.values) == [300] && binder.mistakes == 0)
    }

    @Test("what the hypervisor refuses goes by the device, as without, and is tried again at the next change")
    func refused() throws {
        binder.setRefuses(true)
        let fixture = try fixture()
        #expect(binder.changes == 0 && server.bound.withLock { $0.isEmpty })
        fixture.driver.notify(1)
        #expect(server.notified.values.last == 1)
        server.interrupt(1)
        #expect(fixture.messages.take().map(\.data) == [2])
        binder.setRefuses(false)
        fixture.driver.enable()
        #expect(binder.messages == both && binder.doorbells == doorbells(fixture.driver))
    }

    @Test("§4.2.2: over virtio-mmio the queue's index at QueueNotify is the doorbell; interrupts are not bound")
    func mmio() throws {
        let range = try #require(GuestRange(start: GuestAddress(Fixture.ram), size: Fixture.ramSize))
        let memory = try GuestMemory([range])
        let line = RecordingInterruptLine()
        let mmio = VirtioMMIO(
            VirtioFileSystem(server, tag: "t", memory: memory), name: "device", memory: memory, interrupt: line,
            doorbells: DoorbellWindow(at: GuestAddress(0x0A00_0000), binder), faults: RecordingFaults().log)
        let driver = MockMMIODriver(mmio)
        #expect(driver.negotiate(MockMMIODriver.version1))
        for index in 0..<2 as Range<UInt64> {
            driver.setUp(MockDriverQueue(memory, at: Fixture.ram + index * 0x1_0000, size: 8), as: index)
        }
        #expect(binder.changes == 0)
        driver.start()
        let address = GuestAddress(0x0A00_0050)
        #expect(
            binder.doorbells == [.mmio(address, .word, value: 0): 100, .mmio(address, .word, value: 1): 101])
        #expect(binder.messages.isEmpty)
        server.interrupt(1)
        #expect(line.isAsserted)
        driver.write(0, MockMMIODriver.Register.status)
        #expect(binder.doorbells.isEmpty && binder.mistakes == 0)
    }

    @Test("statistics tell how often eventfds were bound: of those nothing else is counted")
    func statistics() throws {
        let fixture = try fixture()
        let counters = fixture.device.counters
        #expect(counters.map(\.name) == ["notifications", "interrupts", "doorbells bound", "interrupts bound"])
        #expect(counters.map(\.value) == [0, 0, 2, 2])
    }
}
