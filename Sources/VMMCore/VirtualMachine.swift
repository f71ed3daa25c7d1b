/// The number of a vCPU, from 0; vCPU 0 is the one that boots.
package struct VCPUIndex: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }
    package init(_ rawValue: Int) { self.rawValue = rawValue }
    package static func < (left: VCPUIndex, right: VCPUIndex) -> Bool { left.rawValue < right.rawValue }
}

/// A virtual CPU. `run()`, `completeRead(_:)` and the registers belong to one thread at a time; `kick()` to any.
package protocol VCPU: AnyObject, Sendable {
    /// The registers of the architecture, by their architectural names: `X86Registers`, `ARM64Registers`.
    associatedtype Registers: Sendable
    /// What can go wrong on the host's side.
    associatedtype Failure: Error

    /// Runs the guest until something outside the CPU is wanted.
    ///
    /// A write exit is complete when the caller has handled it; a read exit needs `completeRead(_:)` first.
    /// Returns `.interrupted` at once when `kick()` came since the last return, also when nobody was inside.
    func run() throws(Failure) -> VCPUExit

    /// Answers the read of the last exit with the low bytes of `value`. Other exits ignore it.
    func completeRead(_ value: UInt64)

    /// The registers as the guest would see them now. After a read exit they are those before the instruction.
    func registers() throws(Failure) -> Registers

    func setRegisters(_ registers: Registers) throws(Failure)

    /// Makes `run()` return `.interrupted` soon, or at once when next called. From any thread, any number of times.
    func kick()
}

/// A virtual machine of one backend: memory and vCPUs. Optional abilities are the refinements below.
package protocol VirtualMachine: AnyObject, Sendable {
    associatedtype CPU: VCPU
    associatedtype Failure: Error

    /// Makes all of `memory` visible to the guest at its addresses. The machine keeps `memory` alive. Call it once.
    func map(_ memory: GuestMemory) throws(Failure)

    /// Creates the vCPU with this index; each index once, in order from 0. Its registers are the architecture's reset state.
    func makeVCPU(_ index: VCPUIndex) throws(Failure) -> CPU
}

/// A backend whose interrupt controller and CPU-local timers run inside the hypervisor.
/// With it `VCPUExit.halted` is not seen: a halted vCPU waits inside `run()`.
package protocol InKernelInterruptController: VirtualMachine {
    associatedtype Line: InterruptLine
    /// The wire to input `input` of the controller (x86: GSI, Arm: SPI number).
    func interruptLine(_ input: UInt32) throws(Failure) -> Line
    /// Delivers a message-signalled interrupt.
    func signal(_ msi: MSI) throws(Failure)
}

/// A backend that tells which guest pages were written.
package protocol DirtyLogging: VirtualMachine {
    func startDirtyLog() throws(Failure)
    /// The 4 KiB pages written since the last call (or since the start), as page-aligned addresses, ascending.
    func collectDirtyPages() throws(Failure) -> [GuestAddress]
    func stopDirtyLog() throws(Failure)
}

/// A backend that raises an interrupt when a host eventfd is written, without a thread of swvmm's in between.
package protocol IRQFDCapable: VirtualMachine {
    /// Binds `eventfd` to an input of the interrupt controller (a rising edge a signal). The descriptor stays the caller's.
    func bindIRQFD(_ eventfd: Int32, toInput input: UInt32) throws(Failure)
    func unbindIRQFD(_ eventfd: Int32, fromInput input: UInt32) throws(Failure)
}

/// A backend that does so with message-signalled interrupts.
package protocol MessageIRQFDCapable: VirtualMachine {
    /// Has each signal of `eventfd`, and one that nobody has read yet, send `message` as the device with this requester ID does.
    /// Returns the number to unbind it by. The descriptor stays the caller's. Throws for what is no message on this machine.
    func bindIRQFD(_ eventfd: Int32, to message: MSI, from device: UInt32) throws(Failure) -> UInt32
    /// When it returns, no message comes of it any more.
    func unbindIRQFD(_ eventfd: Int32, fromMessage number: UInt32) throws(Failure)
}

/// What a guest write must look like to signal an eventfd.
package enum IOEventTrigger: Hashable, Sendable {
    case mmio(GuestAddress, AccessWidth, value: UInt64?)
    case port(UInt16, AccessWidth, value: UInt32?)
}

/// A backend that signals a host eventfd on a guest's write, without an exit.
package protocol IOEventFDCapable: VirtualMachine {
    func bindIOEventFD(_ eventfd: Int32, to trigger: IOEventTrigger) throws(Failure)
    func unbindIOEventFD(_ eventfd: Int32, from trigger: IOEventTrigger) throws(Failure)
}

/// A vCPU that can tell where its page tables lead: for reports and debuggers.
package protocol AddressTranslating: VCPU {
    /// The guest physical address behind `address` now, or nil where nothing is mapped. On the thread that runs the vCPU,
    /// between two `run()`, or when none does.
    func translate(_ address: GuestVirtualAddress) -> GuestAddress?
}

/// A vCPU that can stop after each instruction.
package protocol SingleStepping: VCPU {
    /// While on, `run()` returns `.debug` after each guest instruction.
    func setSingleStep(_ enabled: Bool) throws(Failure)
}
