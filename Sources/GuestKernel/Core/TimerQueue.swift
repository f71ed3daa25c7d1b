/// A deadline in a `TimerQueue`: the kernel's timers and sleeping threads hold or subclass one.
package class TimerEntry: HeapNode {
    /// When it is due; meaningful while queued.
    package final var deadline: UInt64 { key }

    package override init() { super.init() }
}

/// Deadlines in order of time, equal ones in order of arrival. O(log n) and no allocation; entries are not kept alive.
///
/// The unit of time is the caller's. Threading: by the caller's lock.
package struct TimerQueue<Entry: TimerEntry>: ~Copyable {
    private var heap = IntrusiveHeap()

    package init() {}

    package var count: Int { heap.count }

    /// What the timer is to be set to; nil when nothing is waited for.
    package var nextDeadline: UInt64? { heap.first?.key }

    /// Adds an entry, or moves it when it is queued here already.
    ///
    /// - Returns: true when it is now the first: the timer must be set anew.
    @discardableResult
    package mutating func add(_ entry: Entry, deadline: UInt64) -> Bool {
        cancel(entry)
        heap.insert(entry, key: deadline)
        return heap.first === entry
    }

    /// Takes an entry out; one that is not queued is left alone.
    package mutating func cancel(_ entry: Entry) {
        guard entry.isQueued else { return }
        heap.remove(entry)
    }

    /// Takes the first entry out when it is due at `now`. To be called until it gives nil.
    package mutating func popExpired(now: UInt64) -> Entry? {
        guard let first = heap.first, first.key <= now, let node = heap.removeFirst() else { return nil }
        // SAFETY: only entries of this type are inserted.
        return unsafe unsafeDowncast(node, to: Entry.self)
    }
}
