import PCIDevices
import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// A device behind virtio-pci in slot 1 with 1 MiB of RAM at 0x4000_0000, and a driver for it. Windows and queues as `VirtioFixture`
/// and `VirtMemoryMap` have them.
final class VirtioPCIFixture<Device: VirtioDevice> {
    static var ram: UInt64 { 0x4000_0000 }
    static var ramSize: UInt64 { 1 << 20 }
    static var buffers: UInt64 { 0x4008_0000 }
    static var window: UInt64 { 0x1000_0000 }

    let memory: GuestMemory
    let device: Device
    /// Wire 1, where pin A of slot 1 is.
    let line = RecordingInterruptLine()
    let messages = RecordingMessages()
    let faults = RecordingFaults()
    let bus: PCIBus
    let driver: MockPCIDriver
    var queues: [MockDriverQueue]

    /// - Parameter others: devices in the slots behind the first.
    init(
        _ device: Device, queueSize: UInt16 = 8, hasMessages: Bool = true, memory given: GuestMemory? = nil,
        events: (any EventBinder)? = nil, others: [any VirtioDevice] = []
    ) throws {
        let range = try #require(GuestRange(start: GuestAddress(Self.ram), size: Self.ramSize))
        let window = try #require(GuestRange(start: GuestAddress(Self.window), size: 0x2EFF_0000))
        let memory = try given ?? GuestMemory([range])
        self.memory = memory
        self.device = device
        let rest = (0..<3).map { _ in RecordingInterruptLine() }
        let lines = [rest[0], line, rest[1], rest[2]]
        var builder = PCIBus.Builder(
            windows: [window], wires: lines.map(SharedInterruptLine.init), firstLine: 3,
            messages: hasMessages ? messages : nil, events: events)
        let faults = faults.log
        for member in [device as any VirtioDevice] + others {
            builder.add { connection in
                VirtioPCI.function(member, name: "device", memory: memory, connection: connection, faults: faults)
            }
        }
        bus = try builder.build(busCount: 16)
        driver = MockPCIDriver(
            configuration: bus.configuration, windows: bus.windows.map { ($0.address, $0.device) })
        queues = device.identity.queueSizes.indices.map {
            MockDriverQueue(memory, at: Self.ram + UInt64($0) * 0x1_0000, size: queueSize)
        }
    }

    /// Brings the device to DRIVER_OK with all of its queues. With messages, vector 0 is for the configuration, and n + 1 for queue n;
    /// their data is their number.
    func start(_ features: UInt64 = 0, withMessages: Bool = false) {
        driver.enable()
        driver.setMessages(withMessages)
        #expect(driver.negotiate(features | MockMMIODriver.version1))
        if withMessages {
            for vector in 0...UInt64(queues.count) { driver.setEntry(vector, address: 0x0808_0040, data: vector) }
            driver.write(0, MockPCIDriver.Common.configVector)
        }
        for (index, queue) in queues.enumerated() {
            driver.place(queue, as: UInt64(index))
            if withMessages { driver.write(UInt64(index + 1), MockPCIDriver.Common.queueVector) }
            driver.write(1, MockPCIDriver.Common.queueEnable)
        }
        driver.start()
        #expect(driver.status == 0xF)
    }
}
