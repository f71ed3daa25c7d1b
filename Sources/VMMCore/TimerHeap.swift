/// Deadlines in a binary heap, the earliest first; equal ones in the order of their insertion.
///
/// A cancelled entry stays in the heap until it reaches the top, or until the cancelled ones are the majority.
struct TimerHeap<Body> {
    private struct Entry {
        let deadline: Nanoseconds
        let id: UInt64

        func precedes(_ other: Entry) -> Bool { (deadline, id) < (other.deadline, other.id) }
    }

    private var heap: [Entry] = []
    private var bodies: [UInt64: Body] = [:]
    private var nextID: UInt64 = 0

    /// The number of entries that are neither cancelled nor taken.
    var count: Int { bodies.count }

    /// The earliest deadline. Drops cancelled entries on the way.
    var earliest: Nanoseconds? {
        mutating get {
            while let top = heap.first {
                if bodies[top.id] != nil { return top.deadline }
                removeTop()
            }
            return nil
        }
    }

    /// The identity of an entry is never used again.
    mutating func insert(_ body: Body, at deadline: Nanoseconds) -> UInt64 {
        let id = nextID
        nextID += 1
        bodies[id] = body
        heap.append(Entry(deadline: deadline, id: id))
        siftUp(heap.count - 1)
        return id
    }

    /// Gives back the entry's body; nil when it was taken or cancelled before.
    mutating func cancel(_ id: UInt64) -> Body? {
        guard let body = bodies.removeValue(forKey: id) else { return nil }
        if heap.count > 64, heap.count > 2 * bodies.count {
            heap.removeAll { bodies[$0.id] == nil }
            // An ascending array is a heap.
            heap.sort { $0.precedes($1) }
        }
        return body
    }

    /// Takes out the earliest entry if its deadline is not after `now`.
    mutating func takeDue(_ now: Nanoseconds) -> Body? {
        guard let deadline = earliest, deadline <= now, let top = heap.first else { return nil }
        removeTop()
        return bodies.removeValue(forKey: top.id)
    }

    private mutating func removeTop() {
        guard let last = heap.popLast(), !heap.isEmpty else { return }
        heap[0] = last
        siftDown(0)
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var first = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].precedes(heap[first])
            {
                first = child
            }
            guard first != parent else { return }
            heap.swapAt(first, parent)
            parent = first
        }
    }
}
