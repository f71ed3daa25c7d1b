import CSupport

/// A thread: a stack, and a place in the scheduler.
final class Thread: SchedulingEntity {
    enum State {
        case ready, running, sleeping, parked, ended

        var name: StaticString {
            switch self {
            case .ready: "ready"
            case .running: "running"
            case .sleeping: "sleeping"
            case .parked: "waiting"
            case .ended: "ended"
            }
        }
    }

    static var stackOrder: Int { 3 }
    /// At the low end of a stack: gone when the stack overflowed.
    private static var canary: UInt64 { 0x5357_564D_5354_4143 }

    let id: Int
    let name: StaticString
    /// Under the scheduler's lock.
    var state = State.ready
    /// The CPU it runs on, or ran on last.
    var home = 0
    /// `unpark` came while it was not parked.
    var wakePending = false
    /// Stays on its home CPU.
    var isPinned = false
    var body: (() -> Void)?
    let timer = SleepTimer()
    /// Lowest address of the stack. Its first word holds the stack pointer while the thread does not run, the second the canary.
    private(set) var stack: UInt64

    /// Makes a thread that begins in `thread_entry`, not yet ready.
    init(id: Int, name: StaticString, body: (() -> Void)?) {
        self.id = id
        self.name = name
        self.body = body
        stack = Heap.allocatePages(order: Self.stackOrder)
        super.init()
        unsafe timer.thread = self
        store64(stack + 8, Self.canary)
        store64(stack, CPU.prepareStack(top: stackTop, entry: thread_entry_address()))
    }

    /// Not for use: the superclass has it, and what the compiler puts in its place does not compile here.
    private override init() {
        id = -1
        name = ""
        stack = 0
        super.init()
    }

    /// A thread for the CPU of the caller only; `Scheduler.start` makes it ready.
    static func pinned(_ name: StaticString, _ body: @escaping () -> Void) -> Thread {
        let thread = Scheduler.makeThread(name, body)
        thread.isPinned = true
        return thread
    }

    var stackTop: UInt64 { stack + (4096 << UInt64(Self.stackOrder)) }

    /// Where `switch_context` keeps the stack pointer.
    var contextSlot: UInt64 { stack }

    var stackIsSound: Bool { load64(stack + 8) == Self.canary }

    func freeStack() {
        Heap.free(stack)
        stack = 0
    }
}

/// The deadline of a sleeping thread.
final class SleepTimer: TimerEntry {
    // SAFETY: a thread owns its timer, and lives as long as it is queued.
    unowned(unsafe) var thread: Thread?
}
