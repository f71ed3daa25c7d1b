import Synchronization
import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// A device behind virtio-mmio with 1 MiB of RAM at 0x4000_0000, and a driver for it.
///
/// Queue n lies at 0x4000_0000 + n * 0x1_0000; buffers from 0x4008_0000 on.
final class VirtioFixture<Device: VirtioDevice> {
    static var ram: UInt64 { 0x4000_0000 }
    static var ramSize: UInt64 { 1 << 20 }
    static var buffers: UInt64 { 0x4008_0000 }

    let memory: GuestMemory
    let device: Device
    let line = RecordingInterruptLine()
    let faults = RecordingFaults()
    let mmio: VirtioMMIO
    let driver: MockMMIODriver
    var queues: [MockDriverQueue]

    /// - Parameter given: the RAM, for a device that has been told of it.
    init(_ device: Device, queueSize: UInt16 = 8, memory given: GuestMemory? = nil) throws {
        let range = try #require(GuestRange(start: GuestAddress(Self.ram), size: Self.ramSize))
        memory = try given ?? GuestMemory([range])
        self.device = device
        mmio = VirtioMMIO(device, name: "device", memory: memory, interrupt: line, faults: faults.log)
        driver = MockMMIODriver(mmio)
        let memory = memory
        queues = device.identity.queueSizes.indices.map {
            MockDriverQueue(memory, at: Self.ram + UInt64($0) * 0x1_0000, size: queueSize)
        }
    }

    /// Brings the device to DRIVER_OK with all of its queues.
    func start(_ features: UInt64 = 0) {
        #expect(driver.negotiate(features | MockMMIODriver.version1))
        for (index, queue) in queues.enumerated() { driver.setUp(queue, as: UInt64(index)) }
        driver.start()
        #expect(driver.status == 0xF)
    }

    /// The driver broke a rule: DEVICE_NEEDS_RESET, a configuration interrupt, and a line in the log.
    func expectRefusal(_ location: SourceLocation = #_sourceLocation) {
        #expect(driver.needsReset, sourceLocation: location)
        #expect(driver.interruptStatus & 2 == 2, sourceLocation: location)
        #expect(line.isAsserted, sourceLocation: location)
        #expect(faults.count > 0, sourceLocation: location)
    }
}

/// A device that does what a test says: takes everything and completes it, or keeps chains.
final class ScriptedDevice: VirtioDevice {
    let identity: VirtioIdentity
    private let current = Mutex<VirtioActivation?>(nil)

    init(queueSizes: [UInt16] = [1024, 1024], features: UInt64 = 1) {
        identity = VirtioIdentity(deviceType: 42, features: features, queueSizes: queueSizes)
    }

    var activation: VirtioActivation? { current.withLock { $0 } }
    let activations = Recorder<UInt64>()
    let resets = Recorder<Bool>()
    let notified = Recorder<Int>()
    let configuration = Recorder<UInt32>()

    func readConfiguration(at offset: UInt32, width: AccessWidth) -> UInt32 {
        UInt32(truncatingIfNeeded: 0x8877_6655_4433_2211 >> UInt64(offset * 8) as UInt64)
    }

    func writeConfiguration(_ value: UInt32, at offset: UInt32, width: AccessWidth) -> VirtioConfigurationEffect {
        configuration.record(offset << 16 | value)
        return .none
    }

    func activate(_ activation: VirtioActivation) {
        activations.record(activation.features)
        current.withLock { $0 = activation }
    }

    func notify(queue index: Int) { notified.record(index) }

    func reset() {
        resets.record(true)
        current.withLock { $0 = nil }
    }

    func queue(_ index: Int) throws -> VirtioQueue { try #require(activation).queues[index] }
}
