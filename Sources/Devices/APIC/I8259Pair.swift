internal import Synchronization
package import VMMCore

/// A PC's interrupt controllers: two 8259As at ports 0x20 and 0xA0, with the edge/level registers at 0x4D0.
///
/// Threading: any thread; INT's line is called without a lock held. Errors: none that a guest can cause. A chip that has not got all of its
/// initialization words asks for nothing.
/// Source: 8259A; ELCR: Intel 82801 data sheets.
package final class I8259Pair: Sendable, InterruptAcknowledging {
    package static let inputCount = 16
    /// Between the two, and no device's.
    package static let cascade = I8259PairState.cascade

    private let line: any InterruptLine
    private let state = Mutex(I8259PairState())

    /// - Parameter line: INT, to the CPU.
    package init(interrupt line: any InterruptLine) { self.line = line }

    /// Ports 0x20 and 0x21. Keeps the pair alive, as the others do.
    package var firstPorts: any PortDevice {
        I8259Ports(of: self, [.command(isSecond: false), .data(isSecond: false)])
    }
    /// Ports 0xA0 and 0xA1.
    package var secondPorts: any PortDevice { I8259Ports(of: self, [.command(isSecond: true), .data(isSecond: true)]) }
    /// Ports 0x4D0 and 0x4D1: ELCR1 and ELCR2.
    package var triggerPorts: any PortDevice { I8259Ports(of: self, [.elcr(isSecond: false), .elcr(isSecond: true)]) }

    /// The wire of an ISA interrupt, 0 to 15 without 2.
    package func interruptLine(_ input: Int) -> any InterruptLine {
        precondition((0..<Self.inputCount).contains(input) && input != I8259PairState.cascade)
        return I8259Input(of: self, input)
    }

    package func acknowledge() -> UInt8? {
        perform { state in
            let vector = state.acknowledge()
            state.update(afterAcknowledge: vector != nil)
            return vector
        }
    }

    fileprivate func read(_ register: I8259Register) -> UInt8 {
        perform { state in
            let value = state.read(register)
            // A poll acknowledges.
            state.update()
            return value
        }
    }

    fileprivate func write(_ value: UInt8, to register: I8259Register) {
        perform { state in
            state.write(value, to: register)
            state.update()
        }
    }

    fileprivate func setInput(_ asserted: Bool, _ input: Int) {
        perform { state in
            state.setInput(asserted, input)
            state.update()
        }
    }

    private func perform<Result: Sendable>(_ step: (inout I8259PairState) -> Result) -> Result {
        let (result, level) = state.withLock { state in (step(&state), state.output.beginDelivery()) }
        line.deliver(level) { state.withLock { $0.output.continueDelivery() } }
        return result
    }
}

/// Two neighbouring ports of the pair.
private final class I8259Ports: ByteRegisterPortDevice {
    private let pair: I8259Pair
    private let registers: InlineArray<2, I8259Register>

    init(of pair: I8259Pair, _ registers: InlineArray<2, I8259Register>) {
        self.pair = pair
        self.registers = registers
    }

    var portCount: UInt16 { 2 }
    func readByte(at offset: UInt16) -> UInt8 { pair.read(registers[Int(offset & 1)]) }
    func writeByte(_ value: UInt8, at offset: UInt16) { pair.write(value, to: registers[Int(offset & 1)]) }
}

private final class I8259Input: InterruptLine {
    private let pair: I8259Pair
    private let input: Int

    init(of pair: I8259Pair, _ input: Int) {
        self.pair = pair
        self.input = input
    }

    func setLevel(_ asserted: Bool) { pair.setInput(asserted, input) }
}
