import CSupport

/// What interrupts.S saves of the interrupted code, at an address on its stack.
struct InterruptFrame {
    let address: UInt64

    private func word(_ index: UInt64) -> UInt64 { load64(address + index * 8) }

    var vector: UInt64 { word(15) }
    /// Pushed by some exceptions, else 0.
    var errorCode: UInt64 { word(16) }
    var rip: UInt64 { word(17) }
    var rflags: UInt64 { word(19) }
    var rsp: UInt64 { word(20) }
    var rbp: UInt64 { word(10) }

    /// Name and value of the general registers, in the order people read them.
    func register(_ index: Int) -> (StaticString, UInt64) {
        switch index {
        case 0: ("RAX", word(14))
        case 1: ("RBX", word(11))
        case 2: ("RCX", word(13))
        case 3: ("RDX", word(12))
        case 4: ("RSI", word(9))
        case 5: ("RDI", word(8))
        case 6: ("RBP", word(10))
        case 7: ("RSP", rsp)
        case 8: ("R8 ", word(7))
        case 9: ("R9 ", word(6))
        case 10: ("R10", word(5))
        case 11: ("R11", word(4))
        case 12: ("R12", word(3))
        case 13: ("R13", word(2))
        case 14: ("R14", word(1))
        case 15: ("R15", word(0))
        case 16: ("RIP", rip)
        case 17: ("FLG", rflags)
        case 18: ("CR2", read_cr2())
        default: ("CR3", read_cr3())
        }
    }
    static var registerCount: Int { 20 }
}

/// All interrupts and exceptions come here from interrupts.S.
@c(interrupt_dispatch) public func interruptDispatch(_ address: UInt64) {
    let frame = InterruptFrame(address: address)
    guard frame.vector >= 32 else { ExceptionReport.stop(frame) }
    let source = Vector.source(frame.vector)
    // A device's handler lowers its line: the end of interrupt comes after that, and before all others, which may halt.
    if source != .spurious, source != .device { LocalAPIC.endOfInterrupt() }
    Interrupts.handle(source, number: UInt32(truncatingIfNeeded: frame.vector))
    if source == .device { LocalAPIC.endOfInterrupt() }
    Interrupts.leave()
}
