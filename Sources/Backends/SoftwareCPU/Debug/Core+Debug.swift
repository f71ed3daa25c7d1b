internal import VMMCore

// Stops before an instruction or an access, and the execution of one instruction at a time.

extension Core {
    // MARK: Points of whoever debugs from outside

    func setHostBreakpoints(_ addresses: Set<UInt64>) {
        points.hostBreakpoints = addresses
        refreshBreakpoints()
    }

    func setHostWatchpoints(_ watchpoints: [Watchpoint]) {
        points.hostWatchpoints = watchpoints
        refreshWatchpoints()
    }

    /// Blocks are to be decoded anew, with the points there are now. Takes effect before the next block.
    func refreshBreakpoints() {
        hasToClearCode = true
        state.raiseAttention(Attention.debug)
    }

    func refreshWatchpoints() {
        points.refresh()
        flushTranslations()
    }

    // MARK: Asking

    /// The block of an instruction that may have a breakpoint: stops, or has the instruction executed by itself.
    func executeDebugPoint(_ pc: UInt64) -> Outcome {
        if points.hostBreakpoints.contains(pc) {
            pending = .exit(.debug(address: GuestVirtualAddress(pc), reason: .breakpoint))
            return .stop
        }
        // The block counted as an instruction.
        state.budget &+= 1
        state.pc = pc
        passPoints()
        return .jump
    }

    /// The next instruction is executed whatever points it has.
    func passPoints() {
        passesPoints = true
        updateContext()
    }

    /// Whether an access may go on; false: a stop is pending.
    @inline(never)
    func passesWatchpoints(_ address: UInt64, _ size: UInt64, isWrite: Bool) -> Bool {
        guard !passesPoints, !transaction.isOpen else { return true }
        if let byte = points.hostWatch(DebugPoints.canonical(address), size, isWrite: isWrite) {
            pending = .exit(
                .debug(
                    address: GuestVirtualAddress(state.pc),
                    reason: .watchpoint(accessed: GuestVirtualAddress(byte), isWrite: isWrite)))
            return false
        }
        return true
    }

    // MARK: One instruction at a time

    /// Blocks are to hold one instruction, and `step()` is to run them.
    var isStepping: Bool { isSingleStepping || isCompleting || passesPoints }

    /// Executes one instruction. An exit: it is not complete, or the step is done.
    func step() -> VCPUExit? {
        if isSingleStepping, !passesPoints, points.hostBreakpoints.contains(state.pc) {
            passPoints()
            return .debug(address: GuestVirtualAddress(state.pc), reason: .breakpoint)
        }
        let (executed, taken) = (executedCount, statistics.exceptions)
        execute(budget: 1)
        if let exit = takePendingExit() { return exit }
        guard executedCount != executed || statistics.exceptions != taken else { return nil }
        return finishStep()
    }

    /// An instruction that was executed by itself is complete.
    func finishStep() -> VCPUExit? {
        if passesPoints {
            passesPoints = false
            updateContext()
        }
        guard isSingleStepping, finalExit == nil else { return nil }
        return .debug(address: GuestVirtualAddress(state.pc), reason: .step)
    }
}
