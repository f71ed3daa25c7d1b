/// The kernel's trace points: one load and a branch when off.
enum Trace {
    static let control = TraceControl()

    /// Records an event when its point is on.
    @inline(__always)
    static func emit(_ point: TracePoint, _ first: UInt64 = 0, _ second: UInt64 = 0) {
        if control.isEnabled(point) { record(point, first, second) }
    }

    @inline(never)
    private static func record(_ point: TracePoint, _ first: UInt64, _ second: UInt64) {
        CPUState.current.trace.append(point, time: Clock.now, first, second)
    }
}

extension TracePoint {
    static var contextSwitch: TracePoint { TracePoint(0, "sched.switch", "from", "to") }
    static var interrupt: TracePoint { TracePoint(1, "irq.entry", "source") }
    static var consoleRead: TracePoint { TracePoint(2, "console.read", "byte") }
    static var command: TracePoint { TracePoint(3, "shell.command", "length") }

    static var all: [TracePoint] { [contextSwitch, interrupt, consoleRead, command] }
}
