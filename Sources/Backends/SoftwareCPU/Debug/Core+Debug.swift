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
        if hasGuestBreakpoint(at: pc) { return stop(guestBreakpointClass, iss: Self.debugFault) }
        // The block counted as an instruction.
        state.budget &+= 1
        state.pc = pc
        pass(.all)
        return .jump
    }

    private var guestBreakpointClass: ExceptionClass {
        state.exceptionLevel == 0 ? .breakpointLower : .breakpoint
    }

    /// The next instruction is executed whatever of these points it has.
    func pass(_ which: PassedPoints) {
        passedPoints = which
        updateContext()
    }

    /// Whether an access may go on; false: a stop or an exception is pending.
    @inline(never)
    func passesWatchpoints(_ tagged: UInt64, _ size: UInt64, isWrite: Bool, _ regime: AccessRegime) -> Bool {
        guard !transaction.isOpen else { return true }
        let address = DebugPoints.canonical(tagged)
        if passedPoints == .none, let byte = points.hostWatch(address, size, isWrite: isWrite) {
            pending = .exit(
                .debug(
                    address: GuestVirtualAddress(state.pc),
                    reason: .watchpoint(accessed: GuestVirtualAddress(byte), isWrite: isWrite)))
            return false
        }
        if let byte = guestWatch(address, size, isWrite: isWrite, regime) {
            state.setSystem(.far, byte)
            pending = .exception(
                state.exceptionLevel == 0 ? .watchpointLower : .watchpoint,
                iss: Self.debugFault | (isWrite ? 1 << 6 : 0))
            return false
        }
        return true
    }

    // MARK: One instruction at a time

    /// Blocks are to hold one instruction, and `step()` is to run them.
    var isStepping: Bool {
        isSingleStepping || isCompleting || passedPoints != .none || isSoftwareStepActive || tracesInstructions
    }

    /// Executes one instruction. An exit: it is not complete, or the step is done.
    func step() -> VCPUExit? {
        if takeSoftwareStep() { return nil }
        if points.hasBreakpoints, let exit = stopBeforeStep() { return exit }
        if tracesInstructions { traceInstruction() }
        let (executed, taken) = (executedCount, statistics.exceptions)
        let syndrome = isSoftwareStepActive ? syndromeOfStep : 0
        execute(budget: 1)
        if let exit = takePendingExit() { return exit }
        guard executedCount != executed || statistics.exceptions != taken else { return nil }
        return finishStep(syndrome, hasTakenException: statistics.exceptions != taken)
    }

    /// Breakpoints of the next instruction, whose block has no place for them. Nil: the guest goes on.
    private func stopBeforeStep() -> VCPUExit? {
        let pc = state.pc
        if passedPoints == .none, points.hostBreakpoints.contains(pc) {
            pass(.host)
            return .debug(address: GuestVirtualAddress(pc), reason: .breakpoint)
        }
        if passedPoints != .all, hasGuestBreakpoint(at: pc),
            (try? translate(pc, .fetch, currentRegime)) != nil
        {
            takeSynchronous(guestBreakpointClass, iss: Self.debugFault, returningTo: pc)
        }
        return nil
    }

    /// An instruction that was executed by itself is complete.
    func finishStep(_ syndrome: UInt64, hasTakenException: Bool) -> VCPUExit? {
        passedPoints = .none
        if isStepArmed && !hasTakenException {
            isStepArmed = false
            stepSyndrome = syndrome
        }
        updateContext()
        guard isSingleStepping, finalExit == nil else { return nil }
        return .debug(address: GuestVirtualAddress(state.pc), reason: .step)
    }
}

/// Which points the next instruction is executed in spite of.
enum PassedPoints {
    case none
    /// Those from outside: they stopped it before.
    case host
    /// It was found to have none.
    case all
}
