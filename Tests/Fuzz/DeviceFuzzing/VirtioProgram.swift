internal import VMMCore
internal import VMMTestSupport
internal import VirtioDevices

/// A driver's program for a device behind virtio-mmio: writes to memory and registers, chains good and bad, notifications, events
/// of the back end, resets at any time.
struct VirtioProgram {
    private static let queueSize: UInt16 = 16
    /// Queues that have a place of their own, of 4 KiB; others share them.
    private static let places = 7
    private static let buffers = FuzzWorld.ram + 0x8000

    private let world: FuzzWorld
    private let fuzzed: FuzzedDevice
    private let driver: MockMMIODriver
    private let queueCount: Int
    private var split: [MockDriverQueue] = []
    private var packed: [MockPackedQueue] = []
    private var isPacked = false

    static func run(_ bytes: [UInt8], _ make: (FuzzWorld) -> FuzzedDevice) {
        guard let world = FuzzWorld() else { return }
        let fuzzed = make(world)
        let mmio = VirtioMMIO(
            fuzzed.device, name: "fuzzed", memory: world.memory, interrupt: NoInterruptLine(), faults: world.faults)
        var input = FuzzInput(bytes)
        var program = VirtioProgram(world, fuzzed, MockMMIODriver(mmio))
        program.start(&input)
        while !input.isAtEnd { program.step(&input) }
        program.finish()
    }

    private init(_ world: FuzzWorld, _ fuzzed: FuzzedDevice, _ driver: MockMMIODriver) {
        self.world = world
        self.fuzzed = fuzzed
        self.driver = driver
        queueCount = fuzzed.device.identity.queueSizes.count
    }

    /// The way of a driver that behaves, with any of the features.
    private mutating func start(_ input: inout FuzzInput) {
        driver.write(0, MockMMIODriver.Register.status)
        let places = UInt64(Self.places * 0x1000)
        try? world.memory.fill(GuestAddress(FuzzWorld.ram), count: Int(places), with: 0)
        let refused = UInt64(input.halfword()) << 24
        var features = driver.offeredFeatures & ~refused | MockMMIODriver.version1
        if refused == 0 { features &= ~(UInt64(input.word())) | MockMMIODriver.version1 }
        isPacked = features & MockMMIODriver.packed != 0
        split = []
        packed = []
        driver.negotiate(features)
        for index in 0..<queueCount { place(index) }
        driver.start()
    }

    private mutating func place(_ index: Int) {
        let base = FuzzWorld.ram + UInt64(index % Self.places * 0x1000)
        if index >= split.count {
            split.append(MockDriverQueue(world.memory, at: base, size: Self.queueSize))
            packed.append(MockPackedQueue(world.memory, at: base, size: Self.queueSize))
        } else {
            split[index] = MockDriverQueue(world.memory, at: base, size: Self.queueSize)
            packed[index] = MockPackedQueue(world.memory, at: base, size: Self.queueSize)
        }
        var layout = split[index]
        if isPacked {
            layout.driverArea = packed[index].driverArea
            layout.deviceArea = packed[index].deviceArea
        }
        driver.setUp(layout, as: UInt64(index))
    }

    private mutating func step(_ input: inout FuzzInput) {
        let choice = input.byte() % 16
        let index = input.number(below: queueCount)
        switch choice {
        case 0: world.poke(&input)
        case 1:
            let offset = UInt64(input.halfword()) % 0x200
            driver.device.write(input.doubleword(), at: offset, width: FuzzWorld.width(&input))
        case 2: _ = driver.device.read(at: UInt64(input.halfword()) % 0x200, width: FuzzWorld.width(&input))
        case 3: fuzzed.event(&input)
        case 4: offer((0...input.number(below: 5)).map { _ in buffer(&input) }, index)
        case 5: spoil(index, &input)
        case 6:
            let table = FuzzWorld.address(&input)
            let elements = (0...input.number(below: 8)).map { _ in buffer(&input) }
            if isPacked {
                _ = try? packed[index].offerIndirect(elements, table: table)
            } else {
                _ = try? split[index].offerIndirect(elements, table: table)
            }
        case 7: start(&input)
        case 8: restart(index)
        case 9: wish(index, input.halfword(), input.halfword())
        case 10:
            split[index].availableIndex &+= input.halfword() % 32
            try? split[index].publish()
        case 11: while isPacked ? (try? packed[index].takeUsed()) != nil : (try? split[index].takeUsed()) != nil {}
        case 12, 13: request(index, &input)
        default: driver.notify(UInt64(input.number(below: queueCount + 1)))
        }
    }

    private func buffer(_ input: inout FuzzInput) -> MockDriverQueue.Buffer {
        let address = FuzzWorld.address(&input)
        let length = FuzzWorld.length(&input)
        return input.byte() & 1 == 0 ? .readable(address, length) : .writable(address, length)
    }

    private mutating func offer(_ elements: [MockDriverQueue.Buffer], _ index: Int) {
        if isPacked { _ = try? packed[index].offer(elements) } else { _ = try? split[index].offer(elements) }
    }

    /// What most devices take: bytes of the program, then room for an answer and for a status; or the device's own packets.
    private mutating func request(_ index: Int, _ input: inout FuzzInput) {
        let bytes = fuzzed.packet?(index, &input) ?? input.run(atMost: 200)
        try? world.memory.copyIn(bytes, to: GuestAddress(Self.buffers))
        let room = UInt32(input.byte()) * 64
        var elements: [MockDriverQueue.Buffer] = []
        if !bytes.isEmpty { elements.append(.readable(Self.buffers, UInt32(bytes.count))) }
        guard fuzzed.packet == nil else {
            if bytes.isEmpty { elements.append(.writable(Self.buffers + 0x1000, room)) }
            offer(elements, index)
            return driver.notify(UInt64(index))
        }
        if room > 0 { elements.append(.writable(Self.buffers + 0x1000, room)) }
        elements.append(.writable(Self.buffers + 0x5000, 1))
        offer(elements, index)
        driver.notify(UInt64(index))
    }

    /// A descriptor that is anything.
    private mutating func spoil(_ index: Int, _ input: inout FuzzInput) {
        let (address, length) = (FuzzWorld.address(&input), FuzzWorld.length(&input))
        let flags = input.halfword()
        if isPacked {
            _ = try? packed[index].offerRaw(address: address, length: length, flags: flags)
        } else {
            let entry = UInt16(input.byte()) % Self.queueSize
            try? split[index].setDescriptor(
                entry, address: address, length: length, flags: flags & 0x80FF, next: UInt16(input.byte()))
            try? split[index].offer(head: UInt16(input.byte()) % 20)
        }
    }

    /// A reset of one queue, and a new start.
    private mutating func restart(_ index: Int) {
        driver.write(UInt64(index), MockMMIODriver.Register.queueSel)
        driver.write(1, MockMMIODriver.Register.queueReset)
        let base = FuzzWorld.ram + UInt64(index % Self.places * 0x1000)
        try? world.memory.fill(GuestAddress(base), count: 0x1000, with: 0)
        place(index)
    }

    private mutating func wish(_ index: Int, _ flags: UInt16, _ event: UInt16) {
        if isPacked {
            try? packed[index].setDriverEvent(flags, event)
        } else {
            try? split[index].setNoInterrupt(flags & 1 == 1)
            try? split[index].setUsedEvent(event)
        }
    }

    /// A device is mended by a reset, whatever was before (virtio 1.2 §2.4), and the back end may come late.
    private func finish() {
        driver.write(0, MockMMIODriver.Register.status)
        precondition(driver.status == 0 && driver.interruptStatus == 0, "a reset does not mend the device")
        var rest = FuzzInput([])
        fuzzed.event(&rest)
        precondition(driver.interruptStatus == 0, "an interrupt after the reset")
    }
}
