import KernelCore
import Testing

/// A driver in a class: `#expect` wants values that can be copied.
final class NetworkDriverBox {
    private var driver: VirtioNetworkDriver

    init(_ device: MockVirtioDevice) throws(VirtioFailure) {
        driver = try VirtioNetworkDriver(device, memory: device.allocate)
        driver.refill()
    }

    var hardware: HardwareAddress { driver.hardware }
    var isLinkUp: Bool { driver.isLinkUp }
    var statistics: VirtioNetworkDriver.Statistics { driver.statistics }
    var failure: VirtioFailure? { driver.failure }
    func takeBuffer() -> PacketBuffer? { driver.takeBuffer() }
    func recycle(_ buffer: PacketBuffer) { driver.recycle(buffer) }
    func send(_ buffer: PacketBuffer) { driver.send(buffer) }
    func receive() -> PacketBuffer? { driver.receive() }
    func refill() { driver.refill() }
    func allowInterrupts() -> Bool { driver.allowInterrupts() }
}

@Suite("The virtio-net driver") struct VirtioNetworkDriverTests {
    static func make(features: UInt64 = VirtioNetworkDriver.Feature.wanted) throws -> (
        MockVirtioDevice, NetworkDriverBox
    ) {
        let memory = try #require(HostWindow(start: 0x4000_0000, size: 4 << 20))
        memory.soil(PhysicalRange(start: memory.start, size: 1 << 20))
        let device = MockVirtioDevice(
            type: VirtioDeviceType.network, features: features,
            configuration: [0x52, 0x54, 0, 0x12, 0x34, 0x56, 0, 0], queueSizes: [256, 256], memory: memory)
        return (device, try NetworkDriverBox(device))
    }

    @Test("§5.1.4: hardware address and link state are the device's, where it has them")
    func configuration() throws {
        let (device, driver) = try Self.make()
        #expect(driver.hardware == HardwareAddress(0x5254_0012_3456))
        #expect(!driver.isLinkUp)
        device.configuration[6] = 1
        #expect(driver.isLinkUp)
        let (_, plain) = try Self.make(features: 0)
        // Locally administered, for one card.
        #expect(plain.hardware.rawValue >> 40 & 3 == 2)
        #expect(plain.isLinkUp)
    }

    @Test("§5.1.6.3: buffers wait for frames, and one that came is handed over without its header")
    func receive() throws {
        let (device, driver) = try Self.make()
        #expect(device.notifications == [0])
        let chain = try #require(device.take(0))
        #expect(chain.readable.isEmpty && chain.writable.count == 1 && chain.writable[0].count >= 1526)
        let frame = (0..<60).map { UInt8($0) }
        device.memory.fill(chain.writable[0], [UInt8](repeating: 0, count: 12) + frame)
        device.complete(0, head: UInt32(chain.head), count: 72)
        let packet = try #require(driver.receive())
        #expect((0..<packet.count).map { packet[$0] } == frame)
        #expect(driver.receive() == nil)
        #expect(driver.statistics.received == 1 && driver.statistics.receivedBytes == 60)
        var posted = 1
        while device.take(0) != nil { posted += 1 }
        #expect(posted == 64)
        driver.refill()
        #expect(device.take(0) != nil && device.take(0) == nil)
    }

    @Test(
        "§5.1.6.2: a frame goes with a header of zeros before it, in its own buffer, and comes back without an interrupt"
    )
    func send() throws {
        let (device, driver) = try Self.make()
        let packet = try #require(driver.takeBuffer())
        packet.setCount(60)
        for index in 0..<60 { packet[index] = UInt8(index) }
        driver.send(packet)
        let chain = try #require(device.take(1))
        #expect(chain.writable.isEmpty && chain.readable.count == 1)
        #expect(device.memory.bytes(chain.readable[0]) == [UInt8](repeating: 0, count: 12) + (0..<60).map { UInt8($0) })
        device.complete(1, head: UInt32(chain.head), count: 0)
        #expect(driver.takeBuffer() === packet)
    }

    @Test("a frame without a descriptor is lost and counted; the buffers come back, and run out")
    func dropped() throws {
        let (device, driver) = try Self.make()
        var free = 0
        while let packet = driver.takeBuffer() {
            packet.setCount(60)
            driver.send(packet)
            free += 1
            if free > 100 { break }
        }
        #expect(driver.statistics.sent == 64 && driver.statistics.dropped == UInt64(free - 64) || free == 64)
        while let chain = device.take(1) { device.complete(1, head: UInt32(chain.head), count: 0) }
        #expect(driver.takeBuffer() != nil)
    }

    @Test("a length that no frame has is counted, and the buffer goes back", arguments: [0, 11, 12, 25] as [UInt32])
    func malformed(count: UInt32) throws {
        let (device, driver) = try Self.make()
        let chain = try #require(device.take(0))
        device.complete(0, head: UInt32(chain.head), count: count)
        #expect(driver.receive() == nil)
        #expect(driver.statistics.malformed == 1 && driver.failure == nil)
    }

    @Test("a device that breaks its queue's rules is reset, and gives nothing any more", arguments: [0, 1] as [UInt16])
    func fault(queue: UInt16) throws {
        let (device, driver) = try Self.make()
        let resets = device.resets
        device.complete(queue, head: 200, count: 0)
        _ = driver.receive()
        _ = driver.takeBuffer()
        #expect(driver.failure != nil && device.resets == resets + 1)
        #expect(driver.receive() == nil && !driver.allowInterrupts())
        driver.refill()
    }

    @Test("soak: what comes is sent back in the same buffers, none lost")
    func echo() throws {
        let (device, driver) = try Self.make()
        var random = SplitMix64(seed: 5)
        var held: [MockVirtioDevice.Chain] = []
        var answered = 0
        for round in 0..<20_000 {
            if let chain = device.take(0) {
                device.memory.store(UInt8(truncatingIfNeeded: round), chain.writable[0].address + 12)
                device.complete(0, head: UInt32(chain.head), count: 12 + UInt32.random(in: 14...1514, using: &random))
            }
            if round % 3 == 0 {
                while let packet = driver.receive() { driver.send(packet) }
                driver.refill()
            }
            while let chain = device.take(1) { held.append(chain) }
            held.shuffle(using: &random)
            for _ in 0..<Int.random(in: 0...held.count, using: &random) {
                device.complete(1, head: UInt32(held.removeLast().head), count: 0)
                answered += 1
            }
        }
        #expect(driver.failure == nil && driver.statistics.dropped == 0)
        #expect(answered + held.count == Int(driver.statistics.sent) && driver.statistics.sent > 15_000)
    }
}

@Suite("The virtio-rng driver") struct VirtioEntropyDriverTests {
    final class Box {
        private var driver: VirtioEntropyDriver
        init(_ device: MockVirtioDevice) throws(VirtioFailure) {
            driver = try VirtioEntropyDriver(device, memory: device.allocate)
        }
        var failure: VirtioFailure? { driver.failure }
        func request(_ count: Int) -> Bool { driver.request(count) }
        func collect(into bytes: inout [UInt8]) -> Bool { driver.collect(into: &bytes) }
    }

    @Test("§5.4.6: as many bytes as the device gives, and no more than were asked for")
    func request() throws {
        let memory = try #require(HostWindow(start: 0x4000_0000, size: 1 << 20))
        let device = MockVirtioDevice(
            type: VirtioDeviceType.entropy, features: 0, queueSizes: [8], memory: memory)
        let driver = try Box(device)
        #expect(!driver.request(0) && !driver.request(4097))
        #expect(driver.request(16))
        #expect(!driver.request(16))
        var bytes: [UInt8] = []
        #expect(!driver.collect(into: &bytes))
        let chain = try #require(device.take(0))
        device.memory.fill(chain.writable[0], Array(1...16))
        device.complete(0, head: UInt32(chain.head), count: 5)
        #expect(driver.collect(into: &bytes))
        #expect(bytes == [1, 2, 3, 4, 5])
        #expect(driver.request(4))
        device.complete(0, head: UInt32(try #require(device.take(0)).head), count: 5)
        #expect(driver.collect(into: &bytes))
        #expect(driver.failure == .fault(.count(5, limit: 4)) && bytes.count == 5)
    }
}
