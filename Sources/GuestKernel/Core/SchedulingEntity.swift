/// What the scheduler keeps of a thread: the kernel's thread class is a subclass.
///
/// Threading: by the lock of the run queue the thread belongs to.
package class SchedulingEntity: HeapNode {
    /// Nice values as on UNIX: -20 (most CPU) to 19 (least). One step is a factor of 1.25.
    package static var niceRange: ClosedRange<Int> { -20...19 }
    /// The weight of nice 0.
    package static var normalWeight: UInt64 { 1024 }

    /// CPU time used, in the run queue's unit of time.
    package internal(set) var cpuTime: UInt64 = 0
    /// Times it was given the CPU.
    package internal(set) var switches: UInt64 = 0
    package private(set) var nice = 0
    /// Share of the CPU relative to other threads.
    package private(set) var weight = SchedulingEntity.normalWeight
    /// CPU time divided by weight, see `FairRunQueue`.
    var virtualTime: UInt64 = 0
    /// 2^32 × normal weight / weight: dividing by the weight is a multiplication by it.
    private var inverseWeight: UInt64 = 1 << 32

    package override init() { super.init() }

    /// Sets nice value and weight; the run queue calls it, or the owner of a thread that is in none.
    final func apply(nice: Int) {
        let range = Self.niceRange
        self.nice = min(max(nice, range.lowerBound), range.upperBound)
        var weight = Self.normalWeight
        // weight = 1024 × 1.25^-nice, rounded at each step.
        for _ in 0..<max(-self.nice, 0) { weight = (weight * 5 + 2) / 4 }
        for _ in 0..<max(self.nice, 0) { weight = (weight * 4 + 2) / 5 }
        self.weight = weight
        inverseWeight = (Self.normalWeight << 32) / weight
    }

    /// `time` on the CPU in virtual time: longer for a light thread.
    final func virtual(_ time: UInt64) -> UInt64 {
        let product = time.multipliedFullWidth(by: inverseWeight)
        return product.high << 32 | product.low >> 32
    }
}
