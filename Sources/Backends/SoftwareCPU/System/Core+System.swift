internal import Glibc
internal import Synchronization
internal import VMMCore

/// How an instruction outside the flat switch ended.
enum Outcome {
    /// The next micro-op follows.
    case next
    /// `pending` says why it is not complete; PC is to be this instruction's.
    case stop
    /// It set the PC.
    case jump
}

// Exception-generating and system instructions. Source: Arm DDI 0487, C6.2.

extension Core {
    @inline(never)
    func executeSystem(_ op: MicroOp, pc: UInt64) -> Outcome {
        let s = state
        switch op.opcode {
        case .svc:
            // Executed as far as a software step goes: the return from it is to be stepped.
            isStepArmed = false
            takeSynchronous(.svc, iss: op.immediate, returningTo: pc &+ 4)
            return .jump
        case .hvc:
            s.pc = pc &+ 4
            return (tracer == nil ? callFirmware() : callFirmwareTraced(pc)) ? .jump : stop(.unknown)
        case .brk:
            takeSynchronous(.brk, iss: op.immediate, returningTo: pc)
            return .jump
        case .eret:
            exceptionReturn()
            return .jump
        case .mrs: return readSystemRegister(op)
        case .msr: return writeSystemRegister(op)
        case .msrImmediate: return writeProcessState(op)
        case .sys: return executeSYS(op, pc: pc)
        case .clrex:
            clearMonitor()
            return .next
        case .barrier:
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            if op.a == 1 { synchronize() }
            return .next
        case .isb: return .next
        case .yield:
            if isBudgeted { rest(.yielded) } else { sched_yield() }
            return .next
        case .sev:
            if op.a == 1 { signals.setEvent() } else { group.forEach { $0.setEvent() } }
            return .next
        case .wfi: return waitForInterrupt(pc)
        case .wfe: return waitForEvent(pc)
        case .raise: return stop(ExceptionClass(rawValue: UInt64(op.a)) ?? .unknown, iss: op.immediate)
        case .endOfStackChange: return noticeStack(pc)
        case .semihosting: return callSemihosting(pc)
        case .debugPoint: return executeDebugPoint(pc)
        default: return stop(.unknown)
        }
    }

    func stop(_ class: ExceptionClass, iss: UInt64 = 0) -> Outcome {
        pending = .exception(`class`, iss: iss)
        return .stop
    }

    // MARK: Waiting

    private func waitForInterrupt(_ pc: UInt64) -> Outcome {
        let s = state
        if s.exceptionLevel == 0 && s.system(.sctlr) & SCTLR.nTWI == 0 {
            return stop(.trappedWait, iss: 1 << 24 | 0xE << 20)
        }
        if !isSingleStepping && signals.lines == 0 && isBudgeted {
            rest(.untilInterrupt)
        } else if !isSingleStepping && signals.lines == 0 && s.attention == 0 {
            group.leaveGuest(index)
            signals.wait(byInterrupt: true)
            group.enterGuest(index)
        }
        return .next
    }

    /// Waits briefly: an event of another CPU's store to a watched location is not modelled, but WFE may return at any time.
    /// The event stream ends the wait too, where it is faster.
    private func waitForEvent(_ pc: UInt64) -> Outcome {
        let s = state
        if s.exceptionLevel == 0 && s.system(.sctlr) & SCTLR.nTWE == 0 {
            return stop(.trappedWait, iss: 1 << 24 | 0xE << 20 | 1)
        }
        if signals.takeEvent() {
            fruitlessWaits = 0
            return .next
        }
        guard !isSingleStepping, signals.lines == 0 else { return .next }
        if isBudgeted {
            rest(.untilEvent)
            return .next
        }
        guard s.attention == 0 else { return .next }
        fruitlessWaits += 1
        // A spin lock is free again after a moment; a parked CPU waits long.
        group.leaveGuest(index)
        if fruitlessWaits < 64 { sched_yield() } else { signals.waitForEvent(microseconds: waitBound) }
        group.enterGuest(index)
        return .next
    }

    /// Microseconds: 100, or less when the event stream of CNTKCTL_EL1 (EVNTEN, EVNTI) has a shorter period.
    /// Source: Arm DDI 0487, D12.2.3.
    private var waitBound: Int {
        let longest = 100
        guard counterControl & 1 << 2 != 0 else { return longest }
        // An event at each change of bit EVNTI from 0 to 1, or from 1 to 0.
        let ticks: UInt64 = 2 << (counterControl >> 4 & 15)
        let period = ticks.multipliedFullWidth(by: 1_000_000)
        let microseconds = period.low / max(counter.frequency, 1)
        return max(1, Int(min(microseconds, UInt64(longest))))
    }

    // MARK: PSTATE fields

    private func writeProcessState(_ op: MicroOp) -> Outcome {
        let s = state
        let isEL1 = s.exceptionLevel != 0
        switch (op.a, op.b) {
        case (0, 5) where isEL1: setMode(level: 1, spsel: op.immediate & 1)
        case (0, 4) where isEL1:
            s.pan = op.immediate & 1
            updateContext()
        case (3, 6), (3, 7):
            if !isEL1 && s.system(.sctlr) & SCTLR.uma == 0 {
                // MSR DAIFSet or DAIFClr: op0 0, op1 3, CRn 4, Rt 31, write.
                return stop(.trappedSystem, iss: UInt64(op.b) << 17 | 3 << 14 | 4 << 10 | 31 << 5 | op.immediate << 1)
            }
            let bits = op.immediate << 6
            s.daif = op.b == 6 ? s.daif | bits : s.daif & ~bits
            if s.system(.mdscr) & MDSCR.ss != 0 { updateContext() }
            if op.b == 7 { noticeInterrupts() }
        default: return stop(.unknown)
        }
        return .next
    }
}
