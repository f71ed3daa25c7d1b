import KernelCore
import Testing

/// A driver in a class: `#expect` wants values that can be copied.
final class BlockDriverBox {
    private var driver: VirtioBlockDriver

    init(_ device: MockVirtioDevice) throws(VirtioFailure) {
        driver = try VirtioBlockDriver(device, memory: device.allocate)
    }

    var sectorCount: UInt64 { driver.sectorCount }
    var blockSize: UInt32 { driver.blockSize }
    var isReadOnly: Bool { driver.isReadOnly }
    var hasFlush: Bool { driver.hasFlush }
    var depth: Int { driver.depth }
    var failure: VirtioFailure? { driver.failure }
    var batches: UInt64 { driver.batches }
    func submit(_ request: BlockRequest) -> Bool { driver.submit(request) }
    func flushNotifications() { driver.flushNotifications() }

    func collect() -> [BlockRequest] {
        var list = driver.collect()
        var requests: [BlockRequest] = []
        while let request = list.removeFirst() { requests.append(request) }
        return requests
    }
}

@Suite("The virtio-blk driver") struct VirtioBlockDriverTests {
    static let all = VirtioBlockDriver.Feature.wanted
    static let buffer: UInt64 = 0x4010_0000

    static func device(
        features: UInt64 = all, sectors: UInt64 = 1000, blockSize: UInt32 = 4096, queueSizes: [UInt16] = [256]
    ) throws -> MockVirtioDevice {
        let memory = try #require(HostWindow(start: 0x4000_0000, size: 4 << 20))
        memory.soil(PhysicalRange(start: memory.start, size: 65_536))
        var configuration = ByteWriter()
        configuration.little(sectors)
        configuration.bytes += [UInt8](repeating: 0, count: 12)
        configuration.little(blockSize)
        return MockVirtioDevice(
            type: VirtioDeviceType.block, features: features, configuration: configuration.bytes,
            queueSizes: queueSizes, memory: memory)
    }

    static func request(_ operation: BlockRequest.Operation, _ sector: UInt64 = 0, _ count: UInt32 = 512)
        -> BlockRequest
    {
        BlockRequest(operation, sector: sector, memory: DMASegment(address: buffer, count: count)) { _ in }
    }

    @Test("§5.2.5: capacity, block size, read-only and flush are the device's")
    func configuration() throws {
        let all = try BlockDriverBox(try Self.device())
        #expect(all.sectorCount == 1000 && all.blockSize == 4096 && all.isReadOnly && all.hasFlush && all.depth == 42)
        let none = try BlockDriverBox(try Self.device(features: 0))
        #expect(none.blockSize == 512 && !none.isReadOnly && !none.hasFlush)
        #expect(try BlockDriverBox(try Self.device(blockSize: 100)).blockSize == 512)
    }

    @Test("§3.1.1: the device is reset, told of features and queue, and is live")
    func initialization() throws {
        let device = try Self.device(features: Self.all | 1 << 34)
        _ = try BlockDriverBox(device)
        #expect(device.status == 15)
        #expect(device.accepted == Self.all | VirtioFeature.version1)
        #expect(device.queues[0]?.size == 128)
    }

    @Test("a device that cannot be driven is told so, with the reason")
    func refusals() throws {
        let legacy = try Self.device()
        legacy.offered = Self.all
        #expect(throws: VirtioFailure.legacy) { try BlockDriverBox(legacy) }
        #expect(legacy.status & VirtioStatus.failed != 0)
        let stubborn = try Self.device()
        stubborn.refusesFeatures = true
        #expect(throws: VirtioFailure.featuresRefused) { try BlockDriverBox(stubborn) }
        let sleeping = try Self.device()
        sleeping.staysInReset = true
        #expect(throws: VirtioFailure.resetTimeout) { try BlockDriverBox(sleeping) }
        #expect(throws: VirtioFailure.noQueue(0)) { try BlockDriverBox(try Self.device(queueSizes: [])) }
        #expect(throws: VirtioFailure.noQueue(0)) { try BlockDriverBox(try Self.device(queueSizes: [2])) }
    }

    @Test("§4.2.2.2: a capacity that changes while it is read is read again")
    func changingCapacity() throws {
        let device = try Self.device()
        device.generations = [1, 2, 2]
        _ = try BlockDriverBox(device)
        #expect(device.generations.isEmpty)
    }

    @Test(
        "§5.2.6: header, data and status of each operation",
        arguments: [(.read, 0, 7, 512), (.write, 1, 7, 512), (.flush, 4, 0, 0)]
            as [(BlockRequest.Operation, UInt32, UInt64, UInt32)])
    func chains(operation: BlockRequest.Operation, type: UInt32, sector: UInt64, count: UInt32) throws {
        let device = try Self.device(features: VirtioBlockDriver.Feature.flush)
        let driver = try BlockDriverBox(device)
        let request = Self.request(operation, 7)
        #expect(driver.submit(request))
        #expect(device.notifications.isEmpty)
        driver.flushNotifications()
        #expect(device.notifications == [0])
        let chain = try #require(device.take(0))
        let header = try #require(chain.readable.first)
        #expect(header.count == 16)
        #expect(device.memory.load(header.address) == type)
        #expect(device.memory.load(header.address + 8) == sector)
        let data = operation == .read ? chain.writable.dropLast() : chain.readable.dropFirst()
        #expect(Array(data) == (count == 0 ? [] : [request.memory]))
        let status = try #require(chain.writable.last)
        #expect(status.count == 1)
        #expect(driver.collect().isEmpty)
        device.memory.store(UInt8(0), status.address)
        device.complete(0, head: UInt32(chain.head), count: operation == .read ? 513 : 1)
        #expect(driver.collect().first === request)
        #expect(request.status == .done)
    }

    @Test(
        "§5.2.6: the status byte is the outcome, and a read that wrote less than asked for has failed",
        arguments: [
            (0, 513, .done), (1, 513, .ioError), (2, 1, .unsupported), (3, 513, .ioError), (0xFF, 513, .ioError),
            (0, 512, .ioError), (0, 1, .ioError),
        ] as [(UInt8, UInt32, BlockRequest.Status)])
    func outcomes(byte: UInt8, count: UInt32, status: BlockRequest.Status) throws {
        let device = try Self.device()
        let driver = try BlockDriverBox(device)
        let request = Self.request(.read)
        _ = driver.submit(request)
        driver.flushNotifications()
        let chain = try #require(device.take(0))
        device.memory.store(byte, try #require(chain.writable.last).address)
        device.complete(0, head: UInt32(chain.head), count: count)
        #expect(driver.collect().count == 1)
        #expect(request.status == status)
    }

    @Test("what finds no room waits, in order, and goes when there is some")
    func waiting() throws {
        let device = try Self.device(features: 0, queueSizes: [8])
        let driver = try BlockDriverBox(device)
        let requests = (0..<20).map { Self.request(.write, UInt64($0)) }
        for request in requests { #expect(driver.submit(request)) }
        driver.flushNotifications()
        var order: [UInt64] = []
        var finished = 0
        while true {
            var took = 0
            while let chain = device.take(0) {
                order.append(device.memory.load(try #require(chain.readable.first).address + 8))
                device.memory.store(UInt8(0), try #require(chain.writable.last).address)
                device.complete(0, head: UInt32(chain.head), count: 1)
                took += 1
            }
            #expect(took <= 2)
            if took == 0 { break }
            finished += driver.collect().count
        }
        #expect(order == Array(0..<20))
        #expect(finished == 20 && requests.allSatisfy { $0.status == .done })
        #expect(driver.batches == 10)
    }

    @Test("after a fault of the device all requests come back as failed, and it is reset")
    func fault() throws {
        let device = try Self.device(features: 0, queueSizes: [8])
        let driver = try BlockDriverBox(device)
        let requests = (0..<5).map { Self.request(.write, UInt64($0)) }
        for request in requests { _ = driver.submit(request) }
        driver.flushNotifications()
        let resets = device.resets
        device.complete(0, head: 99, count: 0)
        #expect(driver.collect().count == 5)
        #expect(requests.allSatisfy { $0.status == .deviceFailed })
        #expect(driver.failure == .fault(.head(99)))
        #expect(device.resets == resets + 1)
        #expect(!driver.submit(requests[0]))
        #expect(driver.collect().isEmpty)
    }

    @Test("soak: random requests on a mock disk read what was written, with many in flight", arguments: [true, false])
    func soak(eventIndex: Bool) throws {
        let device = try Self.device(features: eventIndex ? VirtioFeature.eventIndex : 0, sectors: 64, queueSizes: [16])
        let driver = try BlockDriverBox(device)
        var random = SplitMix64(seed: 7)
        var disk = [UInt8](repeating: 0, count: 64)
        var model = disk
        var flying: [(request: BlockRequest, sector: UInt64, expected: UInt8)] = []
        var held: [MockVirtioDevice.Chain] = []
        var free: [UInt64] = (0..<64).map { Self.buffer + $0 * 512 }
        var sectors = Set(0..<64 as Range<UInt64>)
        var count = 0
        while count < 20_000 {
            for _ in 0..<Int.random(in: 0...8, using: &random) {
                // One request a sector at a time: what several at once do to each other is not said.
                guard let sector = sectors.randomElement(using: &random), let address = free.popLast() else { break }
                sectors.remove(sector)
                let isWrite = Bool.random(using: &random)
                if isWrite { model[Int(sector)] = UInt8.random(in: 0...255, using: &random) }
                device.memory.store(isWrite ? model[Int(sector)] : 0, address)
                let request = BlockRequest(
                    isWrite ? .write : .read, sector: sector, memory: DMASegment(address: address, count: 512)
                ) { _ in }
                #expect(driver.submit(request))
                flying.append((request, sector, model[Int(sector)]))
            }
            driver.flushNotifications()
            while let chain = device.take(0) { held.append(chain) }
            held.shuffle(using: &random)
            for _ in 0..<Int.random(in: 0...held.count, using: &random) {
                let chain = held.removeLast()
                let header = try #require(chain.readable.first).address
                let sector: UInt64 = device.memory.load(header + 8)
                let type: UInt32 = device.memory.load(header)
                if type == 1 {
                    disk[Int(sector)] = device.memory.load(chain.readable[1].address)
                } else {
                    device.memory.store(disk[Int(sector)], chain.writable[0].address)
                }
                device.memory.store(UInt8(0), try #require(chain.writable.last).address)
                device.complete(0, head: UInt32(chain.head), count: type == 1 ? 1 : 513)
            }
            for request in driver.collect() {
                let index = try #require(flying.firstIndex { $0.request === request })
                let entry = flying.remove(at: index)
                #expect(request.status == .done)
                let value: UInt8 = device.memory.load(request.memory.address)
                #expect(value == entry.expected)
                free.append(request.memory.address)
                sectors.insert(entry.sector)
                count += 1
            }
        }
    }

    @Test(
        "requests that the device may not be asked for are known",
        arguments: [
            (.read, 0, 512, true), (.read, 99, 512, true), (.read, 99, 1024, false), (.read, 100, 512, false),
            (.read, .max, 512, false), (.read, 0, 51_712, false), (.read, 0, 0, false), (.read, 0, 511, false),
            (.write, 0, 512, false), (.flush, 0, 0, true),
        ] as [(BlockRequest.Operation, UInt64, UInt32, Bool)])
    func validity(operation: BlockRequest.Operation, sector: UInt64, count: UInt32, isValid: Bool) {
        #expect(Self.request(operation, sector, count).isValid(sectorCount: 100, isReadOnly: true) == isValid)
    }
}
