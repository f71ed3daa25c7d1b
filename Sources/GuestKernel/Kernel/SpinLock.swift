import Synchronization

/// A lock for a few instructions: spins, with interrupts off, so that a holder is neither interrupted nor preempted.
struct SpinLock: ~Copyable, Sendable {
    private let taken = Atomic<Bool>(false)

    /// - Returns: whether interrupts were on; to be given to `release`.
    @inline(__always)
    func acquire() -> Bool {
        let interruptsWereOn = CPU.disableInterrupts()
        // Acquire pairs with the releasing store in `release`.
        while taken.exchange(true, ordering: .acquiring) {
            while taken.load(ordering: .relaxed) { CPU.relax() }
        }
        return interruptsWereOn
    }

    @inline(__always)
    func release(_ interruptsWereOn: Bool) {
        taken.store(false, ordering: .releasing)
        if interruptsWereOn { CPU.enableInterrupts() }
    }

    @inline(__always)
    func withLock<Result>(_ body: () -> Result) -> Result {
        let interruptsWereOn = acquire()
        defer { release(interruptsWereOn) }
        return body()
    }
}
