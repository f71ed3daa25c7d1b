/// Reads the records of several CPUs' rings as one sequence in order of time.
///
/// It begins at the oldest records and ends at those that were there when it began. Records overwritten while it reads are
/// counted in `lost`. A record costs a look at each ring.
package struct TraceMerge {
    /// Calls its argument with the ring of a CPU; the caller keeps the rings, which cannot be copied.
    package typealias Access = (_ cpu: Int, _ body: (borrowing TraceRing) -> Void) -> Void

    private struct Position {
        var next: UInt64
        var end: UInt64
        var record: TraceRing.Record?
    }

    private var positions: [Position] = []
    /// Records that were overwritten before they could be read.
    package private(set) var lost: UInt64 = 0
    private let access: Access

    /// - Parameters:
    ///   - cpus: number of rings.
    ///   - newest: only so many of the last records of each ring; all by default.
    package init(cpus: Int, newest: UInt64 = .max, access: @escaping Access) {
        self.access = access
        for cpu in 0..<cpus {
            var position = Position(next: 0, end: 0, record: nil)
            access(cpu) { ring in
                let end = ring.written
                let wanted = end > newest ? end - newest : 0
                position = Position(next: max(ring.oldest, wanted), end: end, record: nil)
            }
            positions.append(position)
        }
    }

    /// The next record in order of time (by CPU when equal), or nil at the end.
    package mutating func next() -> TraceRing.Record? {
        var least: Int?
        for cpu in positions.indices {
            fill(cpu)
            guard let record = positions[cpu].record else { continue }
            if let other = least, let first = positions[other].record, first.time <= record.time { continue }
            least = cpu
        }
        guard let least, let record = positions[least].record else { return nil }
        positions[least].record = nil
        return record
    }

    /// Reads the next record of a ring unless one is at hand.
    private mutating func fill(_ cpu: Int) {
        var position = positions[cpu]
        guard position.record == nil, position.next < position.end else { return }
        var lost: UInt64 = 0
        access(cpu) { ring in
            while position.record == nil, position.next < position.end {
                let oldest = ring.oldest
                if position.next < oldest {
                    let skipped = min(oldest, position.end) - position.next
                    lost += skipped
                    position.next += skipped
                    continue
                }
                position.record = ring.record(at: position.next)
                if position.record == nil { lost += 1 }
                position.next += 1
            }
        }
        positions[cpu] = position
        self.lost += lost
    }
}
