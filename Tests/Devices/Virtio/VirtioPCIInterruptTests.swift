import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Interrupts of virtio-pci: the status byte and the pin, or MSI-X. Source: virtio 1.2 §4.1.4.5, §4.1.5.
@Suite struct VirtioPCIInterruptTests {
    typealias Fixture = VirtioPCIFixture<ScriptedDevice>
    typealias Common = MockPCIDriver.Common

    private func use(_ fixture: Fixture, queue index: Int = 0) throws {
        let activation = try #require(fixture.device.activation)
        try fixture.queues[index].offer([.readable(Fixture.buffers, 1)])
        guard case .chain(let chain) = activation.queues[index].next() else {
            Issue.record("no chain")
            return
        }
        activation.queues[index].complete(chain)
        activation.driver.interrupt(activation.queues[index])
    }

    private var interruptStatusBit: UInt64 { 8 }

    @Test("§4.1.4.5.1: without MSI-X, bit 0 for used buffers, bit 1 for the configuration; a read clears and deasserts")
    func status() throws {
        for hasMessages in [true, false] {
            let fixture = try Fixture(ScriptedDevice(), hasMessages: hasMessages)
            fixture.start()
            let driver = fixture.driver
            #expect(driver.takeInterruptStatus() == 0)
            try use(fixture)
            #expect(fixture.line.isAsserted && driver.header(6, .halfword) & interruptStatusBit != 0)
            #expect(driver.takeInterruptStatus() == 1)
            #expect(!fixture.line.isAsserted && driver.header(6, .halfword) & interruptStatusBit == 0)
            #expect(driver.takeInterruptStatus() == 0)
            try #require(fixture.device.activation).driver.changeConfiguration {}
            try use(fixture, queue: 1)
            #expect(fixture.line.isAsserted)
            #expect(driver.takeInterruptStatus() == 3)
            #expect(!fixture.line.isAsserted && fixture.messages.count == 0)
        }
    }

    @Test("§4.1.4.5: the status byte is read-only, and the rest of its page is nothing")
    func statusWrites() throws {
        let fixture = try Fixture(ScriptedDevice())
        fixture.start()
        let driver = fixture.driver
        try use(fixture)
        for width in AccessWidth.allCases { driver.store(.max, driver.address(3), width) }
        for offset in [1, 4, 0xFFC] as [UInt64] { #expect(driver.load(driver.address(3, offset), .byte) == 0) }
        #expect(fixture.line.isAsserted && driver.takeInterruptStatus() == 1)
    }

    @Test("§4.1.5.3: with MSI-X, a queue's vector for its used buffers; the pin and the status byte rest")
    func queueVectors() throws {
        let fixture = try Fixture(ScriptedDevice())
        fixture.start(withMessages: true)
        try use(fixture, queue: 1)
        try use(fixture, queue: 0)
        #expect(fixture.messages.take().map(\.data) == [2, 1])
        #expect(!fixture.line.isAsserted && fixture.driver.takeInterruptStatus() == 0)
    }

    @Test("§4.1.5.4: with MSI-X, the configuration's vector, its bit in the status byte set before")
    func configurationVector() throws {
        let fixture = try Fixture(ScriptedDevice())
        fixture.start(withMessages: true)
        try #require(fixture.device.activation).driver.changeConfiguration {}
        #expect(fixture.messages.take().map(\.data) == [0])
        #expect(fixture.driver.takeInterruptStatus() == 2 && !fixture.line.isAsserted)
        // DEVICE_NEEDS_RESET is a change of the configuration.
        let activation = try #require(fixture.device.activation)
        activation.driver.refuse(activation.queues[0], .wrongDirection)
        #expect(fixture.driver.needsReset && fixture.messages.take().map(\.data) == [0])
    }

    @Test("§4.1.5.1.2.1: any event to any vector of the table, reads back; one that is not there reads as NO_VECTOR")
    func mapping() throws {
        let fixture = try Fixture(ScriptedDevice())
        fixture.start(withMessages: true)
        let driver = fixture.driver
        #expect(driver.header(driver.msiX + 2, .halfword) & 0x7FF == 2)
        driver.write(1, Common.queueSelect)
        for (written, read) in [(0, 0), (2, 2), (3, 0xFFFF), (0x7FF, 0xFFFF), (1, 1), (0xFFFF, 0xFFFF)]
            as [(UInt64, UInt64)]
        {
            for field in [Common.configVector, Common.queueVector] {
                driver.write(written, field)
                #expect(driver.read(field) == read)
            }
        }
        // Unmapped: no interrupt at all.
        try use(fixture, queue: 1)
        try #require(fixture.device.activation).driver.changeConfiguration {}
        #expect(fixture.messages.count == 0 && !fixture.line.isAsserted)
        driver.write(0, Common.queueVector)
        driver.write(0, Common.queueSelect)
        driver.write(0, Common.queueVector)
        try use(fixture, queue: 1)
        try use(fixture, queue: 0)
        #expect(fixture.messages.take().map(\.data) == [0, 0])
    }

    @Test("§4.1.5.1.2.1: without MSI-X no vector can be mapped")
    func noTable() throws {
        let fixture = try Fixture(ScriptedDevice(), hasMessages: false)
        #expect(fixture.driver.msiX == 0)
        fixture.driver.write(0, Common.configVector)
        #expect(fixture.driver.read(Common.configVector) == MockPCIDriver.noVector)
    }

    @Test("a reset: what was pending is not sent any more, and the pin is low")
    func reset() throws {
        let fixture = try Fixture(ScriptedDevice())
        fixture.start(withMessages: true)
        let driver = fixture.driver
        driver.setEntry(1, address: 0x0808_0040, data: 1, isMasked: true)
        try use(fixture)
        let activation = try #require(fixture.device.activation)
        driver.write(0, Common.status)
        driver.setEntry(1, address: 0x0808_0040, data: 1)
        activation.driver.changeConfiguration {}
        #expect(fixture.messages.count == 0)
        driver.setMessages(false)
        #expect(!fixture.line.isAsserted)
    }
}
