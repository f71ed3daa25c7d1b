internal import Synchronization
package import VMMCore

/// A disk's storage behind rate limits: what may not pass yet waits here, in its order.
///
/// Each request counts as an operation; only reads and writes count as bytes. How many wait is bounded by who submits.
///
/// Threading: any thread. Storage and clients are called without a lock held that they could want.
package final class LimitedStorage: BlockBackend, StatisticsSource {
    private struct Waiting {
        let request: BlockRequest
        let client: any BlockClient
    }

    private struct State {
        var core: RateLimiterCore
        /// From `first` on, in the order of their coming. Empty when nothing waits.
        var waiting: [Waiting] = []
        var first = 0
        var delayed: UInt64 = 0
        /// Places that were taken from and not closed up: moving the rest costs no more than taking so many.
        static let gapLimit = 256

        mutating func takeFirst() -> Waiting {
            let taken = waiting[first]
            first += 1
            if first == waiting.count || first == Self.gapLimit {
                waiting.removeFirst(first)
                first = 0
            }
            return taken
        }
    }

    private enum Step {
        case pass(Waiting)
        case wait(Nanoseconds)
        case done
    }

    private let storage: any BlockBackend
    private let clock: any Clock
    private let scheduler: any DeadlineScheduler
    private let state: Mutex<State>
    /// Held while requests that waited go to the storage: `drain` waits for it.
    private let release = Mutex(())

    /// - Parameter scheduler: of `clock`; its owner has it call `deadlinePassed()`.
    package init(
        _ storage: any BlockBackend, _ limits: RateLimits, clock: any Clock, scheduler: any DeadlineScheduler
    ) {
        self.storage = storage
        self.clock = clock
        self.scheduler = scheduler
        state = Mutex(State(core: RateLimiterCore(limits)))
    }

    package var properties: BlockProperties { storage.properties }

    package func submit(_ request: consuming BlockRequest, for client: any BlockClient) {
        let now = clock.now
        let waiting = Waiting(request: request, client: client)
        let deadline: Nanoseconds?? = state.withLock { state in
            var deadline: Nanoseconds?
            if state.waiting.isEmpty {
                deadline = state.core.pass(waiting.request, at: now)
                if deadline == nil { return nil }
            }
            state.waiting.append(waiting)
            state.delayed &+= 1
            return .some(deadline)
        }
        switch deadline {
        case nil: storage.submit(waiting.request, for: client)
        case .some(let deadline): if let deadline { scheduler.schedule(at: deadline) }
        }
    }

    package func commit() { storage.commit() }

    /// The time has come for what waits.
    package func deadlinePassed() {
        release.withLock { _ in
            while true {
                let now = clock.now
                let step: Step = state.withLock { state in
                    guard state.first < state.waiting.count else { return .done }
                    if let later = state.core.pass(state.waiting[state.first].request, at: now) { return .wait(later) }
                    return .pass(state.takeFirst())
                }
                switch step {
                case .pass(let waiting): storage.submit(waiting.request, for: waiting.client)
                case .wait(let deadline):
                    storage.commit()
                    return scheduler.schedule(at: deadline)
                case .done: return storage.commit()
                }
            }
        }
    }

    package func drain(_ client: any BlockClient) {
        let abandoned = state.withLock { state in
            let theirs = state.waiting[state.first...].filter { $0.client === client }
            state.waiting = state.waiting[state.first...].filter { $0.client !== client }
            state.first = 0
            return theirs
        }
        for waiting in abandoned { client.completed(waiting.request, .abandoned) }
        // What was on its way to the storage has come there.
        release.withLock { _ in }
        storage.drain(client)
    }

    package var kind: String { "limits" }

    package var counters: [DeviceCounter] { [DeviceCounter("delayed", state.withLock { $0.delayed })] }
}

extension RateLimiterCore {
    fileprivate mutating func pass(_ request: borrowing BlockRequest, at now: Nanoseconds) -> Nanoseconds? {
        let isTransfer = request.operation == .read || request.operation == .write
        return pass(bytes: isTransfer ? request.length : 0, at: now)
    }
}
