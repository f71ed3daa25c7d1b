/// Text collected in an array, up to a limit: a log line before it is stored, and the tests' output.
package final class TextBuffer: TextOutput {
    package private(set) var bytes: [UInt8] = []
    /// Bytes that came after the buffer was full.
    package private(set) var lost = 0
    private let capacity: Int

    /// - Parameter capacity: the most bytes kept; reserved at once.
    package init(capacity: Int) {
        self.capacity = capacity
        super.init()
        bytes.reserveCapacity(capacity)
    }

    package override func put(_ byte: UInt8) {
        guard bytes.count < capacity else { return lost += 1 }
        bytes.append(byte)
    }

    /// Empties the buffer and keeps its storage.
    package func clear() {
        bytes.removeAll(keepingCapacity: true)
        lost = 0
    }
}
