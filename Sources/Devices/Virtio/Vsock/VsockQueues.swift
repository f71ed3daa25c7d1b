/// Bytes in their order. It takes as much memory as it had to hold at once.
struct VsockBytes {
    private var bytes: [UInt8] = []
    private var start = 0

    var count: Int { bytes.count - start }
    var isEmpty: Bool { start == bytes.count }

    mutating func append(_ more: [UInt8], _ range: Range<Int>) {
        // What was taken out is not kept longer than there is as much behind it.
        if start > bytes.count / 2 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes.append(contentsOf: more[range])
    }

    /// Copies the first bytes to the start of `destination`, as many as fit. They stay.
    func copyFirst(into destination: inout [UInt8]) -> Int {
        let count = min(self.count, destination.count)
        destination.replaceSubrange(0..<count, with: bytes[start..<start + count])
        return count
    }

    /// Forgets the first `count` bytes; all when there are fewer.
    mutating func removeFirst(_ count: Int) {
        start += max(0, min(count, self.count))
        if start == bytes.count { removeAll() }
    }

    mutating func removeAll() {
        bytes.removeAll()
        start = 0
    }
}

/// First in, first out. It takes as much memory as it had to hold at once.
struct VsockQueue<Element> {
    /// Those before `start` were taken out.
    private var elements: [Element?] = []
    private var start = 0

    var count: Int { elements.count - start }
    var isEmpty: Bool { start == elements.count }

    mutating func append(_ element: Element) {
        if start > elements.count / 2 {
            elements.removeFirst(start)
            start = 0
        }
        elements.append(element)
    }

    mutating func popFirst() -> Element? {
        guard start < elements.count else { return nil }
        let first = elements[start].take()
        start += 1
        if start == elements.count { removeAll() }
        return first
    }

    mutating func removeAll() {
        elements.removeAll(keepingCapacity: true)
        start = 0
    }
}
