import Synchronization
import VMMCore
import VMMTestSupport

/// A server of two queues, with numbers for eventfds: from 100 (or another) on for doorbells, 100 more for interrupts.
final class EventServer: EventQueueServer {
    let features: UInt64 = 0
    let bound = Mutex<Set<Int32>>([])
    let notified = Recorder<UInt16>()
    private let firstEvent: Int32
    private let handler = Mutex<(@Sendable (QueueServerEvent) -> Void)?>(nil)

    init(firstEvent: Int32 = 100) { self.firstEvent = firstEvent }

    func setHandler(_ new: (@Sendable (QueueServerEvent) -> Void)?) { handler.withLock { $0 = new } }
    func interrupt(_ queue: UInt16) { handler.withLock { $0 }?(.interrupt(queue: queue)) }
    func start(_ queues: [ServedQueue], features: UInt64, memory: GuestMemory) -> Bool { true }
    func notify(queue index: UInt16) { notified.record(index) }
    func stop() {}

    func events(ofQueue index: UInt16) -> QueueEvents? {
        let doorbell = firstEvent + Int32(index)
        return QueueEvents(doorbell: doorbell, interrupt: doorbell + 100) { [weak self] side, isBound in
            let event = side == .doorbell ? doorbell : doorbell + 100
            self?.bound.withLock { bound in
                if isBound { bound.insert(event) } else { bound.remove(event) }
            }
        }
    }
}
