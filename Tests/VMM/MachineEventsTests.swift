import Synchronization
import Testing
import VMMCore
import VMMTestSupport

@testable import VMM

/// What a machine binds for its devices.
@Suite struct MachineEventsTests {
    private let backend = EventBackend()
    private let message = MSI(address: GuestAddress(0xFEE0_0000), data: 0x41)
    private let trigger = IOEventTrigger.mmio(GuestAddress(0x1000), .halfword, value: nil)

    @Test("a guest that binds and unbinds in a loop is refused soon, and leaves nothing bound")
    func rate() {
        let events = MachineEvents(backend)
        var bound = 0
        for _ in 0..<100_000 {
            guard let number = events.bind(5, to: message, from: 8) else { continue }
            bound += 1
            events.unbind(5, fromMessage: number)
        }
        #expect(bound >= 500 && bound < 50_000)
        #expect(backend.bound.withLock { $0.isEmpty })
    }

    @Test("what is not bound is not unbound; the end of the machine unbinds all, and nothing is bound after it")
    func end() throws {
        let events = MachineEvents(backend)
        #expect(events.bind(4, to: trigger))
        let number = try #require(events.bind(5, to: message, from: 8))
        events.unbind(6, from: trigger)
        events.unbind(6, fromMessage: number)
        events.unbind(5, fromMessage: number + 1)
        #expect(backend.bound.withLock { $0 } == [4, 5])
        events.disconnect()
        #expect(backend.bound.withLock { $0.isEmpty })
        #expect(!events.bind(4, to: trigger) && events.bind(5, to: message, from: 8) == nil)
    }
}

/// Keeps the eventfds that are bound.
private final class EventBackend: IOEventFDCapable, MessageIRQFDCapable {
    let bound = Mutex<Set<Int32>>([])

    func map(_ memory: GuestMemory) throws(ScriptedError) {}
    func makeVCPU(_ index: VCPUIndex) throws(ScriptedError) -> ScriptedCPU { throw .vcpuOutOfOrder }

    func bindIOEventFD(_ eventfd: Int32, to trigger: IOEventTrigger) throws(ScriptedError) {
        bound.withLock { _ = $0.insert(eventfd) }
    }

    func unbindIOEventFD(_ eventfd: Int32, from trigger: IOEventTrigger) throws(ScriptedError) {
        bound.withLock { _ = $0.remove(eventfd) }
    }

    func bindIRQFD(_ eventfd: Int32, to message: MSI, from device: UInt32) throws(ScriptedError) -> UInt32 {
        bound.withLock { _ = $0.insert(eventfd) }
        return 24
    }

    func unbindIRQFD(_ eventfd: Int32, fromMessage number: UInt32) throws(ScriptedError) {
        bound.withLock { _ = $0.remove(eventfd) }
    }
}
