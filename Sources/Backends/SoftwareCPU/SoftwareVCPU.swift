internal import Synchronization
package import VMMCore

/// A CPU executed by software.
///
/// `run()`, `completeRead(_:)`, the registers and stepping belong to one thread at a time; `kick()` and the interrupt lines
/// to any.
@safe
package final class SoftwareVCPU: VCPU {
    package typealias Failure = SoftwareCPUError

    /// One interrupt input. Threading: any thread.
    package final class Line: OrderedInterruptLine {
        private let signals: CPUSignals
        private let bit: UInt32

        init(_ signals: CPUSignals, _ bit: UInt32) {
            self.signals = signals
            self.bit = bit
        }

        package func setLevel(_ asserted: Bool) { signals.setInput(bit, asserted) }

        package func setLevel(_ asserted: Bool, order: UInt64) { signals.setInput(bit, asserted, order: order) }
    }

    package let index: VCPUIndex
    /// The IRQ and FIQ inputs: where an interrupt controller's CPU interface leads.
    package let irq: Line
    package let fiq: Line
    private let signals: CPUSignals
    // SAFETY: what is not thread-safe of it is touched by the one thread that runs this vCPU.
    nonisolated(unsafe) private let core: Core

    init(_ core: Core) {
        unsafe self.core = core
        index = core.index
        signals = core.signals
        irq = Line(core.signals, InterruptInputs.irq)
        fiq = Line(core.signals, InterruptInputs.fiq)
    }

    package func run() throws(SoftwareCPUError) -> VCPUExit { unsafe core.run() }

    package func completeRead(_ value: UInt64) { unsafe core.completeRead(value) }

    package func kick() { signals.attend(Attention.kick) }

    package func registers() throws(SoftwareCPUError) -> ARM64Registers {
        unsafe core.settle()
        return unsafe core.registers
    }

    package func setRegisters(_ registers: ARM64Registers) throws(SoftwareCPUError) {
        unsafe core.abandonTransaction()
        if unsafe core.state.pc != registers.pc { unsafe core.forgetPassing() }
        unsafe core.registers = registers
    }

    /// Instructions executed since reset.
    package var executedInstructions: UInt64 { unsafe core.executedCount }

    /// The physical address that the guest's own tables give for a data read at EL1, or nil.
    package func translate(_ address: GuestVirtualAddress) -> GuestAddress? {
        (try? unsafe core.translate(address.rawValue, .read, .kernel)).map { GuestAddress($0.physical) }
    }

    /// The general firmware-visible affinity of a CPU: MPIDR_EL1 without its RES1 bit, what a device tree names it by.
    package static func affinity(of index: VCPUIndex) -> UInt64 { IDRegisters.affinity(of: index) }
}

extension SoftwareVCPU: InstructionBudgeted {
    package func run(instructions: UInt64) throws(SoftwareCPUError) -> BudgetedExit {
        unsafe core.run(instructions: instructions)
    }

    package func endBudget() { unsafe core.endBudget() }

    package func waitForKick(atMost duration: Nanoseconds) { signals.waitForAttention(atMost: duration) }
}

extension SoftwareVCPU: SingleStepping {
    package func setSingleStep(_ enabled: Bool) throws(SoftwareCPUError) { unsafe core.setSingleStep(enabled) }
}

extension SoftwareVCPU: AddressTranslating {}

extension SoftwareVCPU: Debuggable {
    package func setDebugPoints(_ points: DebugPointSet) throws(SoftwareCPUError) -> Bool {
        setHostBreakpoints(points.breakpoints.map(\.rawValue))
        setHostWatchpoints(points.watchpoints)
        return true
    }
}

// Breakpoints and watchpoints of whoever debugs the guest. Each call replaces those of the one before. On the thread that runs
// the vCPU, between two `run()`, or when none does.
//
// `run()` returns `.debug` before an instruction with a breakpoint, or one that would touch watched memory, is executed.
// Called again with the PC unchanged it executes that instruction, whatever points it has.
extension SoftwareVCPU {
    /// By the virtual address of the instruction; unaligned addresses never match.
    package func setHostBreakpoints(_ addresses: [UInt64]) { unsafe core.setHostBreakpoints(Set(addresses)) }

    /// The guest's accesses by virtual address, data and not instructions.
    package func setHostWatchpoints(_ watchpoints: [Watchpoint]) { unsafe core.setHostWatchpoints(watchpoints) }
}
