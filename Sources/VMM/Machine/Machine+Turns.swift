internal import HostIO
internal import VMMCore

// The second exit loop: all vCPUs take turns on one thread, on virtual time. What it does depends on the guest alone: on the
// instructions that were executed, never on the host's clocks, threads or scheduling. A kick interrupts a turn, which goes on where
// it was.

extension Machine where Backend.CPU: InstructionBudgeted {
    /// As `start`, with one thread for all vCPUs.
    func startTakingTurns(
        _ run: RepeatableRun, observer: (any ExitObserver)?, onEntry: @escaping @Sendable () -> Void
    ) throws(HostThreadError) {
        lifecycle.onStop { [vcpus] _ in
            for vcpu in vcpus { vcpu.kick() }
        }
        run.input.setWake { [vcpus] in vcpus.first?.kick() }
        let watch = exitWatch(observer)
        try startThread("vcpus") { [self] in
            onEntry()
            var turns = Turns(cpuCount: vcpus.count)
            takeTurns(run, &turns, watch)
            for (index, trace) in turns.traces.enumerated() { keep(trace, cpuTime: nil, of: VCPUIndex(index)) }
        }
    }

    private func takeTurns(_ run: RepeatableRun, _ turns: inout Turns, _ watch: ExitWatch?) {
        while true {
            var hasWorked = false
            var waitsForEvent = false
            for index in vcpus.indices {
                if lifecycle.isStopping { return }
                switch turn(of: VCPUIndex(index), run, &turns, watch) {
                case .worked: hasWorked = true
                case .waited: break
                case .waitedForEvent: waitsForEvent = true
                }
            }
            if !hasWorked { passTime(run, waitsForEvent: waitsForEvent) }
        }
    }

    /// One vCPU's turn.
    private func turn(
        of index: VCPUIndex, _ run: RepeatableRun, _ turns: inout Turns, _ watch: ExitWatch?
    ) -> TurnEnd {
        let vcpu = vcpus[index.rawValue]
        let first = vcpu.executedInstructions
        run.clock.begin(vcpu)
        defer {
            run.clock.end()
            turns.executed &+= vcpu.executedInstructions &- first
        }
        while !lifecycle.isStopping {
            run.clock.callDue()
            let done = vcpu.executedInstructions &- first
            guard done < RepeatableRun.turnLength else { return .worked }
            let sum = turns.executed &+ done
            let left = run.instructionLimit.map { $0 > sum ? $0 - sum : 0 } ?? .max
            guard left > 0 else {
                lifecycle.stop(.instructionLimit)
                break
            }
            let exit: BudgetedExit
            do throws(Backend.CPU.Failure) {
                exit = try vcpu.run(
                    instructions: run.clock.budget(atMost: min(RepeatableRun.turnLength - done, left)))
            } catch {
                lifecycle.stop(.vcpuStopped(index, .hostFailure(backendWords(error))))
                break
            }
            run.clock.runEnded()
            let hasWorked = vcpu.executedInstructions != first
            switch exit {
            case .exit(let exit):
                handle(exit, of: vcpu, index, &turns.traces[index.rawValue], watch)
                turns.note(exit)
                offerInput(run, polls: turns.polls)
            case .budgetSpent: offerInput(run, polls: 0)
            case .yielded: return .worked
            case .waitingForEvent:
                let executed = vcpu.executedInstructions &- first
                return executed > RepeatableRun.eventLoopLength ? .worked : .waitedForEvent
            case .waiting: return hasWorked ? .worked : .waited
            }
        }
        return .worked
    }

    /// Gives a busy guest its input, when it is due.
    private func offerInput(_ run: RepeatableRun, polls: Int) {
        guard let appointment = run.input.appointment else { return }
        if polls >= appointment.polls || run.clock.now >= appointment.atLast { run.input.offer() }
    }

    /// All vCPUs wait: goes to what comes next.
    private func passTime(_ run: RepeatableRun, waitsForEvent: Bool) {
        let clock = run.clock
        let now = clock.now
        let deadline = clock.nextDeadline
        let appointment = run.input.appointment?.whenIdle
        let event = waitsForEvent ? now + RepeatableRun.eventPatience : nil
        let next = [deadline, appointment, event].compactMap(\.self).min()
        if run.input.isLive { return waitLive(run, until: next) }
        guard let next else {
            // Nothing of the machine can wake it, and there is no more input.
            lifecycle.stop(.vcpuStopped(VCPUIndex(0), .haltedForever))
            return
        }
        clock.jump(to: next)
        if next == appointment, deadline.map({ $0 > next }) ?? true { run.input.offer() }
    }

    /// With a user at the terminal time passes as on the host.
    private func waitLive(_ run: RepeatableRun, until next: Nanoseconds?) {
        let host = HostClock()
        let (start, now) = (host.now, run.clock.now)
        vcpus[0].waitForKick(atMost: next.map { $0 - now } ?? .seconds(3600))
        let passed = now + (host.now - start)
        run.clock.jump(to: next.map { min($0, passed) } ?? passed)
    }
}

/// How a turn ended.
private enum TurnEnd {
    case worked
    /// The guest has nothing for this vCPU to execute.
    case waited
    case waitedForEvent
}

/// What is known from turn to turn.
private struct Turns {
    var traces: [ExitTrace]
    /// Instructions of all vCPUs in all earlier turns.
    var executed: UInt64 = 0
    /// Reads of devices since the last other exit.
    private(set) var polls = 0

    init(cpuCount: Int) { traces = Array(repeating: ExitTrace(), count: cpuCount) }

    mutating func note(_ exit: VCPUExit) {
        switch exit {
        case .mmioRead, .portRead: polls += 1
        // The host's doing: nothing that the guest did.
        case .interrupted: break
        default: polls = 0
        }
    }
}
