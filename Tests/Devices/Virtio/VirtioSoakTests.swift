import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Drivers out of their minds, with fixed seeds: no trap, no endless loop, no growth, and a device that a reset mends.
@Suite struct VirtioSoakTests {
    private static let ram: UInt64 = 0x4000_0000
    private static let queueSize: UInt16 = 16

    /// Values that a hostile driver would try: near limits, or anything.
    private func address(_ random: inout SeededGenerator) -> UInt64 {
        switch random.next() % 8 {
        case 0: random.next()
        case 1: .max - random.next() % 64
        case 2: Self.ram + (1 << 20) - random.next() % 64
        case 3: 0x0A00_0000 + random.next() % 0x200
        default: Self.ram + random.next() % (1 << 20)
        }
    }

    private func length(_ random: inout SeededGenerator) -> UInt32 {
        switch random.next() % 8 {
        case 0: UInt32(truncatingIfNeeded: random.next())
        case 1: .max - UInt32(random.next() % 4)
        case 2: 0
        case 3: 16 * UInt32(random.next() % 20)
        default: UInt32(random.next() % 5000)
        }
    }

    /// Mostly sane descriptors, so that chains get far enough to be interesting.
    private func scribble(_ queue: MockDriverQueue, _ random: inout SeededGenerator) throws {
        for _ in 0..<random.next() % 8 {
            let flags: UInt16 = random.next() % 16 == 0 ? UInt16(random.next() & 0xFFFF) : UInt16(random.next() & 7)
            try queue.setDescriptor(
                UInt16(random.next() % 16), address: address(&random), length: length(&random), flags: flags,
                next: UInt16(random.next() % (random.next() % 8 == 0 ? 0x1_0000 : 16)),
                table: random.next() % 4 == 0 ? Self.ram + random.next() % 0xF_FF00 : nil)
        }
        let entry = queue.driverArea + 4 + 2 * (random.next() % 16)
        try queue.memory.store(UInt16(random.next() % 17), at: GuestAddress(entry))
        let step = UInt16(random.next() % (random.next() % 16 == 0 ? 0x1_0000 : 3))
        let index = try queue.memory.load(UInt16.self, at: GuestAddress(queue.driverArea + 2))
        try queue.memory.store(index &+ step, at: GuestAddress(queue.driverArea + 2))
        if random.next() % 4 == 0 { try queue.setUsedEvent(UInt16(truncatingIfNeeded: random.next())) }
    }

    private func soak(
        _ device: some VirtioDevice, memory: GuestMemory? = nil, seed: UInt64, _ outside: () throws -> Void
    ) throws {
        let fixture = try VirtioFixture(device, queueSize: Self.queueSize, memory: memory)
        var random = SeededGenerator(seed: seed)
        var faults = 0
        for _ in 0..<2000 {
            if random.next() % 16 == 0 || fixture.driver.needsReset {
                if fixture.driver.needsReset { faults += 1 }
                fixture.driver.write(0, MockMMIODriver.Register.status)
                #expect(fixture.driver.status == 0)
                #expect(!fixture.line.isAsserted)
                for queue in fixture.queues {
                    try fixture.memory.fill(GuestAddress(queue.driverArea), count: 0x200, with: 0)
                }
                fixture.start(
                    random.next() & (MockMMIODriver.indirect | MockMMIODriver.eventIndex | 2)
                        & fixture.driver.offeredFeatures)
            }
            for queue in fixture.queues { try scribble(queue, &random) }
            fixture.driver.notify(random.next() % 5)
            if random.next() % 32 == 0 {
                fixture.mmio.write(
                    random.next(), at: random.next() % 0x200, width: AccessWidth.allCases[Int(random.next() % 4)])
            }
            if random.next() % 64 == 0 {
                fixture.driver.write(random.next() % 2, MockMMIODriver.Register.queueSel)
                fixture.driver.write(random.next() % 2, MockMMIODriver.Register.queueReady)
            }
            try outside()
        }
        // The seeds are good for something.
        #expect(faults > 20)
        // A driver that behaves is served.
        fixture.queues = fixture.queues.map {
            MockDriverQueue(fixture.memory, at: $0.descriptorTable, size: Self.queueSize)
        }
        fixture.driver.write(0, MockMMIODriver.Register.status)
        for queue in fixture.queues {
            try fixture.memory.fill(GuestAddress(queue.descriptorTable), count: 0x400, with: 0)
        }
        fixture.start()
    }

    @Test("console: random rings and registers", arguments: 1...8 as ClosedRange<UInt64>)
    func console(_ seed: UInt64) throws {
        let channels = [LoopbackChannel(), LoopbackChannel()]
        let device = VirtioConsole(
            channel: channels[0], size: ConsoleSize(columns: 80, rows: 24),
            ports: [.init(name: "port", channel: channels[1])])
        try soak(device, seed: seed) {
            for channel in channels {
                if channel.pendingInput.count < 100 { channel.feed("some input") }
                channel.changeConnection()
                channel.clearOutput()
            }
        }
    }

    @Test("entropy: random rings and registers", arguments: 1...8 as ClosedRange<UInt64>)
    func entropy(_ seed: UInt64) throws {
        try soak(VirtioEntropy(source: CountingEntropy()), seed: seed) {}
    }

    @Test(
        "block: random rings, headers and registers, completions at random times",
        arguments: 1...8 as ClosedRange<UInt64>)
    func block(_ seed: UInt64) throws {
        let range = try #require(GuestRange(start: GuestAddress(Self.ram), size: 1 << 20))
        let memory = try GuestMemory([range])
        let storage = ScriptedStorage(sectors: 4096)
        var random = SeededGenerator(seed: seed &+ 100)
        let types: [UInt32] = [0, 0, 1, 1, 4, 8, 11, 13, 2, .max]
        try soak(VirtioBlock(storage, serial: "soak", memory: memory, queueCount: 2), memory: memory, seed: seed) {
            // Headers anywhere, so that some of the descriptors hit one.
            for _ in 0..<64 {
                let type = types[Int(random.next() % UInt64(types.count))]
                let sector = random.next() % 8 == 0 ? random.next() : random.next() % 5000
                try memory.copyIn(
                    type.littleEndianBytes + [0, 0, 0, 0] + sector.littleEndianBytes,
                    to: GuestAddress(Self.ram + random.next() % 0xF_FF00))
            }
            storage.keep(random.next() % 2 == 0)
            storage.answer(random.next() % 4 == 0 ? .failed : .done)
            if random.next() % 4 == 0 { storage.completeHeld() }
        }
        for request in storage.seen.values {
            #expect(request.offset % 512 == 0 && request.length % 512 == 0)
            #expect(request.offset + request.length <= storage.properties.capacity)
            let bytes = request.buffers.reduce(0) { $0 + UInt64($1.length) }
            switch request.operation {
            case .read, .write: #expect(bytes == request.length)
            case .flush, .discard, .writeZeroes: #expect(request.buffers.isEmpty)
            }
        }
    }

    @Test("balloon: random rings and registers", arguments: 1...4 as ClosedRange<UInt64>)
    func balloon(_ seed: UInt64) throws {
        let range = try #require(GuestRange(start: GuestAddress(Self.ram), size: 1 << 20))
        let memory = try GuestMemory([range])
        let device = VirtioBalloon(memory: memory, target: 1 << 18)
        try soak(device, memory: memory, seed: seed) { _ = device.counters }
    }

    @Test("pmem: random rings and registers, flushes done at random times", arguments: 1...4 as ClosedRange<UInt64>)
    func persistentMemory(_ seed: UInt64) throws {
        let range = try #require(GuestRange(start: GuestAddress(Self.ram), size: 1 << 20))
        let memory = try GuestMemory([range])
        let work = HeldWork()
        var random = SeededGenerator(seed: seed &+ 300)
        let device = VirtioPersistentMemory(ScriptedStore(), at: range, work: work)
        try soak(device, memory: memory, seed: seed) {
            work.keep(random.next() % 2 == 0)
            if random.next() % 4 == 0 { work.perform() }
        }
    }

    @Test(
        "9P: random rings, messages and registers, work done at random times", arguments: 1...4 as ClosedRange<UInt64>)
    func share(_ seed: UInt64) throws {
        let range = try #require(GuestRange(start: GuestAddress(Self.ram), size: 1 << 20))
        let memory = try GuestMemory([range])
        let tree = MemoryTree()
        let work = HeldWork()
        var random = SeededGenerator(seed: seed &+ 200)
        let types: [UInt8] = [
            7, 8, 12, 14, 16, 18, 20, 22, 24, 26, 30, 40, 50, 52, 54, 70, 72, 74, 76, 100, 104, 104, 108, 110, 110, 116,
            118, 120, 122, 255,
        ]
        try soak(VirtioShare(tree, tag: "soak", work: work), memory: memory, seed: seed) {
            // Messages anywhere, so that some of the descriptors hit one; strings are short, so that some are names.
            for _ in 0..<64 {
                var message = [types[Int(random.next() % UInt64(types.count))], UInt8(random.next() % 4), 0]
                for _ in 0..<8 {
                    message += [UInt8(random.next() % 4), 0]
                    message += random.next() % 2 == 0 ? [0, 0] : [UInt8(truncatingIfNeeded: random.next()), 97]
                }
                let size =
                    random.next() % 8 == 0 ? UInt32(truncatingIfNeeded: random.next()) : UInt32(message.count + 4)
                try memory.copyIn(
                    size.littleEndianBytes + message, to: GuestAddress(Self.ram + random.next() % 0xF_FF00))
            }
            work.keep(random.next() % 2 == 0)
            if random.next() % 4 == 0 { work.perform(latestFirst: random.next() % 2 == 0) }
        }
    }

    @Test("a block driver that resets and notifies from several threads while requests complete on others")
    func concurrentBlock() throws {
        let range = try #require(GuestRange(start: GuestAddress(Self.ram), size: 1 << 20))
        let memory = try GuestMemory([range])
        let storage = ScriptedStorage(sectors: 4096)
        storage.keep()
        let fixture = try VirtioFixture(
            VirtioBlock(storage, serial: "", memory: memory, queueCount: 1), queueSize: Self.queueSize, memory: memory)
        fixture.start()
        let mmio = fixture.mmio
        let queue = fixture.queues[0]
        let scribbler = HostThread {
            var random = SeededGenerator(seed: 9)
            for _ in 0..<10_000 {
                try? self.scribble(queue, &random)
                mmio.write(0, at: MockMMIODriver.Register.queueNotify, width: .word)
            }
        }
        let completer = HostThread { for _ in 0..<10_000 { storage.completeHeld() } }
        let driver = MockMMIODriver(mmio)
        for _ in 0..<500 {
            driver.negotiate()
            driver.setUp(queue, as: 0)
            driver.start()
            driver.notify(0)
        }
        #expect(scribbler.finishes(within: 60))
        #expect(completer.finishes(within: 60))
        fixture.driver.write(0, MockMMIODriver.Register.status)
        storage.completeHeld()
        #expect(!fixture.line.isAsserted)
    }

    @Test("a driver that writes its rings while the device reads them")
    func concurrent() throws {
        let channel = LoopbackChannel()
        let fixture = try VirtioFixture(VirtioConsole(channel: channel), queueSize: Self.queueSize)
        fixture.start()
        let mmio = fixture.mmio
        let queue = fixture.queues[1]
        let scribbler = HostThread {
            var random = SeededGenerator(seed: 5)
            for _ in 0..<20_000 { try? self.scribble(queue, &random) }
        }
        let resetter = HostThread {
            let driver = MockMMIODriver(mmio)
            for _ in 0..<500 {
                driver.negotiate()
                driver.setUp(queue, as: 1)
                driver.start()
                driver.notify(1)
            }
        }
        var rounds = 0
        while rounds < 5000 {
            fixture.driver.notify(1)
            channel.clearOutput()
            rounds += 1
        }
        #expect(scribbler.finishes(within: 60))
        #expect(resetter.finishes(within: 60))
        fixture.driver.write(0, MockMMIODriver.Register.status)
        #expect(!fixture.line.isAsserted)
    }
}
