import Synchronization

/// Which handlers a device's interrupt calls. Several devices may share one.
///
/// Handlers are only ever added, to the front of a list that interrupts walk without a lock.
enum DeviceInterrupts {
    private final class Handler {
        let number: UInt32
        let body: () -> Void
        let next: Handler?

        init(number: UInt32, body: @escaping () -> Void, next: Handler?) {
            self.number = number
            self.body = body
            self.next = next
        }
    }

    private static let lock = SpinLock()
    // SAFETY: replaced under `lock`, by a handler that leads to the former one; what interrupts read is complete and never freed.
    nonisolated(unsafe) private static var first: Handler?

    /// - Parameters:
    ///   - number: the architecture's: a vector on x86, an INTID on arm64.
    ///   - body: called with interrupts off, on the interrupted thread's stack; it lowers a level-triggered line.
    static func add(_ number: UInt32, _ body: @escaping () -> Void) {
        lock.withLock {
            let handler = Handler(number: number, body: body, next: unsafe first)
            // The handler before the way to it; pairs with the data dependency of the walk.
            atomicMemoryFence(ordering: .releasing)
            unsafe first = handler
        }
    }

    /// Calls the handlers of an interrupt.
    static func handle(_ number: UInt32) {
        var next = unsafe first
        while let handler = next {
            if handler.number == number { handler.body() }
            next = handler.next
        }
    }
}
