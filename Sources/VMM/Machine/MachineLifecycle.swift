internal import Synchronization
package import VMMCore

/// The one place where a machine's end is decided: the first reason counts, and everybody concerned is told once.
///
/// Threading: any thread. Made before the machine, since devices must be able to ask for its end.
package final class MachineLifecycle: MachineControl {
    private struct State {
        var reason: StopReason?
        var listeners: [@Sendable (StopReason) -> Void] = []
    }

    private let stopping = Atomic<Bool>(false)
    private let state = Mutex(State())

    package init() {}

    /// Read before each entry of the guest.
    @inline(__always)
    var isStopping: Bool { stopping.load(ordering: .acquiring) }

    package var stopReason: StopReason? { state.withLock { $0.reason } }

    /// Ends the machine with this reason, unless it already has one.
    package func stop(_ reason: StopReason) {
        let listeners: [@Sendable (StopReason) -> Void] = state.withLock { state in
            guard state.reason == nil else { return [] }
            state.reason = reason
            defer { state.listeners = [] }
            return state.listeners
        }
        stopping.store(true, ordering: .releasing)
        for listener in listeners { listener(reason) }
    }

    /// Calls `listener` once with the reason, on the thread that stops the machine; at once when it has stopped.
    package func onStop(_ listener: @escaping @Sendable (StopReason) -> Void) {
        let reason: StopReason? = state.withLock { state in
            if state.reason == nil { state.listeners.append(listener) }
            return state.reason
        }
        if let reason { listener(reason) }
    }

    package func request(_ request: MachineRequest) {
        switch request {
        case .powerOff: stop(.powerOff)
        case .reset: stop(.reset)
        case .panicked: stop(.guestPanicked)
        case .debugExit(let code): stop(.debugExit(code: code))
        }
    }
}
