/// Why a vCPU came back from the guest. Plain values only: an exit allocates nothing.
///
/// At most 32 bytes, so that it comes back in registers: nothing is stored and loaded again on the way of an exit.
package enum VCPUExit: Hashable, Sendable {
    /// The guest reads memory that no RAM backs. Answer with `VCPU.completeRead(_:)` before the next `run()`.
    case mmioRead(address: GuestAddress, width: AccessWidth)
    case mmioWrite(address: GuestAddress, width: AccessWidth, value: UInt64)
    /// The guest reads an x86 port. Answer with `VCPU.completeRead(_:)` before the next `run()`.
    case portRead(port: UInt16, width: AccessWidth)
    case portWrite(port: UInt16, width: AccessWidth, value: UInt32)
    /// The vCPU executed HLT or WFI and the backend has no interrupt controller that would wake it.
    case halted
    /// `kick()` or a signal ended `run()`; the guest's state is complete, `run()` may be called again.
    case interrupted
    /// x86: the guest read a model-specific register that its CPU has not, or wrote one, or a value that the register does
    /// not take. It gets its exception, #GP, with the next `run()`: this is only to be told.
    case refusedRegister(ModelSpecificRegister, written: UInt64?)
    /// x86: shutdown, as after a triple fault.
    case shutdown
    /// The guest asked its firmware interface for something (PSCI, a paravirtual crash register).
    case systemEvent(SystemEvent)
    /// A hardware breakpoint, watchpoint or single step.
    case debug(address: GuestVirtualAddress, reason: DebugReason = .step)
    /// The backend could not go on with this guest.
    case failure(VCPURunFailure)
}

/// The number of an x86 model-specific register: ECX of RDMSR and WRMSR.
package struct ModelSpecificRegister: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// An address as the guest's own page tables see it.
package struct GuestVirtualAddress: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

package enum SystemEvent: Hashable, Sendable {
    case powerOff
    case reset
    case crash
}

/// The guest did something that the backend cannot execute. Not an error of the host: the machine reports it as a crash.
package enum VCPURunFailure: Hashable, Sendable {
    /// The hypervisor refused to enter the guest: `KVM_EXIT_FAIL_ENTRY`. The reason is the hardware's.
    case entryRefused(hardwareReason: UInt64)
    /// The hypervisor gave up on an instruction: `KVM_EXIT_INTERNAL_ERROR`, with its sub-error and the bytes at the PC.
    case internalError(suberror: UInt32, instruction: InstructionBytes)
    /// An exit that this version does not handle; the number is the backend's own.
    case unhandledExit(reason: UInt32)
}

/// Up to 15 bytes of machine code, the most that an x86 instruction has, held inline.
package struct InstructionBytes: Hashable, Sendable {
    /// The longest instruction. Source: Intel SDM volume 2, 2.3.11.
    package static let capacity = 15

    private var low: UInt64 = 0
    /// Bytes 8 to 14, and in 63:56 how many bytes there are.
    private var high: UInt64 = 0

    package var count: Int { Int(high >> 56) }

    package init() {}

    /// Keeps the first 15 bytes.
    package init(_ bytes: some Sequence<UInt8>) {
        for byte in bytes.prefix(Self.capacity) {
            let shift = UInt64(count % 8 * 8)
            if count < 8 { low |= UInt64(byte) << shift } else { high |= UInt64(byte) << shift }
            high += 1 << 56
        }
    }

    package var bytes: [UInt8] {
        (0..<count).map { index in
            let half = index < 8 ? low : high
            return UInt8(truncatingIfNeeded: half >> UInt64(index % 8 * 8))
        }
    }
}
