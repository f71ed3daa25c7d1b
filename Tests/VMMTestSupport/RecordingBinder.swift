internal import Synchronization
package import VMMCore

/// Knows what is bound to what, as a hypervisor would: nothing twice, and nothing unbound that is not there.
///
/// Threading: any thread.
package final class RecordingBinder: EventBinder {
    package struct Message: Hashable, Sendable {
        package let event: Int32
        package let address: UInt64
        package let data: UInt32
        package let device: UInt32

        package init(event: Int32, address: UInt64, data: UInt32, device: UInt32) {
            self.event = event
            self.address = address
            self.data = data
            self.device = device
        }
    }

    private struct State {
        var doorbells: [IOEventTrigger: Int32] = [:]
        var messages: [UInt32: Message] = [:]
        var next: UInt32 = 24
        var refuses = false
        var changes = 0
        var mistakes = 0
    }

    private let state = Mutex(State())

    package init() {}

    package var doorbells: [IOEventTrigger: Int32] { state.withLock { $0.doorbells } }
    package var messages: Set<Message> { state.withLock { Set($0.messages.values) } }
    /// Bindings that were made.
    package var changes: Int { state.withLock { $0.changes } }
    /// Calls that a hypervisor would have refused.
    package var mistakes: Int { state.withLock { $0.mistakes } }

    /// Whether it binds nothing from here on.
    package func setRefuses(_ refuses: Bool) { state.withLock { $0.refuses = refuses } }

    package func bind(_ event: Int32, to trigger: IOEventTrigger) -> Bool {
        state.withLock { state in
            guard !state.refuses else { return false }
            if state.doorbells.updateValue(event, forKey: trigger) != nil { state.mistakes += 1 }
            state.changes += 1
            return true
        }
    }

    package func unbind(_ event: Int32, from trigger: IOEventTrigger) {
        state.withLock { state in
            if state.doorbells.removeValue(forKey: trigger) != event { state.mistakes += 1 }
        }
    }

    package func bind(_ event: Int32, to message: MSI, from device: UInt32) -> UInt32? {
        state.withLock { state in
            guard !state.refuses else { return nil }
            if state.messages.values.contains(where: { $0.event == event }) { state.mistakes += 1 }
            state.next += 1
            state.changes += 1
            state.messages[state.next] = Message(
                event: event, address: message.address.rawValue, data: message.data, device: device)
            return state.next
        }
    }

    package func unbind(_ event: Int32, fromMessage number: UInt32) {
        state.withLock { state in
            if state.messages.removeValue(forKey: number)?.event != event { state.mistakes += 1 }
        }
    }
}
