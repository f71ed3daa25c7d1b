internal import VMMCore

/// Who takes the chains of a queue, and what its driver is told behind that: for devices whose queues any vCPU's thread can serve.
///
/// One thread at a time takes chains: it has the claim. Who comes meanwhile leaves at once, for the claim ends only when nothing is left, in
/// the same step that looked. Each method is one step, taken with the device's lock held, and calls nobody but the queue; the driver is told
/// without the lock.
struct QueueClaim {
    /// How a claim ended.
    enum End {
        /// There was nothing to do, or the device was reset.
        case silent
        /// Chains were completed: interrupt the driver if it wants that.
        case completed(VirtioDriver, VirtioQueue)
        /// The driver broke a rule.
        case broken(VirtioDriver, VirtioQueue, QueueFault)

        /// Without a lock held.
        func tellDriver() {
            switch self {
            case .silent: break
            case .completed(let driver, let queue): driver.interrupt(queue)
            case .broken(let driver, let queue, let fault): driver.refuse(queue, fault)
            }
        }
    }

    enum Next: ~Copyable {
        case chain(VirtioChain, Activity)
        case ended(End)
    }

    /// A queue and its driver.
    struct Activity {
        let queue: VirtioQueue
        let driver: VirtioDriver
        /// Agreed on.
        let features: UInt64
    }

    /// The last one; it stays beyond the reset, for what completes late.
    private(set) var last: Activity?
    private(set) var isReset = true
    /// The driver broke a rule: nothing is done before the reset.
    private var isBroken = false
    private(set) var isHeld = false
    private var hasCompleted = false

    /// From DRIVER_OK to the reset; nil, too, when the driver broke a rule.
    var activity: Activity? { isReset || isBroken ? nil : last }

    mutating func activate(_ queue: VirtioQueue, _ activation: VirtioActivation) {
        last = Activity(queue: queue, driver: activation.driver, features: activation.features)
        isReset = false
        isBroken = false
        hasCompleted = false
    }

    /// From here on nothing is taken; who has the claim comes to its end.
    mutating func reset() { isReset = true }

    mutating func markBroken() { isBroken = true }

    /// Takes the claim. False: another thread has it, or there is no driver.
    mutating func take() -> Bool {
        guard let activity, !isHeld else { return false }
        isHeld = true
        activity.queue.suspendNotifications()
        return true
    }

    /// The next chain, or the claim's end.
    mutating func next() -> Next {
        guard let activity else {
            isHeld = false
            return .ended(.silent)
        }
        while true {
            switch activity.queue.next() {
            case .chain(let chain): return .chain(chain, activity)
            case .malformed(let fault): return .ended(fail(fault))
            case .empty:
                if activity.queue.resumeNotifications() { continue }
                isHeld = false
                guard let (driver, queue) = takeInterrupt() else { return .ended(.silent) }
                return .ended(.completed(driver, queue))
            }
        }
    }

    /// Gives a chain back to the driver. One of an activity before is swallowed by the queue.
    mutating func complete(_ chain: consuming VirtioChain) {
        last?.queue.complete(chain)
        hasCompleted = true
    }

    /// Whom to interrupt for what was completed; nil: nobody, or it is up to who has the claim.
    mutating func takeInterrupt() -> (VirtioDriver, VirtioQueue)? {
        guard let activity, hasCompleted, !isHeld else { return nil }
        hasCompleted = false
        return (activity.driver, activity.queue)
    }

    /// Ends the claim because of what the chain in hand, refused already, broke.
    mutating func fail(_ fault: QueueFault) -> End {
        isHeld = false
        guard let activity else { return .silent }
        isBroken = true
        return .broken(activity.driver, activity.queue, fault)
    }
}
