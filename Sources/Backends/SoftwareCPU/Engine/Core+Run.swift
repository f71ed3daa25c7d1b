internal import VMMCore

// From one exit to the next.

extension Core {
    /// More than any run needs; the count of executed instructions is what it is for.
    static let unlimited: Int64 = 1 << 40

    func run() -> VCPUExit {
        group.enterGuest(index)
        defer { group.leaveGuest(index) }
        if let exit = resume() { return exit }
        while true {
            if let exit = attend() { return exit }
            if isStepping {
                if let exit = step() { return exit }
            } else {
                execute(budget: Self.unlimited)
                if let exit = takePendingExit() { return exit }
            }
        }
    }

    /// Completes what the last exit left open. An exit: there is another one before the guest can go on.
    func resume() -> VCPUExit? {
        if devices.isEmpty { devices = group.systemRegisterDevices }
        if let exit = heldExit {
            heldExit = nil
            return exit
        }
        if lastExitWasWrite {
            lastExitWasWrite = false
            transaction.reply(0)
        }
        return transaction.isOpen ? completeInstruction() : nil
    }

    func execute(budget: Int64) {
        executedBefore = executedCount
        state.budget = budget
        grantedBudget = budget
        interpret()
        executedBefore = executedCount
        grantedBudget = 0
        state.budget = 0
    }

    func takePendingExit() -> VCPUExit? {
        guard case .exit(let exit) = pending else { return nil }
        pending = .none
        transaction.rewind()
        if case .debug(_, let reason) = exit {
            pass(.host)
            return .debug(address: GuestVirtualAddress(state.pc), reason: reason)
        }
        if case .mmioWrite = exit { lastExitWasWrite = true }
        isReadOutstanding = exit.isRead
        return exit
    }

    private var hasPendingExit: Bool {
        if case .exit = pending { return true }
        return false
    }

    // MARK: Attention

    /// Does what waits: kick, interrupts, other CPUs' requests, power. Nil: the guest goes on.
    func attend() -> VCPUExit? {
        let s = state
        while true {
            let bits = s.takeAttention(Attention.all)
            if bits & Attention.shootdown != 0 { answerRequests() }
            if hasToClearCode {
                hasToClearCode = false
                clearCode()
            }
            if let exit = finalExit {
                finalExit = nil
                if bits & Attention.kick != 0 { s.raiseAttention(Attention.kick) }
                return exit
            }
            if bits & Attention.kick != 0 {
                // Interrupts are looked at again by the next run.
                s.raiseAttention(bits & Attention.interrupt)
                return .interrupted
            }
            switch power.current {
            case .off where isBudgeted: return nil
            case .off:
                group.leaveGuest(index)
                signals.wait(byInterrupt: false)
                group.enterGuest(index)
                continue
            case .starting: start()
            case .on: break
            }
            // A step stays in the code that is looked at, as other debuggers' do.
            if !isSingleStepping, takeInterrupt() { forgetPassing() }
            if s.attention == 0 { return nil }
        }
    }

    /// PSCI CPU_ON: reset state, EL1, entry, x0. Source: PSCI 1.1, 6.4.
    private func start() {
        guard let (entry, context) = power.takeStart() else { return }
        reset()
        state.pc = entry
        state.setX(0, context)
    }

    // MARK: Device reads

    func completeRead(_ value: UInt64) {
        guard isReadOutstanding else { return }
        isReadOutstanding = false
        transaction.reply(value)
    }

    /// Executes the one instruction whose device access was answered, before anything else may happen. An exit: it has
    /// another piece.
    private func completeInstruction() -> VCPUExit? {
        isCompleting = true
        updateContext()
        var waiting: UInt32 = 0
        let (executed, taken) = (executedCount, statistics.exceptions)
        let syndrome = isSoftwareStepActive ? syndromeOfStep : 0
        // Attention that comes up before the engine began sends it back.
        repeat {
            let bits = state.takeAttention(~0)
            if bits & Attention.shootdown != 0 { answerRequests() }
            waiting |= bits & ~(Attention.shootdown | Attention.debug)
            execute(budget: 1)
        } while executedCount == executed && statistics.exceptions == taken && !hasPendingExit
        isCompleting = false
        updateContext()
        if waiting != 0 { state.raiseAttention(waiting) }
        if let exit = takePendingExit() { return exit }
        transaction.close()
        return finishStep(syndrome, hasTakenException: statistics.exceptions != taken)
    }

    /// Completes an answered instruction so that registers can be looked at. Its next piece is held for `run()`.
    func settle() {
        guard heldExit == nil, transaction.isOpen || lastExitWasWrite else { return }
        if lastExitWasWrite {
            lastExitWasWrite = false
            transaction.reply(0)
        }
        guard !isReadOutstanding else { return }
        group.enterGuest(index)
        heldExit = completeInstruction()
        group.leaveGuest(index)
    }

    /// Somebody sets the registers: an unfinished device access is forgotten.
    func abandonTransaction() {
        transaction.close()
        heldExit = nil
        lastExitWasWrite = false
        isReadOutstanding = false
        pending = .none
    }

    /// Somebody moved the PC: what was passed over is not where the guest goes on.
    func forgetPassing() {
        guard passedPoints != .none else { return }
        pass(.none)
    }

    func setSingleStep(_ enabled: Bool) {
        isSingleStepping = enabled
        updateContext()
        if !enabled { noticeInterrupts() }
    }
}

extension VCPUExit {
    var isRead: Bool {
        if case .mmioRead = self { return true }
        return false
    }
}
