import PCIDevices
import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// virtio-pci: discovery, capabilities and the common configuration structure. Source: virtio 1.2 §4.1.
@Suite struct VirtioPCITests {
    typealias Fixture = VirtioPCIFixture<ScriptedDevice>
    typealias Common = MockPCIDriver.Common

    /// Offset, width, value after reset, value after a write of ones.
    static let fields: [(offset: UInt64, width: AccessWidth, reset: UInt64, written: UInt64)] = [
        (0x00, .word, 0, 0xFFFF_FFFF), (0x04, .word, 0x3000_0001, 0), (0x08, .word, 0, 0xFFFF_FFFF),
        (0x0C, .word, 0, 0), (0x10, .halfword, 0xFFFF, 0xFFFF), (0x12, .halfword, 2, 2), (0x14, .byte, 0, 0x80),
        (0x15, .byte, 0, 0), (0x18, .halfword, 1024, 1024), (0x1A, .halfword, 0xFFFF, 0xFFFF),
        (0x1C, .halfword, 0, 0), (0x1E, .halfword, 0, 0), (0x20, .word, 0, 0xFFFF_FFFF),
        (0x24, .word, 0, 0xFFFF_FFFF), (0x28, .word, 0, 0xFFFF_FFFF), (0x2C, .word, 0, 0xFFFF_FFFF),
        (0x30, .word, 0, 0xFFFF_FFFF), (0x34, .word, 0, 0xFFFF_FFFF), (0x38, .halfword, 0, 0),
        (0x3A, .halfword, 0, 0), (0x16, .halfword, 0, 0xFFFF),
    ]

    private func fixture(hasMessages: Bool = true) throws -> Fixture {
        let fixture = try Fixture(ScriptedDevice(), hasMessages: hasMessages)
        fixture.driver.enable()
        return fixture
    }

    @Test("§4.1.2.1: vendor 0x1AF4, device 0x1040 and the type, revision 1 or higher, subsystem 0x40 or higher")
    func identity() throws {
        let driver = try fixture().driver
        #expect(driver.header(0x00) == (0x1040 + 42) << 16 | 0x1AF4)
        #expect(driver.header(0x08, .byte) >= 1)
        #expect(driver.header(0x2E, .halfword) >= 0x40)
        #expect(driver.header(0x2C, .halfword) == 0x1AF4)
    }

    @Test("§4.1.4: each structure is there, aligned, long enough, in a region, and over no other")
    func capabilities() throws {
        let driver = try fixture().driver
        let minimum: [UInt64: UInt64] = [1: 0x3C, 2: 2, 3: 1, 4: 8]
        var taken: [Range<UInt64>] = []
        for (type, length) in minimum {
            let place = try #require(driver.structures[type], "\(type)")
            #expect(place.length >= length && place.offset % 4 == 0 && place.bar == 0)
            let range = place.offset..<place.offset + place.length
            #expect(range.upperBound <= 0x4000 && !taken.contains { $0.overlaps(range) })
            taken.append(range)
            #expect(driver.header(place.capability + 2, .byte) == (type == 2 ? 20 : 16))
        }
        let window = try #require(driver.structures[5])
        #expect(driver.header(window.capability + 2, .byte) == 20)
        // §4.1.4.4.1: a power of two, and room for the last queue's.
        let multiplier = driver.notifyMultiplier
        #expect(multiplier > 1 && multiplier & (multiplier - 1) == 0)
        #expect(try #require(driver.structures[2]).length >= multiplier + 2)
        // §4.1.4: the driver must not write the others, and it has no effect.
        let common = try #require(driver.structures[1]).capability
        let before = driver.header(common + 4)
        driver.setHeader(0xFFFF_FFFF, common + 4)
        #expect(driver.header(common + 4) == before)
    }

    @Test("§4.1.4.3: the fields after reset, and after writes of ones; only some can be written")
    func fields() throws {
        let fixture = try fixture()
        for field in Self.fields {
            #expect(fixture.driver.load(fixture.driver.address(1, field.offset), field.width) == field.reset)
        }
        for field in Self.fields {
            let address = fixture.driver.address(1, field.offset)
            fixture.driver.store(.max, address, field.width)
            #expect(fixture.driver.load(address, field.width) == field.written, "at \(field.offset)")
        }
    }

    @Test("§4.1.3.1: a field takes accesses of its own width; the halves of an address one of 64 bits, too")
    func widths() throws {
        let fixture = try fixture()
        let natural = Dictionary(uniqueKeysWithValues: Self.fields.map { ($0.offset, $0.width) })
        fixture.driver.write(0x8877_6655, Common.queueDesc)
        for offset in 0..<(0x1000 as UInt64) {
            for width in AccessWidth.allCases where natural[offset] != width {
                let isPair = width == .doubleword && [0x20, 0x28, 0x30].contains(offset)
                let value = fixture.driver.load(fixture.driver.address(1, offset), width)
                #expect(value == (isPair && offset == 0x20 ? 0x8877_6655 : 0), "\(width) at \(offset)")
                if !isPair { fixture.driver.store(.max, fixture.driver.address(1, offset), width) }
            }
        }
        #expect(fixture.driver.read(Common.queueDesc) == 0x8877_6655 && fixture.driver.status == 0)
        fixture.driver.store(0x1_4000_0000, fixture.driver.address(1, Common.queueDriver), .doubleword)
        #expect(fixture.driver.read(Common.queueDriver + 4) == 1)
        #expect(fixture.driver.load(fixture.driver.address(1, Common.queueDriver), .doubleword) == 0x1_4000_0000)
    }

    @Test("§4.1.4.3.1: feature bits from 32 times the selector on; 0 for selectors of which there are none")
    func features() throws {
        let driver = try fixture().driver
        #expect(driver.offeredFeatures == 0x105_3000_0001)
        for selector in [2, 3, 0xFFFF_FFFF] as [UInt64] {
            driver.write(selector, Common.deviceFeatureSelect)
            #expect(driver.read(Common.deviceFeature) == 0)
            driver.write(selector, Common.driverFeatureSelect)
            #expect(driver.read(Common.driverFeature) == 0)
        }
        driver.write(3, Common.status)
        driver.write(1, Common.driverFeatureSelect)
        driver.write(1, Common.driverFeature)
        #expect(driver.read(Common.driverFeature) == 1)
        driver.write(0, Common.driverFeatureSelect)
        #expect(driver.read(Common.driverFeature) == 0)
    }

    @Test("§4.1.4.3.1: a reset by writing 0 to device_status shows 0, disables queues and unmaps all vectors")
    func reset() throws {
        let fixture = try fixture()
        fixture.start(withMessages: true)
        let driver = fixture.driver
        driver.write(0, Common.queueSelect)
        #expect(driver.read(Common.queueEnable) == 1 && driver.read(Common.queueVector) == 1)
        driver.write(0, Common.status)
        #expect(driver.status == 0 && driver.read(Common.configVector) == MockPCIDriver.noVector)
        for index in [0, 1] as [UInt64] {
            driver.write(index, Common.queueSelect)
            #expect(driver.read(Common.queueEnable) == 0 && driver.read(Common.queueSize) == 1024)
            #expect(driver.read(Common.queueVector) == MockPCIDriver.noVector)
            #expect(driver.read(Common.queueReset) == 0)
        }
        #expect(fixture.device.resets.count == 2)
    }

    @Test("§4.1.4.3.1: a queue that is not there has size 0; its other fields read 0 and cannot be set")
    func noSuchQueue() throws {
        let driver = try fixture().driver
        for index in [2, 0x100, 0xFFFF] as [UInt64] {
            driver.write(index, Common.queueSelect)
            for field in [Common.queueSize, Common.queueEnable, Common.queueDesc, Common.queueNotifyOff] {
                driver.write(1, field)
                #expect(driver.read(field) == 0)
            }
            driver.write(0, Common.queueVector)
            #expect(driver.read(Common.queueVector) == MockPCIDriver.noVector)
        }
    }

    @Test("§4.1.4.3.1: queue_size shows 0 or a power of two: others, and 0, are not taken")
    func queueSize() throws {
        let driver = try fixture().driver
        for size in [0, 3, 1000, 0xFFFF] as [UInt64] {
            driver.write(size, Common.queueSize)
            #expect(driver.read(Common.queueSize) == 1024)
        }
        driver.write(64, Common.queueSize)
        #expect(driver.read(Common.queueSize) == 64)
    }

    @Test("§4.1.4.3.2: queue_enable takes 1 only; an enabled queue's fields stay as they are")
    func queueEnable() throws {
        let fixture = try fixture()
        fixture.start()
        let driver = fixture.driver
        driver.write(0, Common.queueSelect)
        for value in [0, 2, 0xFFFF] as [UInt64] { driver.write(value, Common.queueEnable) }
        #expect(driver.read(Common.queueEnable) == 1)
        driver.write(0x5000_0000, Common.queueDesc)
        driver.write(4, Common.queueSize)
        #expect(driver.read(Common.queueDesc) == fixture.queues[0].descriptorTable)
        #expect(driver.read(Common.queueSize) == 8)
        #expect(try fixture.device.queue(0).isRunning)
    }

    @Test("§4.1.4.3.1: queue_reset shows 1 while the device has chains of the queue, then 0, and queue_enable 0")
    func queueReset() throws {
        let fixture = try fixture()
        fixture.start(MockMMIODriver.ringReset)
        let driver = fixture.driver
        let queue = try fixture.device.queue(1)
        try fixture.queues[1].offer([.readable(Fixture.buffers, 1)])
        guard case .chain(let chain) = queue.next() else {
            Issue.record("no chain")
            return
        }
        driver.write(1, Common.queueSelect)
        driver.write(0, Common.queueReset)
        #expect(driver.read(Common.queueEnable) == 1)
        driver.write(1, Common.queueReset)
        #expect(driver.read(Common.queueReset) == 1)
        queue.complete(chain)
        #expect(driver.read(Common.queueReset) == 0 && driver.read(Common.queueEnable) == 0)
        #expect(try fixture.queues[1].usedIndex == 0)
        var again = MockDriverQueue(fixture.memory, at: Fixture.ram + 0x4_0000, size: 4)
        driver.setUp(again, as: 1)
        #expect(driver.read(Common.queueReset) == 0 && driver.read(Common.queueEnable) == 1)
        try again.offer([.readable(Fixture.buffers, 1)])
        #expect(queue.nextKind() == .chain)
    }

    @Test("§4.1.4.3.1: config_generation differs after a value that was read has changed, also after 256 changes")
    func generation() throws {
        let fixture = try fixture()
        fixture.start()
        let activation = try #require(fixture.device.activation)
        let driver = fixture.driver
        let before = driver.read(Common.generation)
        #expect(driver.load(driver.address(4), .word) == 0x4433_2211)
        for _ in 0..<256 { activation.driver.changeConfiguration {} }
        #expect(driver.read(Common.generation) != before)
    }

    @Test("§4.1.3.2: the device's own configuration, in 8, 16 and 32 bits, halves of a 64-bit field by themselves")
    func deviceConfiguration() throws {
        let fixture = try fixture()
        let driver = fixture.driver
        #expect(driver.load(driver.address(4, 1), .byte) == 0x22)
        #expect(driver.load(driver.address(4, 2), .halfword) == 0x4433)
        #expect(driver.load(driver.address(4, 4), .word) == 0x8877_6655)
        for (offset, width) in [(1, .halfword), (2, .word), (0, .doubleword)] as [(UInt64, AccessWidth)] {
            #expect(driver.load(driver.address(4, offset), width) == 0)
            driver.store(1, driver.address(4, offset), width)
        }
        #expect(fixture.device.configuration.count == 0)
        driver.store(7, driver.address(4, 4), .halfword)
        #expect(fixture.device.configuration.values == [4 << 16 | 7])
    }

    @Test("§4.1.5.2: a notification reaches the device by its address, once it runs, while the function is bus master")
    func notify() throws {
        let fixture = try fixture()
        fixture.driver.notify(0)
        #expect(fixture.device.notified.count == 0)
        fixture.start()
        fixture.driver.notify(1)
        fixture.driver.notify(0)
        let driver = fixture.driver
        for (offset, width) in [(2, .halfword), (8, .halfword), (0xFFC, .halfword), (0, .doubleword)]
            as [(UInt64, AccessWidth)]
        {
            driver.store(0, driver.address(2, offset), width)
        }
        #expect(fixture.device.notified.values == [1, 0])
        driver.setHeader(2, 4, .halfword)
        driver.notify(1)
        #expect(fixture.device.notified.count == 2)
        driver.enable()
        driver.notify(1)
        #expect(fixture.device.notified.count == 3)
    }

    @Test("§4.1.4.9: the common structure by the configuration access capability, with no region mapped")
    func window() throws {
        let fixture = try fixture()
        let driver = fixture.driver
        let window = try #require(driver.structures[5]).capability
        driver.setHeader(0, 4, .halfword)
        #expect(driver.status == 0xFF)
        driver.setHeader(0, window + 4, .byte)
        driver.setHeader(Common.status, window + 8)
        driver.setHeader(1, window + 12)
        driver.setHeader(3, window + 16, .byte)
        #expect(driver.header(window + 16, .byte) == 3)
        driver.setHeader(0x1000, window + 8)
        #expect(driver.header(window + 16, .byte) == 0)
    }
}
