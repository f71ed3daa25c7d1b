/// Calls a device back when a time comes: the event loop's, or a virtual clock that moves with executed instructions.
///
/// It holds one deadline. How the callback is installed is the owner's business: it calls the device's
/// `deadlinePassed()`, on any thread, not from within `schedule` or `cancel`, and not before the deadline by the clock
/// that the device has. A call too many, or for a deadline that was replaced meanwhile, does no harm.
package protocol DeadlineScheduler: AnyObject, Sendable {
    /// Replaces the deadline. One that is past calls back soon.
    func schedule(at deadline: Nanoseconds)

    /// Gives the deadline up, if there is one.
    func cancel()
}

/// A deadline as its owner sees it, who connects it to a device. Which clock it counts in is its maker's business.
package protocol OwnedDeadline: DeadlineScheduler {
    /// Installs what is called when the deadline has come; nil removes it. Install it before the guest runs.
    func setHandler(_ handler: (@Sendable () -> Void)?)
}

/// Makes deadlines of one clock: an event loop of real time, a `VirtualClock` of its own.
package protocol DeadlineSource: Sendable {
    func makeDeadline() -> any OwnedDeadline
}

/// The deadline that a device wants, kept in the device's own state: brings a `DeadlineScheduler` to it without a lock held
/// while the scheduler is called, as `InterruptOutput` does for a line.
package struct DeadlineOutput: Sendable {
    package enum Change: Hashable, Sendable {
        case schedule(Nanoseconds)
        case cancel
    }

    /// What the device waits for; nil: nothing.
    package private(set) var deadline: Nanoseconds?
    /// What the scheduler was told last.
    private var delivered: Nanoseconds?
    private var isDelivering = false

    package init() {}

    package mutating func want(_ deadline: Nanoseconds?) { self.deadline = deadline }

    /// The scheduler has called back: it holds no deadline now.
    package mutating func passed() { delivered = nil }

    /// What the caller must tell the scheduler now, or nil: it is right, or another thread is at it. A caller that gets a
    /// change calls `continueDelivery()` after it has told the scheduler.
    package mutating func beginDelivery() -> Change? {
        guard !isDelivering else { return nil }
        return continueDelivery()
    }

    /// The next change, or nil when the scheduler is right: then the delivery has ended.
    package mutating func continueDelivery() -> Change? {
        isDelivering = delivered != deadline
        guard isDelivering else { return nil }
        delivered = deadline
        return deadline.map(Change.schedule) ?? .cancel
    }
}

extension DeadlineScheduler {
    /// Tells the scheduler what a `DeadlineOutput` wants, until it is right. Call it without a lock held.
    ///
    /// - Parameters:
    ///   - first: what `beginDelivery()` gave.
    ///   - next: gives what `continueDelivery()` does, under the device's lock.
    package func deliver(_ first: DeadlineOutput.Change?, next: () -> DeadlineOutput.Change?) {
        var step = first
        while let change = step {
            apply(change)
            step = next()
        }
    }

    package func apply(_ change: DeadlineOutput.Change) {
        switch change {
        case .schedule(let deadline): schedule(at: deadline)
        case .cancel: cancel()
        }
    }
}
