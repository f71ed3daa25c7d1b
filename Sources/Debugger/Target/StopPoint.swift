package import VMMCore

/// Where a debugger wants the guest to stop.
package struct StopPoint: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// Z0 and Z1. No stub of ours patches memory for Z0 unless the target must.
        case softwareBreakpoint
        case hardwareBreakpoint
        /// Z2, Z3, Z4: after a store, a load, either.
        case write
        case read
        case access
    }

    package let kind: Kind
    /// By the guest's own page tables.
    package let address: GuestVirtualAddress
    /// In bytes, of what is watched; the instruction's for a breakpoint.
    package let size: Int

    package init(_ kind: Kind, at address: UInt64, size: Int) {
        self.kind = kind
        self.address = GuestVirtualAddress(address)
        self.size = size
    }

    package var isBreakpoint: Bool { kind == .softwareBreakpoint || kind == .hardwareBreakpoint }
}

/// Why the guest stands still.
package enum StopCause: Hashable, Sendable {
    /// The debugger asked for it, or it has not begun.
    case interrupted
    case step
    case breakpoint(GuestVirtualAddress)
    /// An access to watched memory; the address is one inside the watched range.
    case watchpoint(GuestVirtualAddress)
    /// The guest cannot go on: it will end when it is told to.
    case crashed
}

/// What the machine tells a debugger.
package enum TargetEvent: Hashable, Sendable {
    case stopped(VCPUIndex, StopCause)
    /// The machine has ended, with the exit code that swvmm will have.
    case ended(exitCode: UInt8)
}
