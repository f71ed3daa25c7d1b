import Testing
import VMMCore
import VMMTestSupport

@testable import VirtioDevices

/// The status field and feature negotiation. Source: virtio 1.2 §2.1, §2.2, §3.1.1.
@Suite struct DeviceStatusTests {
    typealias Fixture = VirtioFixture<ScriptedDevice>
    typealias Register = MockMMIODriver.Register
    typealias Driver = MockMMIODriver

    private func fixture() throws -> Fixture { try Fixture(ScriptedDevice()) }

    @Test("§3.1.1: the driver's way, step by step; the device is told at DRIVER_OK, with what was agreed on")
    func way() throws {
        let fixture = try fixture()
        for status: UInt64 in [1, 3] {
            fixture.driver.write(status, Register.status)
            #expect(fixture.driver.status == status)
        }
        fixture.driver.writeFeatures(Driver.version1 | 1)
        fixture.driver.write(0xB, Register.status)
        #expect(fixture.driver.status == 0xB)
        #expect(fixture.device.activations.count == 0)
        fixture.driver.start()
        #expect(fixture.driver.status == 0xF)
        #expect(fixture.device.activations.values == [Driver.version1 | 1])
    }

    @Test("§2.1.1: no write but 0 clears a bit; DRIVER_OK needs FEATURES_OK", arguments: DeviceStatus.Stage.allCases)
    func table(_ stage: DeviceStatus.Stage) {
        for wanted in DeviceStatus.Stage.allCases {
            let step = DeviceStatus.step(from: stage, to: wanted)
            let clears = stage.rawValue & ~wanted.rawValue != 0
            let skips = wanted == .running && stage.rawValue < DeviceStatus.Stage.featuresAccepted.rawValue
            let decides =
                wanted == .featuresAccepted && stage.rawValue < DeviceStatus.Stage.featuresAccepted.rawValue
            let expected: DeviceStatus.Step =
                stage == wanted ? .stay : clears || skips ? .refuse : decides ? .negotiate : .advance
            #expect(step == expected, "from \(stage) to \(wanted)")
        }
    }

    @Test("what is refused leaves the status as it was, with a line in the log", arguments: [1, 3, 7, 2, 5, 8, 0xB])
    func refused(_ written: UInt64) throws {
        let fixture = try fixture()
        fixture.start()
        fixture.driver.write(written, Register.status)
        #expect(fixture.driver.status == 0xF)
        #expect(fixture.faults.count == 1)
    }

    @Test("§2.2.1: features that were not offered: FEATURES_OK does not stick, and the driver may try again")
    func notOffered() throws {
        let fixture = try fixture()
        for bit: UInt64 in [1, 23, 33, 35, 63] {
            #expect(!fixture.driver.negotiate(Driver.version1 | 1 << bit))
            #expect(fixture.driver.status == 3)
        }
        fixture.driver.writeFeatures(Driver.version1)
        fixture.driver.write(0xB, Register.status)
        #expect(fixture.driver.status == 0xB)
    }

    @Test("§6.1: a driver without VIRTIO_F_VERSION_1 is a legacy one, and refused")
    func legacy() throws {
        let fixture = try fixture()
        #expect(!fixture.driver.negotiate(1))
        fixture.driver.write(0, Register.status)
        fixture.driver.write(7, Register.status)
        #expect(fixture.driver.status == 0)
        #expect(fixture.device.activations.count == 0)
    }

    @Test("§3.1.1: after FEATURES_OK no features are taken")
    func lateFeatures() throws {
        let fixture = try fixture()
        #expect(fixture.driver.negotiate(Driver.version1 | 1))
        fixture.driver.writeFeatures(Driver.version1)
        fixture.driver.start()
        #expect(fixture.device.activations.values == [Driver.version1 | 1])
    }

    @Test("§2.2: each half of the features by its selector, others read as 0")
    func features() throws {
        let fixture = try fixture()
        let common = Driver.indirect | Driver.eventIndex | Driver.version1 | Driver.packed | Driver.ringReset
        #expect(fixture.driver.offeredFeatures == common | 1)
        for selector: UInt64 in [2, 3, 0xFFFF_FFFF] {
            fixture.driver.write(selector, Register.deviceFeaturesSel)
            #expect(fixture.driver.read(Register.deviceFeatures) == 0)
        }
    }

    @Test("§6: a machine may offer split rings only; then VIRTIO_F_RING_PACKED is a feature that was not offered")
    func splitOnly() throws {
        let fixture = try fixture()
        let mmio = VirtioMMIO(
            fixture.device, rings: .split, name: "device", memory: fixture.memory, interrupt: fixture.line,
            faults: fixture.faults.log)
        let driver = Driver(mmio)
        #expect(driver.offeredFeatures & Driver.packed == 0)
        #expect(!driver.negotiate(Driver.version1 | Driver.packed))
        #expect(driver.negotiate(Driver.version1))
    }

    @Test("§2.1.1: FAILED is kept until the reset")
    func failed() throws {
        let fixture = try fixture()
        fixture.start()
        fixture.driver.write(0x8F, Register.status)
        #expect(fixture.driver.status == 0x8F)
        fixture.driver.write(0x80, Register.status)
        #expect(fixture.driver.status == 0x8F)
        fixture.driver.write(0, Register.status)
        #expect(fixture.driver.status == 0)
    }

    @Test("§2.4: a reset gives the initial state back: features, selectors, queues, interrupt")
    func reset() throws {
        let fixture = try fixture()
        fixture.start()
        try fixture.queues[1].offer([.readable(Fixture.buffers, 1)])
        let activation = try #require(fixture.device.activation)
        #expect(activation.queues[1].nextKind() == .chain)
        activation.driver.interrupt(activation.queues[1])
        #expect(fixture.line.isAsserted)
        let resets = fixture.device.resets.count
        fixture.driver.write(0, Register.status)
        #expect(fixture.device.resets.count == resets + 1)
        #expect(!fixture.line.isAsserted)
        #expect(fixture.driver.interruptStatus == 0)
        for index: UInt64 in 0..<2 {
            fixture.driver.write(index, Register.queueSel)
            #expect(fixture.driver.read(Register.queueReady) == 0)
        }
        #expect(activation.queues[1].nextKind() == .empty)
        // What is left of the device's former life has no say.
        activation.driver.interrupt(activation.queues[1])
        activation.driver.refuse(activation.queues[1], .tooManyBytes)
        activation.driver.changeConfiguration {}
        #expect(!fixture.line.isAsserted)
        #expect(fixture.driver.status == 0)
    }

    @Test("a device that failed a driver before its reset does not fail the next one")
    func staleFault() throws {
        let fixture = try fixture()
        fixture.start()
        let old = try #require(fixture.device.activation)
        fixture.start()
        old.driver.refuse(old.queues[0], .tooManyBytes)
        #expect(fixture.driver.status == 0xF)
    }

    @Test(
        "§2.1.2: a fault after DRIVER_OK: DEVICE_NEEDS_RESET, a configuration interrupt, and no notification goes through"
    )
    func fault() throws {
        let fixture = try fixture()
        fixture.start()
        let activation = try #require(fixture.device.activation)
        activation.driver.refuse(activation.queues[0], .tooManyBytes)
        fixture.expectRefusal()
        #expect(fixture.driver.status == 0x4F)
        fixture.driver.notify(1)
        #expect(fixture.device.notified.count == 0)
        // The driver's read-modify-write of the status does not clear it.
        fixture.driver.write(0x4F | 0x80, Register.status)
        #expect(fixture.driver.status == 0xCF)
    }
}
