import CSupport
import Synchronization

/// The end of a kernel that cannot go on: a report on the console, and the machine told of it.
enum Panic {
    private static let owner = Atomic<Int>(-1)

    /// True once a report has begun: locks are no longer waited for, their holder may be halted.
    static var isUnderWay: Bool { owner.load(ordering: .relaxed) >= 0 }

    /// Claims the report for this CPU, stops the others, and returns the console. A CPU that comes second halts.
    static func begin() -> TextOutput {
        _ = CPU.disableInterrupts()
        let me = CPU.currentIndex
        let (isFirst, other) = owner.compareExchange(expected: -1, desired: me, ordering: .acquiringAndReleasing)
        if !isFirst && other == me { Platform.reportPanic() }
        if !isFirst { CPU.haltForever() }
        CPU.sendInterruptToOthers(.halt)
        return Console.shared
    }

    /// Reads page 0, which is not mapped: `panic fault`.
    static func touchNullPage() { _ = load64(8) }

    /// The lines all reports have: which CPU and thread.
    static func writePlace(to output: TextOutput) {
        output.write("CPU ")
        output.write(decimal: CPU.currentIndex)
        if !CPUState.all.isEmpty {
            let thread = CPUState.current.running
            output.write(", thread ")
            output.write(decimal: thread.id)
            output.write(" (")
            output.write(thread.name)
            output.write(")")
        }
        output.write(", ")
        output.write(duration: Clock.now)
        output.write(" after the start")
        output.newLine()
    }

    /// Reports `reason` and the caller's call stack, and stops the machine.
    @inline(never)
    static func stop(_ reason: StaticString, value: UInt64? = nil) -> Never {
        let frame = frame_pointer()
        let output = begin()
        output.newLine()
        output.write("panic: ")
        output.write(reason)
        if let value {
            output.write(" (0x")
            output.write(hex: value)
            output.write(")")
        }
        output.newLine()
        writePlace(to: output)
        output.write("call stack:")
        output.newLine()
        CallStack.write(pc: load64(frame + 8), frame: load64(frame), to: output)
        Platform.reportPanic()
    }
}
