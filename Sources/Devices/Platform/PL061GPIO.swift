internal import Synchronization
package import VMMCore

/// A PrimeCell GPIO (PL061) with eight pins. `virt` has it at 0x0903_0000, SPI 7, with the power key on pin 3.
///
/// The machine drives pins from outside with `setInput`; pins that the guest made outputs keep what it wrote and lead
/// nowhere.
///
/// Registers take accesses of 8, 16 and 32 bits; others read as zero and are ignored.
///
/// Threading: any thread; the line is called without a lock held. Errors: none that a guest can cause.
/// Source: PL061 (Arm DDI 0190).
package final class PL061GPIO: MMIODevice {
    /// The pin of the power key on QEMU's `virt`: pressed is high.
    package static let powerKeyPin = 3

    private let line: any InterruptLine
    private let state = Mutex(PL061State())

    /// - Parameter line: GPIOINTR, level-sensitive.
    package init(interrupt line: any InterruptLine) { self.line = line }

    package var windowSize: UInt64 { PL061Register.windowSize }

    package func read(at offset: UInt64, width: AccessWidth) -> UInt64 {
        guard width != .doubleword, let register = PL061Register(offset: offset) else { return 0 }
        return UInt64(state.withLock { $0.read(register) })
    }

    package func write(_ value: UInt64, at offset: UInt64, width: AccessWidth) {
        guard width != .doubleword, let register = PL061Register(offset: offset) else { return }
        drive(state.withLock { $0.write(UInt8(truncatingIfNeeded: value), to: register) })
    }

    /// Sets the level of an input pin, 0 to 7. A key is pressed for as long as its pin is high: Linux looks at the pin
    /// after its interrupt, so hold it for 100 ms.
    package func setInput(_ pin: Int, _ level: Bool) {
        precondition((0..<8).contains(pin))
        drive(state.withLock { $0.setInput(pin, level) })
    }

    private func drive(_ first: Bool?) {
        var step = first
        while let level = step {
            line.setLevel(level)
            step = state.withLock { $0.lineDriven() }
        }
    }
}
