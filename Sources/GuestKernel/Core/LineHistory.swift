/// The lines entered before, the last ones only, and where in them the user is.
struct LineHistory {
    private let capacity: Int
    private var lines: [[UInt8]] = []
    /// Index into `lines` while browsing; nil on the line being typed.
    private var position: Int?
    /// The line being typed, kept while browsing.
    private var typed: [UInt8] = []

    init(capacity: Int) { self.capacity = capacity }

    var count: Int { lines.count }
    subscript(index: Int) -> [UInt8] { lines[index] }

    /// Ends browsing, and remembers `line` unless it is empty, blank or the same as the last one.
    mutating func add(_ line: [UInt8]) {
        position = nil
        typed = []
        guard capacity > 0, line.contains(where: { $0 != 0x20 }), lines.last != line else { return }
        if lines.count == capacity { lines.removeFirst() }
        lines.append(line)
    }

    /// Ends browsing.
    mutating func reset() {
        position = nil
        typed = []
    }

    /// The line before, with `current` being in the editor; nil at the oldest.
    mutating func previous(_ current: [UInt8]) -> [UInt8]? {
        let index = position ?? lines.count
        guard index > 0 else { return nil }
        if position == nil { typed = current }
        position = index - 1
        return lines[index - 1]
    }

    /// The line after; nil when already on the line being typed.
    mutating func next() -> [UInt8]? {
        guard let index = position else { return nil }
        guard index + 1 < lines.count else {
            position = nil
            return typed
        }
        position = index + 1
        return lines[index + 1]
    }
}
