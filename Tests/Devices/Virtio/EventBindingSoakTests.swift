import Testing
import VMMCore
import VMMTestSupport
import VirtioDevices

/// A driver that changes everything that bindings follow, in any order, with fixed seeds: after each step what is bound is what a write or
/// an interrupt would do by the device.
@Suite struct EventBindingSoakTests {
    private typealias Fixture = VirtioPCIFixture<VirtioFileSystem>
    private typealias Common = MockPCIDriver.Common

    /// What the test has written.
    private struct Model {
        var command: UInt64 = 6
        var control: UInt64 = 0x8000
        var place = Fixture.window
        var isRunning = true
        var entries = (0..<3).map { (data: UInt64($0), isMasked: false) }
        var vectors: [UInt64] = [1, 2]

        var isMaster: Bool { command & 4 != 0 }
        var decodes: Bool { command & 2 != 0 }
        /// RAM answers at one of the places.
        var isReachable: Bool { decodes && place != Fixture.ram }

        var doorbells: [IOEventTrigger: Int32] {
            guard isRunning, isMaster, isReachable else { return [:] }
            return [
                .mmio(GuestAddress(place + 0x3000), .halfword, value: nil): 100,
                .mmio(GuestAddress(place + 0x3004), .halfword, value: nil): 101,
            ]
        }

        var messages: Set<RecordingBinder.Message> {
            guard isRunning, isMaster, control == 0x8000 else { return [] }
            return Set(
                (0..<2).compactMap { queue in
                    guard vectors[queue] < 3, !entries[Int(vectors[queue])].isMasked else { return nil }
                    return .init(
                        event: Int32(200 + queue), address: 0x0808_0040,
                        data: UInt32(entries[Int(vectors[queue])].data), device: 8)
                })
        }
    }

    private let binder = RecordingBinder()

    @Test("after each of 2000 steps, bound is what would be done without", arguments: 1...4 as ClosedRange<UInt64>)
    func steps(seed: UInt64) throws {
        let range = try #require(GuestRange(start: GuestAddress(Fixture.ram), size: Fixture.ramSize))
        let memory = try GuestMemory([range])
        let device = VirtioFileSystem(EventServer(), tag: "work", memory: memory)
        let fixture = try Fixture(device, memory: memory, events: binder)
        let driver = fixture.driver
        fixture.start(withMessages: true)
        var model = Model()
        model.place = driver.base(0)
        let table = driver.base(1)
        // The first one is where the region begins, the second one behind all regions, the last one over RAM.
        let places = [model.place, Fixture.window + 0x100_0000, Fixture.ram]
        var random = SeededGenerator(seed: seed)
        for step in 0..<2000 {
            let pick = Int(random.next() % 3)
            switch random.next() % 8 {
            case 0:
                model.command = [6, 6, 2, 4][Int(random.next() % 4)]
                driver.setHeader(model.command, 4, .halfword)
            case 1:
                model.control = [0x8000, 0xC000, 0][pick]
                driver.setHeader(model.control, driver.msiX + 2, .halfword)
            case 2:
                model.place = places[pick]
                driver.setHeader(model.place, 0x10)
            case 3 where model.decodes:
                model.entries[pick].isMasked.toggle()
                driver.store(model.entries[pick].isMasked ? 1 : 0, table + 16 * UInt64(pick) + 12, .word)
            case 4 where model.decodes:
                model.entries[pick].data = random.next() % 0x100
                driver.store(model.entries[pick].data, table + 16 * UInt64(pick) + 8, .word)
            case 5 where model.isReachable && model.isRunning:
                let queue = Int(random.next() % 2)
                model.vectors[queue] = [0, 1, 2, MockPCIDriver.noVector][Int(random.next() % 4)]
                driver.write(UInt64(queue), Common.queueSelect)
                driver.write(model.vectors[queue], Common.queueVector)
            case 6 where model.isReachable && model.isRunning:
                model.isRunning = false
                driver.write(0, Common.status)
            case 7 where model.isReachable && !model.isRunning:
                #expect(driver.negotiate())
                for (index, queue) in fixture.queues.enumerated() {
                    driver.setUp(queue, as: UInt64(index))
                    model.vectors[index] = MockPCIDriver.noVector
                }
                driver.start()
                model.isRunning = true
            default: continue
            }
            try #require(binder.doorbells == model.doorbells && binder.messages == model.messages, "step \(step)")
        }
        #expect(binder.mistakes == 0 && binder.changes > 20)
    }
}
