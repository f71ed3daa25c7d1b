internal import VMMCore

// Runs of a counted number of instructions: for machines that execute all CPUs on one thread, on virtual time.

/// What a CPU in a budgeted run does instead of sleeping.
enum Rest {
    case none
    /// Until an interrupt input is asserted. It outlasts runs.
    case untilInterrupt
    case untilEvent
    case yielded
    /// The caller wants to look at its clock.
    case ended
}

extension Core {
    /// Runs to the end of the block in which `instructions` are done. Never sleeps, and never waits for another CPU: those are
    /// out of the guest while this one runs.
    func run(instructions: UInt64) -> BudgetedExit {
        group.enterGuest(index)
        isBudgeted = true
        defer {
            isBudgeted = false
            group.leaveGuest(index)
        }
        if let exit = resume() { return .exit(exit) }
        let (end, overflow) = executedCount.addingReportingOverflow(instructions)
        while true {
            if let exit = attend() { return .exit(exit) }
            if let end = takeRest() { return end }
            guard executedCount < end || overflow else { return .budgetSpent }
            if isStepping {
                if let exit = step() { return .exit(exit) }
            } else {
                let left = end &- executedCount
                execute(budget: overflow ? Self.unlimited : Int64(min(left, UInt64(Self.unlimited))))
                if let exit = takePendingExit() { return .exit(exit) }
            }
        }
    }

    /// Makes the engine leave at the end of the block: each instruction that rests ends one.
    func rest(_ reason: Rest) {
        rest = reason
        state.raiseAttention(Attention.rest)
    }

    /// Ends the run under way, if the guest has not already.
    func endBudget() {
        if case .none = rest { rest(.ended) }
    }

    /// How the run ends when the CPU has nothing to execute.
    private func takeRest() -> BudgetedExit? {
        if case .off = power.current { return .waiting }
        let reason = rest
        rest = .none
        switch reason {
        case .none: return nil
        case .untilInterrupt:
            guard signals.lines == 0 else { return nil }
            rest = .untilInterrupt
            return .waiting
        case .untilEvent: return .waitingForEvent
        case .yielded: return .yielded
        case .ended: return .budgetSpent
        }
    }
}
