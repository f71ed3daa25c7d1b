/// What interrupts the kernel: the same on both architectures.
enum InterruptSource: Int, CaseIterable {
    case timer, reschedule, halt, console, device, spurious, other

    var name: StaticString {
        switch self {
        case .timer: "timer"
        case .reschedule: "reschedule IPI"
        case .halt: "halt IPI"
        case .console: "console"
        case .device: "devices"
        case .spurious: "spurious"
        case .other: "other"
        }
    }
}

/// The part of interrupt handling that knows no hardware. Called with interrupts off, on the interrupted thread's stack.
enum Interrupts {
    /// Handles one interrupt; the controller has been told, or will be by the caller before `leave`.
    ///
    /// - Parameter number: of a device's interrupt, see `DeviceInterrupts`; its line is low, or masked, only when this returns.
    static func handle(_ source: InterruptSource, number: UInt32 = 0) {
        let cpu = CPUState.current
        cpu.interruptCounts[source.rawValue] += 1
        Trace.emit(.interrupt, UInt64(source.rawValue))
        switch source {
        case .timer: Scheduler.timerInterrupt(cpu)
        case .reschedule: Scheduler.rescheduleInterrupt(cpu)
        case .halt: CPU.haltForever()
        case .console: Console.shared.interrupt()
        case .device: DeviceInterrupts.handle(number)
        case .spurious, .other: break
        }
    }

    /// On the way back to the interrupted code: gives the CPU to another thread when one deserves it.
    static func leave() {
        let cpu = CPUState.current
        if cpu.needsReschedule { Scheduler.preempt(cpu) }
    }
}
