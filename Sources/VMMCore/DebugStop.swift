/// Why a vCPU stopped for whoever debugs it.
package enum DebugReason: Hashable, Sendable {
    /// A single step is done: the address is that of the next instruction.
    case step
    /// The instruction at the address has a breakpoint and was not executed.
    case breakpoint
    /// The instruction at the address was about to access watched memory, and was not executed: `accessed` is the first
    /// watched byte that it would have touched.
    case watchpoint(accessed: GuestVirtualAddress, isWrite: Bool)
}

/// A range of guest virtual addresses, some accesses to which are of interest.
package struct Watchpoint: Hashable, Sendable {
    package var address: GuestVirtualAddress
    /// In bytes, at least 1.
    package var size: UInt64
    package var isOnReads: Bool
    package var isOnWrites: Bool

    package init(address: GuestVirtualAddress, size: UInt64, isOnReads: Bool, isOnWrites: Bool) {
        self.address = address
        self.size = size
        self.isOnReads = isOnReads
        self.isOnWrites = isOnWrites
    }
}
