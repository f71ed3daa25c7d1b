import Synchronization

/// Which trace points are on: one bit each, in one word.
///
/// The kernel has one of these as a global constant; a point that is off costs one load and a branch. Threading: any.
package struct TraceControl: ~Copyable, Sendable {
    private let mask: Atomic<UInt64>

    /// All points off.
    @inline(__always)
    package init() { mask = Atomic(0) }

    @inline(__always)
    package func isEnabled(_ point: TracePoint) -> Bool {
        mask.load(ordering: .relaxed) & (1 << UInt64(point.id)) != 0
    }

    /// True when any point is on.
    package var isActive: Bool { mask.load(ordering: .relaxed) != 0 }

    package func set(_ point: TracePoint, enabled: Bool) {
        let bit: UInt64 = 1 << UInt64(point.id)
        if enabled {
            mask.bitwiseOr(bit, ordering: .relaxed)
        } else {
            mask.bitwiseAnd(~bit, ordering: .relaxed)
        }
    }

    package func disableAll() { mask.store(0, ordering: .relaxed) }
}
