internal import Synchronization
internal import VMMCore

/// The interrupts of a function as its device sees them: its pin, level-sensitive, and messages by number where it has them.
///
/// The pin is asserted while the device wants that, unless software has disabled it or uses messages.
/// Threading: any thread; wires and messages are told without a lock held.
/// Source: PCI Local Bus 3.0 §2.2.6, §6.8.
package final class PCIInterrupts: InterruptLine {
    private struct State {
        /// What the device wants.
        var level = false
        var isPinDisabled = false
        var output = InterruptOutput()
    }

    private let line: any InterruptLine
    let table: MSIXTable?
    private let state = Mutex(State())
    private let busMaster = Atomic<Bool>(false)

    init(line: any InterruptLine, table: MSIXTable?) {
        self.line = line
        self.table = table
    }

    // MARK: For the device

    /// Asserts or deasserts the pin.
    package func setLevel(_ asserted: Bool) { change { $0.level = asserted } }

    /// How many messages there are; 0: only the pin.
    package var messageCount: Int { table?.count ?? 0 }

    /// Software uses messages, and not the pin.
    package var usesMessages: Bool { table?.isEnabled ?? false }

    /// Sends message `number`, now or when software allows it; without effect while it does not use messages.
    package func send(message number: Int) { table?.raise(number) }

    /// Messages that wait to be sent belong to a former life of the device.
    package func forgetPendingMessages() { table?.forgetPending() }

    /// The device may read and write memory.
    package var isBusMaster: Bool { busMaster.load(ordering: .relaxed) }

    // MARK: For the function

    /// The device wants its pin asserted, and software has not chosen messages: the Interrupt Status bit.
    var isPending: Bool { state.withLock { $0.level } && !usesMessages }

    /// Takes over what the configuration space says. Call `settle()` afterwards.
    func configure(_ command: CommandRegister, messageControl: UInt16) {
        busMaster.store(command.isBusMaster, ordering: .relaxed)
        table?.setControl(messageControl, isBusMaster: command.isBusMaster)
        state.withLock { $0.isPinDisabled = command.disablesPin }
    }

    /// Brings the pin and the pending messages to where they belong.
    func settle() {
        change { _ in }
        table?.settle()
    }

    private func change(_ body: (inout State) -> Void) {
        var level = state.withLock { state in
            body(&state)
            // Looked at with the lock held: who changes it settles afterwards.
            state.output.want(state.level && !state.isPinDisabled && !usesMessages)
            return state.output.beginDelivery()
        }
        while let next = level {
            line.setLevel(next)
            level = state.withLock { $0.output.continueDelivery() }
        }
    }
}
