/// Where a vCPU is to stop for a debugger, by the guest's virtual addresses.
package struct DebugPointSet: Hashable, Sendable {
    package var breakpoints: Set<GuestVirtualAddress>
    package var watchpoints: [Watchpoint]

    package init(breakpoints: Set<GuestVirtualAddress> = [], watchpoints: [Watchpoint] = []) {
        self.breakpoints = breakpoints
        self.watchpoints = watchpoints
    }

    package var isEmpty: Bool { breakpoints.isEmpty && watchpoints.isEmpty }
}

/// A vCPU that a debugger can stop and look into.
package protocol Debuggable: SingleStepping, AddressTranslating {
    /// Replaces all points; `run()` returns `.debug` at them. The guest's memory stays as it is, and instructions that the host
    /// changed in memory since they were last executed are seen anew. False: the CPU cannot have these points, and keeps
    /// the old ones. On the thread that runs the vCPU, between two `run()`, or when none does.
    func setDebugPoints(_ points: DebugPointSet) throws(Failure) -> Bool
}
