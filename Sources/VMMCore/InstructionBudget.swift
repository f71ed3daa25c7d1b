/// A vCPU as a virtual clock sees it. Threading: the thread that runs the vCPU.
package protocol InstructionCounting: AnyObject, Sendable {
    /// Instructions executed since the vCPU was made. Within `run(instructions:)`, as when a device is asked for the time, it
    /// may be ahead by what is left of the current block, always by the same.
    var executedInstructions: UInt64 { get }

    /// From within `run(instructions:)`: makes it return `.budgetSpent` at the end of the current block.
    func endBudget()
}

/// A vCPU whose runs can be measured in instructions, so that a machine can be run on one thread and run again exactly.
///
/// Nothing waits in `run(instructions:)`: a vCPU that the guest put to sleep, or that is off, returns at once. The guest's
/// state after a sequence of such runs depends on nothing but their budgets and what was answered to its exits.
package protocol InstructionBudgeted: VCPU, InstructionCounting {
    /// Runs until about `instructions` were executed: to the end of the block in which they were, at most 63 more.
    func run(instructions: UInt64) throws(Failure) -> BudgetedExit

    /// Sleeps for real until `kick()`, or until `duration` has passed; at once when a kick waits to be seen by a run.
    func waitForKick(atMost duration: Nanoseconds)
}

/// Why `run(instructions:)` came back.
package enum BudgetedExit: Hashable, Sendable {
    /// As `run()`; the budget was not spent.
    case exit(VCPUExit)
    case budgetSpent
    /// The guest said that it spins (YIELD): another vCPU should run.
    case yielded
    /// The guest waits for an event (WFE), which also the passing of a little time is.
    case waitingForEvent
    /// The guest waits for an interrupt (WFI), or the vCPU is off. Said again by each run until that has changed.
    case waiting
}
