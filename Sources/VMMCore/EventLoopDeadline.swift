internal import Synchronization

/// A deadline of real time on an event loop. The device's clock must be `HostClock`, which the loop counts in.
///
/// Threading: any thread; the handler is called on the loop's.
package final class EventLoopDeadline: OwnedDeadline {
    private struct State {
        var token: EventLoop.TimerToken?
        var handler: (@Sendable () -> Void)?
    }

    private let loop: EventLoop
    private let state = Mutex(State())

    package init(loop: EventLoop) { self.loop = loop }

    /// Installs what is called when the deadline has come; nil removes it. Install it before the guest runs.
    package func setHandler(_ handler: (@Sendable () -> Void)?) { state.withLock { $0.handler = handler } }

    package func schedule(at deadline: Nanoseconds) {
        let token = loop.schedule(at: deadline) { [weak self] in
            self?.state.withLock { $0.handler }?()
        }
        replace(with: token)
    }

    package func cancel() { replace(with: nil) }

    private func replace(with token: EventLoop.TimerToken?) {
        let old = state.withLock { state in
            defer { state.token = token }
            return state.token
        }
        if let old { loop.cancel(old) }
    }
}

extension EventLoop: DeadlineSource {
    package func makeDeadline() -> any OwnedDeadline { EventLoopDeadline(loop: self) }
}
