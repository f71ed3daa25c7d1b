internal import GuestABI
internal import Synchronization
package import VMMCore

/// ACPI's fixed power management hardware: soft off, the power button and the PM timer, in 16 ports from 0x600 on.
///
///     +0  PM1a_STS  16-bit     +4  PM1a_CNT  16-bit
///     +2  PM1a_EN   16-bit     +8  PM_TMR    32-bit, read-only
///
/// SLP_EN with the S5 type switches the machine off; other sleep types do nothing and are told to the fault log.
/// The SCI is level-triggered: asserted while a status bit and its enable are both set. TMR_STS is noticed when PM1_STS
/// is read or changed, so the timer's carry (every ten minutes) does not raise the SCI by itself.
///
/// Threading: any thread; the line and the machine are called without a lock held.
/// Source: ACPI 6.4 §4.8.3.
package final class ACPIPowerManagement: PortDevice {
    private let clock: any Clock
    private let line: any InterruptLine
    private let machine: any MachineControl
    private let faults: GuestFaultLog
    private let state = Mutex(ACPIPMState())

    /// - Parameter line: the wire to the SCI's input (FADT: SCI_INT), level-triggered.
    package init(
        clock: any Clock, interrupt line: any InterruptLine, machine: any MachineControl, faults: GuestFaultLog
    ) {
        self.clock = clock
        self.line = line
        self.machine = machine
        self.faults = faults
    }

    package var portCount: UInt16 { ACPIPMRegister.blockSize }

    package func read(at offset: UInt16, width: AccessWidth) -> UInt32 {
        let now = clock.now
        let (value, level) = state.withLock { state in
            (state.read(at: offset, width: width, now: now), state.output.beginDelivery())
        }
        drive(level)
        return value
    }

    package func write(_ value: UInt32, at offset: UInt16, width: AccessWidth) {
        let now = clock.now
        let (sleepType, level) = state.withLock { state in
            (state.write(value, at: offset, width: width, now: now), state.output.beginDelivery())
        }
        drive(level)
        guard let sleepType else { return }
        if sleepType == PCPlatform.acpiS5SleepType {
            machine.request(.powerOff)
        } else {
            faults.report("ACPI: sleep type \(sleepType) is not supported; only soft off is")
        }
    }

    /// Presses the power button: a guest with ACPI starts to shut down.
    package func pressPowerButton() {
        drive(
            state.withLock { state in
                state.pressPowerButton()
                return state.output.beginDelivery()
            })
    }

    private func drive(_ first: Bool?) {
        line.deliver(first) { state.withLock { $0.output.continueDelivery() } }
    }
}
