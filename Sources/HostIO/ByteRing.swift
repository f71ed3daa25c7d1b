/// A first-in, first-out queue of bytes with a fixed capacity. Allocates in `init` only.
struct ByteRing {
    private var storage: [UInt8]
    private var head = 0
    private(set) var count = 0

    /// - Parameter capacity: at least 1.
    init(capacity: Int) {
        precondition(capacity > 0)
        storage = [UInt8](repeating: 0, count: capacity)
    }

    var capacity: Int { storage.count }
    var free: Int { storage.count - count }
    var isEmpty: Bool { count == 0 }
    var isFull: Bool { count == storage.count }

    /// False, and nothing done, when it is full.
    @discardableResult
    mutating func append(_ byte: UInt8) -> Bool {
        guard count < storage.count else { return false }
        var tail = head + count
        if tail >= storage.count { tail -= storage.count }
        storage[tail] = byte
        count += 1
        return true
    }

    /// Appends, at the cost of the oldest byte when it is full.
    mutating func appendDroppingOldest(_ byte: UInt8) {
        if isFull { drop(1) }
        append(byte)
    }

    mutating func popFirst() -> UInt8? {
        guard count > 0 else { return nil }
        let byte = storage[head]
        drop(1)
        return byte
    }

    /// Forgets the oldest `number` bytes; all when there are fewer.
    mutating func drop(_ number: Int) {
        let dropped = min(max(number, 0), count)
        count -= dropped
        head = count == 0 ? 0 : (head + dropped) % storage.count
    }

    mutating func removeAll() { drop(count) }

    /// Copies the oldest bytes, as many as fit, to the start of `destination`. They stay in the queue.
    func copyFirst(into destination: inout [UInt8]) -> Int {
        let number = min(count, destination.count)
        var index = head
        for position in 0..<number {
            destination[position] = storage[index]
            index += 1
            if index == storage.count { index = 0 }
        }
        return number
    }

    /// All bytes, the oldest first.
    var contents: [UInt8] { (0..<count).map { storage[(head + $0) % storage.count] } }
}
