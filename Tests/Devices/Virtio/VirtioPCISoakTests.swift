import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// Drivers out of their minds behind virtio-pci, with fixed seeds: no trap, and a device that a reset mends.
@Suite struct VirtioPCISoakTests {
    private static let ram: UInt64 = 0x4000_0000

    private func value(_ random: inout SeededGenerator) -> UInt64 {
        switch random.next() % 8 {
        case 0: random.next()
        case 1: .max
        case 2: Self.ram + random.next() % (1 << 20)
        case 3: 0x1000_0000 + random.next() % 0x1_0000
        case 4: 1 << (random.next() % 64)
        case 5: 0xB + random.next() % 5
        default: random.next() % 16
        }
    }

    private func soak(_ fixture: VirtioPCIFixture<some VirtioDevice>, seed: UInt64, rounds: Int = 4000) throws {
        var random = SeededGenerator(seed: seed)
        let driver = fixture.driver
        fixture.start(withMessages: true)
        for _ in 0..<rounds {
            let width = AccessWidth.allCases[Int(random.next() % 4)]
            let value = value(&random)
            switch random.next() % 16 {
            // Every field of the configuration space and of the structures; regions anywhere, also over RAM and each other.
            case 0, 1: driver.setHeader(value, random.next() % 0x100, width)
            case 2: _ = driver.header(random.next() % 0x100, width)
            case 3: driver.setHeader(value, 0x10 + 4 * (random.next() % 3), .word)
            case 4, 5: driver.write(value, random.next() % 0x3C)
            case 6: driver.store(value, driver.address(1 + random.next() % 4, random.next() % 0x40), width)
            case 7: _ = driver.load(0x1000_0000 + random.next() % 0x1_0000, width)
            case 8: driver.store(value, driver.base(1) + random.next() % 0x1000, width)
            // Queues that move while they run.
            case 9:
                driver.place(fixture.queues[Int(random.next() % UInt64(fixture.queues.count))], as: random.next() % 2)
                driver.write(random.next() % 2, random.next() % 2 == 0 ? 0x1C : 0x3A)
            case 10:
                let queue = fixture.queues[Int(random.next() % UInt64(fixture.queues.count))]
                try fixture.memory.store(UInt16(truncatingIfNeeded: value), at: GuestAddress(queue.driverArea + 2))
            case 11:
                let place = Self.ram + random.next() % 0xF_FFF8
                try fixture.memory.store(value, at: GuestAddress(place & ~7))
            case 12: driver.notify(random.next() % 3)
            case 13 where random.next() % 8 == 0: mend(fixture)
            default: driver.notify(random.next() % 2)
            }
        }
        mend(fixture)
        #expect(!fixture.line.isAsserted)
        for message in fixture.messages.all { #expect(message.device == 8) }
    }

    /// A reset and a new start by a driver that behaves.
    private func mend(_ fixture: VirtioPCIFixture<some VirtioDevice>) {
        let driver = fixture.driver
        driver.setHeader(0x1100_0000, 0x10)
        driver.setHeader(0x1200_0000, 0x14)
        driver.enable()
        driver.write(0, MockPCIDriver.Common.status)
        #expect(driver.status == 0)
        for queue in fixture.queues {
            try? fixture.memory.fill(GuestAddress(queue.descriptorTable), count: 0x400, with: 0)
        }
        fixture.start(withMessages: true)
    }

    @Test("entropy: random configuration space, structures, regions and rings", arguments: 1...8 as ClosedRange<UInt64>)
    func entropy(_ seed: UInt64) throws {
        try soak(try VirtioPCIFixture(VirtioEntropy(source: CountingEntropy()), queueSize: 16), seed: seed)
    }

    @Test("console: random configuration space, structures, regions and rings", arguments: 1...8 as ClosedRange<UInt64>)
    func console(_ seed: UInt64) throws {
        let channel = LoopbackChannel()
        channel.feed("some input")
        try soak(try VirtioPCIFixture(VirtioConsole(channel: channel), queueSize: 16), seed: seed)
    }

    @Test("regions that move and queues that are reset while other threads notify and read")
    func concurrent() throws {
        let fixture = try VirtioPCIFixture(VirtioEntropy(source: CountingEntropy()), queueSize: 16)
        fixture.start(MockMMIODriver.ringReset, withMessages: true)
        let driver = fixture.driver
        let queue = fixture.queues[0]
        let mover = HostThread {
            var random = SeededGenerator(seed: 1)
            for _ in 0..<5000 {
                driver.setHeader(0x1000_0000 + (random.next() % 8) << 14, 0x10)
                driver.setHeader(random.next() % 8, 4, .halfword)
                driver.setMessages(random.next() % 2 == 0)
            }
        }
        let resetter = HostThread {
            for round in 0..<2000 {
                driver.write(0, MockPCIDriver.Common.queueSelect)
                driver.write(1, MockPCIDriver.Common.queueReset)
                driver.setUp(queue, as: 0)
                if round % 64 == 0 { driver.negotiate(MockMMIODriver.version1 | MockMMIODriver.ringReset) }
                driver.start()
            }
        }
        var random = SeededGenerator(seed: 2)
        for _ in 0..<10_000 {
            try fixture.memory.store(UInt16(random.next() % 32), at: GuestAddress(queue.driverArea + 2))
            driver.store(0, 0x1000_3000 + (random.next() % 8) << 14, .halfword)
            _ = driver.takeInterruptStatus()
        }
        #expect(mover.finishes(within: 60))
        #expect(resetter.finishes(within: 60))
        mend(fixture)
        driver.setMessages(false)
        _ = driver.takeInterruptStatus()
        #expect(!fixture.line.isAsserted)
    }
}
