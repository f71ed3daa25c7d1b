internal import Synchronization
package import VMMCore

/// An I/O APIC of version 0x20 with 24 inputs: 82093AA's registers and the EOI register of its successors.
///
/// The wires carry assertion, not voltage: INTPOL is kept and changes nothing, as in KVM's own I/O APIC. An interrupt is delivered when it
/// is sent: DELIVS reads as zero. A level-triggered input whose message the local APICs refuse stays in Remote IRR, until a write makes
/// the entry edge-triggered or an EOI comes.
///
/// Threading: any thread; the output is called without a lock held, on the thread that caused the change or on one that was delivering
/// already. Errors: none that a guest can cause; registers that are not there read as zero.
/// Source: I/O APIC (82093AA).
package final class IOAPIC: MMIODevice, EndOfInterruptReceiver {
    package static let inputCount = IOAPICState.inputCount

    private let output: any IOAPICOutput
    private let state = Mutex(IOAPICState())

    package init(output: any IOAPICOutput) { self.output = output }

    package var windowSize: UInt64 { 0x1000 }

    package func read(at offset: UInt64, width: AccessWidth) -> UInt64 {
        guard let register = IOAPICWindowRegister(rawValue: offset) else { return 0 }
        return UInt64(state.withLock { $0.read(register) })
    }

    package func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        guard let register = IOAPICWindowRegister(rawValue: offset) else { return }
        perform { $0.write(UInt32(truncatingIfNeeded: value), to: register) }
    }

    package func endOfInterrupt(vector: UInt8) { perform { $0.endOfInterrupt(vector) } }

    /// The wire of an input, below `inputCount`.
    package func interruptLine(_ input: Int) -> any InterruptLine {
        precondition((0..<Self.inputCount).contains(input))
        return IOAPICInput(of: self, input)
    }

    /// Takes one step, then tells the world what came of it.
    fileprivate func perform(_ step: (inout IOAPICState) -> Void) {
        var effect = state.withLock { state in
            step(&state)
            return state.beginDelivery()
        }
        while let next = effect {
            switch next {
            case .announce(let message, let input): output.announce(message, ofInput: input)
            case .send(let message): output.send(message)
            }
            effect = state.withLock { $0.continueDelivery() }
        }
    }
}

private final class IOAPICInput: InterruptLine {
    private let ioAPIC: IOAPIC
    private let input: Int

    init(of ioAPIC: IOAPIC, _ input: Int) {
        self.ioAPIC = ioAPIC
        self.input = input
    }

    func setLevel(_ asserted: Bool) { ioAPIC.perform { $0.setInput(asserted, input) } }
}
