internal import Synchronization
internal import VMMCore

/// What a machine's backend does with eventfds, for its devices: within a rate, and until the machine ends.
///
/// Threading: any thread; `disconnect` when no vCPU runs any more.
final class MachineEvents<Backend: IOEventFDCapable & MessageIRQFDCapable>: EventBinder {
    private struct State {
        var doorbells: [IOEventTrigger: Int32] = [:]
        var messages: [UInt32: Int32] = [:]
        var isConnected = true
        var changes = TokenBucket(limit)
    }

    /// Of bindings a second: each waits for grace periods of the host's kernel. A guest that masks and unmasks its interrupts, or moves
    /// its regions, in a loop is served by exits; a driver's few at its start are within the burst.
    private static var limit: RateLimit { RateLimit(rate: 50, burst: 500) }

    private let backend: Backend
    private let clock = HostClock()
    /// Held over the backend's calls, so that what is noted is what is bound.
    private let state = Mutex(State())

    init(_ backend: Backend) { self.backend = backend }

    func bind(_ event: Int32, to trigger: IOEventTrigger) -> Bool {
        state.withLock { state in
            guard mayChange(&state), (try? backend.bindIOEventFD(event, to: trigger)) != nil else { return false }
            state.doorbells[trigger] = event
            return true
        }
    }

    func unbind(_ event: Int32, from trigger: IOEventTrigger) {
        state.withLock { state in
            guard state.doorbells[trigger] == event else { return }
            state.doorbells[trigger] = nil
            try? backend.unbindIOEventFD(event, from: trigger)
        }
    }

    func bind(_ event: Int32, to message: MSI, from device: UInt32) -> UInt32? {
        state.withLock { state in
            guard mayChange(&state), let number = try? backend.bindIRQFD(event, to: message, from: device) else {
                return nil
            }
            state.messages[number] = event
            return number
        }
    }

    func unbind(_ event: Int32, fromMessage number: UInt32) {
        state.withLock { state in
            guard state.messages[number] == event else { return }
            state.messages[number] = nil
            try? backend.unbindIRQFD(event, fromMessage: number)
        }
    }

    private func mayChange(_ state: inout State) -> Bool {
        let now = clock.now
        guard state.isConnected, state.changes.readyTime(1, at: now) <= now else { return false }
        state.changes.take(1, at: now)
        return true
    }

    /// Unbinds all: the session's eventfds are free for another machine.
    func disconnect() {
        state.withLock { state in
            for (trigger, event) in state.doorbells { try? backend.unbindIOEventFD(event, from: trigger) }
            for (number, event) in state.messages { try? backend.unbindIRQFD(event, fromMessage: number) }
            state.doorbells = [:]
            state.messages = [:]
            state.isConnected = false
        }
    }
}
