/// What a machine's hypervisor does with eventfds in swvmm's place: a guest's write signals one without an exit, and the signals of
/// one interrupt the guest without a thread of swvmm's.
///
/// It is for queues that another program serves, which waits for the one and signals the other. What is not bound, for it may be
/// refused at any time, goes the usual way: by an exit, and by the thread that reads the eventfd. Descriptors stay the caller's.
/// Threading: any thread; it calls nobody.
package protocol EventBinder: AnyObject, Sendable {
    /// Has writes that look like `trigger` signal `event`. False: they exit as before.
    func bind(_ event: Int32, to trigger: IOEventTrigger) -> Bool
    func unbind(_ event: Int32, from trigger: IOEventTrigger)

    /// Has each signal of `event`, and one that nobody has read yet, send `message` in the name of `device`, as `MSITarget` does.
    /// Gives what to unbind it by; nil: signals are the reader's as before.
    func bind(_ event: Int32, to message: MSI, from device: UInt32) -> UInt32?
    /// When it returns, no message comes of it any more.
    func unbind(_ event: Int32, fromMessage number: UInt32)
}

/// The eventfds of a queue that a program serves.
package struct QueueEvents: Sendable {
    package enum Side: Hashable, Sendable {
        case doorbell
        case interrupt
    }

    /// The program waits for it: signalled, there is something available.
    package let doorbell: Int32
    /// The program signals it: the driver is to be interrupted.
    package let interrupt: Int32
    /// Told after a side was bound, and after it was not any more. Called with locks held: it calls no device or transport.
    package let noteBinding: @Sendable (Side, Bool) -> Void

    package init(doorbell: Int32, interrupt: Int32, noteBinding: @escaping @Sendable (Side, Bool) -> Void) {
        self.doorbell = doorbell
        self.interrupt = interrupt
        self.noteBinding = noteBinding
    }
}

/// The doorbells that are bound. Not thread-safe: its owner holds a lock over `settle`, so that the last call wins.
package struct DoorbellBindings: Sendable {
    package struct Doorbell: Sendable {
        package let trigger: IOEventTrigger
        package let events: QueueEvents

        package init(_ trigger: IOEventTrigger, _ events: QueueEvents) {
            self.trigger = trigger
            self.events = events
        }

        fileprivate func isSame(as other: Doorbell) -> Bool {
            trigger == other.trigger && events.doorbell == other.events.doorbell
        }
    }

    private var bound: [Doorbell] = []

    package init() {}

    /// Binds `wanted`, as far as the binder can, and nothing else. What was bound and is wanted stays as it is.
    package mutating func settle(_ wanted: [Doorbell], by binder: any EventBinder) {
        // First: an address may pass from one queue to another.
        bound.removeAll { old in
            guard !wanted.contains(where: { $0.isSame(as: old) }) else { return false }
            binder.unbind(old.events.doorbell, from: old.trigger)
            old.events.noteBinding(.doorbell, false)
            return true
        }
        for new in wanted where !bound.contains(where: { $0.isSame(as: new) }) {
            guard binder.bind(new.events.doorbell, to: new.trigger) else { continue }
            bound.append(new)
            new.events.noteBinding(.doorbell, true)
        }
    }
}

/// A binder as a device in a fixed window has it: it knows offsets only.
package struct DoorbellWindow: Sendable {
    private let start: GuestAddress
    package let binder: any EventBinder

    package init(at start: GuestAddress, _ binder: any EventBinder) {
        self.start = start
        self.binder = binder
    }

    /// Writes of `value` at `offset`; nil: that is behind the last address.
    package func trigger(_ offset: UInt64, _ width: AccessWidth, value: UInt64) -> IOEventTrigger? {
        start.advanced(by: offset).map { .mmio($0, width, value: value) }
    }
}
