internal import Synchronization

/// What a device may do: of operations, and of bytes.
package struct RateLimits: Hashable, Sendable {
    package var operations: RateLimit?
    package var bytes: RateLimit?

    package init(operations: RateLimit? = nil, bytes: RateLimit? = nil) {
        self.operations = operations
        self.bytes = bytes
    }

    package var isEmpty: Bool { operations == nil && bytes == nil }
}

/// Lets operations pass at the rates of a `RateLimits`. Pure.
package struct RateLimiterCore: Hashable, Sendable {
    private var operations: TokenBucket?
    private var bytes: TokenBucket?

    package init(_ limits: RateLimits) {
        operations = limits.operations.map { TokenBucket($0) }
        bytes = limits.bytes.map { TokenBucket($0) }
    }

    /// An operation of so many bytes passes now: nil. Or: when to ask again, after `now`.
    package mutating func pass(bytes amount: UInt64, at now: Nanoseconds) -> Nanoseconds? {
        let ready = max(operations?.readyTime(1, at: now) ?? now, bytes?.readyTime(amount, at: now) ?? now)
        guard ready <= now else { return ready }
        operations?.take(1, at: now)
        bytes?.take(amount, at: now)
        return nil
    }
}

/// Holds a device's operations to rates: one that may not pass yet waits at the device, which is called back.
///
/// Threading: any thread; it calls nobody with its lock held.
package final class RateLimiter: Sendable {
    private let clock: any Clock
    private let scheduler: any DeadlineScheduler
    private let core: Mutex<RateLimiterCore>

    /// - Parameter scheduler: of `clock`. Its owner has it call what resumes the device, which then calls `pass` again.
    package init(_ limits: RateLimits, clock: any Clock, scheduler: any DeadlineScheduler) {
        self.clock = clock
        self.scheduler = scheduler
        core = Mutex(RateLimiterCore(limits))
    }

    /// Lets an operation of so many bytes pass: true. False: not yet; the deadline will come when it may.
    package func pass(bytes: UInt64) -> Bool {
        let now = clock.now
        guard let ready = core.withLock({ $0.pass(bytes: bytes, at: now) }) else { return true }
        scheduler.schedule(at: ready)
        return false
    }
}
