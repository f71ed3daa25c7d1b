import CSupport

/// The processor, as the rest of the kernel sees it: x86_64.
enum CPU {
    /// RFLAGS.IF.
    private static var interruptFlag: UInt64 { 1 << 9 }

    /// Time stamp counter.
    @inline(__always) static var counter: UInt64 { read_tsc() }

    /// Index of this CPU, which each keeps at GS:0.
    @inline(__always) static var currentIndex: Int { Int(truncatingIfNeeded: read_gs0()) }

    /// Returns whether interrupts were on.
    @inline(__always) static func disableInterrupts() -> Bool {
        let flags = read_flags()
        clear_interrupt_flag()
        return flags & interruptFlag != 0
    }

    @inline(__always) static func enableInterrupts() { set_interrupt_flag() }

    /// Halts until an interrupt; interrupts are off before, on during, and off after.
    @inline(__always) static func waitForInterrupt() { enable_interrupts_and_halt() }

    @inline(__always) static func relax() { pause_cpu() }

    static func haltForever() -> Never {
        clear_interrupt_flag()
        while true { halt() }
    }

    static func sendInterrupt(_ source: InterruptSource, to cpu: Int) {
        LocalAPIC.sendInterrupt(vector: Vector.of(source), toAPIC: UInt32(truncatingIfNeeded: cpu))
    }

    static func sendInterruptToOthers(_ source: InterruptSource) {
        if CPUState.onlineCount > 1 { LocalAPIC.sendInterruptToOthers(vector: Vector.of(source)) }
    }

    static func setTimer(counterValue: UInt64) { LocalAPIC.setTimer(tsc: counterValue) }

    /// Lays out a new thread's stack for `switch_context`; returns its stack pointer.
    static func prepareStack(top: UInt64, entry: UInt64) -> UInt64 {
        // After `ret` to thread_entry RSP must be a multiple of 16: six registers, the return address, and a word of padding.
        let pointer = top - 8 * 8
        store64(pointer + 6 * 8, entry)
        for register: UInt64 in 0..<6 { store64(pointer + register * 8, 0) }
        return pointer
    }
}

/// Interrupt vectors: exceptions to 31, then the I/O APIC's pins, then the local APIC's, then what is given to devices.
enum Vector {
    static var firstPin: UInt8 { 32 }
    static var timer: UInt8 { 48 }
    static var reschedule: UInt8 { 49 }
    static var halt: UInt8 { 50 }
    static var spurious: UInt8 { 63 }
    static var firstDevice: UInt8 { 64 }
    static var count: Int { 96 }

    // SAFETY: used by the one thread that starts drivers.
    nonisolated(unsafe) private static var next = firstDevice

    /// By pin of the I/O APIC; 0 for one that no device has.
    nonisolated(unsafe) private static var pins = InlineArray<24, UInt8>(repeating: 0)

    /// The vector that all devices at a pin have; nil when there is no such pin, or no vector left.
    static func ofDevicePin(_ pin: UInt32) -> UInt8? {
        guard pin < IOAPIC.pinCount else { return nil }
        if unsafe pins[Int(pin)] == 0 { unsafe pins[Int(pin)] = takeForDevice() ?? 0 }
        return unsafe pins[Int(pin)] == 0 ? nil : pins[Int(pin)]
    }

    /// A vector that no device has yet; nil when all are given away.
    static func takeForDevice() -> UInt8? {
        guard unsafe Int(next) < count else { return nil }
        defer { unsafe next += 1 }
        return unsafe next
    }

    static func of(_ source: InterruptSource) -> UInt8 {
        switch source {
        case .timer: timer
        case .reschedule: reschedule
        case .halt: halt
        case .console: firstPin + UInt8(PCPlatform.com1IRQ)
        case .device, .spurious, .other: spurious
        }
    }

    static func source(_ vector: UInt64) -> InterruptSource {
        switch UInt8(truncatingIfNeeded: vector) {
        case timer: .timer
        case reschedule: .reschedule
        case halt: .halt
        case firstPin + UInt8(PCPlatform.com1IRQ): .console
        case spurious: .spurious
        case firstDevice...: .device
        default: .other
        }
    }
}
