import CSupport

/// What vectors.S saves of the interrupted code, at an address on its stack.
struct InterruptFrame {
    let address: UInt64

    /// x0 to x30.
    func x(_ index: Int) -> UInt64 { load64(address + UInt64(index) * 8) }
    var sp: UInt64 { load64(address + 248) }
    var elr: UInt64 { load64(address + 256) }
    var spsr: UInt64 { load64(address + 264) }
}

/// All exceptions come here from vectors.S. `entry` is the number of the vector: 5 is an IRQ at EL1 with SP_EL1.
@c(interrupt_dispatch) public func interruptDispatch(_ address: UInt64, _ entry: UInt64) {
    guard entry == 5 else { ExceptionReport.stop(InterruptFrame(address: address), entry: entry) }
    GIC.handleInterrupts()
    Interrupts.leave()
}
