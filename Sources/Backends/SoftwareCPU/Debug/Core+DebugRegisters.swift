internal import VMMCore

// Self-hosted debug: what the guest's own registers ask for. Source: Arm DDI 0487, D2.

extension Core {
    static let breakpointCount = 2
    static let watchpointCount = 2

    /// MSR of a debug register that has effects; false: it is none.
    func setDebugRegister(_ register: SystemRegister, _ value: UInt64) -> Bool {
        let s = state
        switch register {
        case .mdscr_el1:
            let mask = isOSLocked ? MDSCR.writableWhileLocked : MDSCR.writable
            s.setSystem(.mdscr, s.system(.mdscr) & ~mask | value & mask)
        case .oslar_el1: s.setSystem(.oslsr, 1 << 3 | (value & 1) << 1)
        case .osdlr_el1: s.setSystem(.osdlr, value & 1)
        default:
            guard register.op0 == 2, register.op1 == 0, register.crn == 0,
                let slot = SystemSlot.plain[register]
            else { return false }
            // The second breakpoint can match a context; addresses are sign-extended from bit 48.
            let address = UInt64(bitPattern: Int64(bitPattern: value << 15) >> 15) & ~3
            switch slot {
            case .dbgbcr0, .dbgbcr1: s.setSystem(slot, value & DBGBCR.writable | DBGBCR.res1)
            case .dbgwcr0, .dbgwcr1: s.setSystem(slot, value & DBGWCR.writable)
            case .dbgbvr0, .dbgwvr0, .dbgwvr1: s.setSystem(slot, address)
            case .dbgbvr1: s.setSystem(slot, value)
            default: return false
            }
        }
        refreshDebug()
        return true
    }

    /// After a change of the debug registers.
    func refreshDebug() {
        let isOn = state.system(.mdscr) & MDSCR.mde != 0 && !isOSLocked
        let breakpoints = isOn ? enabledBreakpoints : []
        let watchpoints = isOn ? enabledWatchpoints : []
        if !breakpoints.isEmpty || !points.guestBreakpoints.isEmpty {
            points.guestBreakpoints = breakpoints
            refreshBreakpoints()
        }
        if !watchpoints.isEmpty || !points.guestWatchpoints.isEmpty {
            points.guestWatchpoints = watchpoints
            refreshWatchpoints()
        }
        updateContext()
    }

    private func control(_ number: Int) -> DBGBCR { DBGBCR(rawValue: state.system(number == 0 ? .dbgbcr0 : .dbgbcr1)) }
    private func value(_ number: Int) -> UInt64 { state.system(number == 0 ? .dbgbvr0 : .dbgbvr1) }

    /// The context that a linked point wants; nil: it is linked to what is no linked context breakpoint, and never matches.
    private func linkedContext(_ number: Int) -> UInt32? {
        guard number == 1, control(1).isEnabled, control(1).kind == DBGBCR.linkedContext else { return nil }
        return UInt32(truncatingIfNeeded: value(1))
    }

    private var enabledBreakpoints: [GuestBreakpoint] {
        (0..<Self.breakpointCount).compactMap { number in
            let control = control(number)
            guard control.isEnabled, control.isForThisState else { return nil }
            let address = DebugPoints.canonical(value(number)) & ~3
            switch control.kind {
            case DBGBCR.address: return GuestBreakpoint(address: address, levels: control.levels, context: nil)
            case DBGBCR.linkedAddress:
                return linkedContext(control.linked).map {
                    GuestBreakpoint(address: address, levels: control.levels, context: $0)
                }
            case DBGBCR.context where number == 1:
                return GuestBreakpoint(
                    address: nil, levels: control.levels, context: UInt32(truncatingIfNeeded: value(number)))
            default: return nil
            }
        }
    }

    private var enabledWatchpoints: [GuestWatchpoint] {
        [(SystemSlot.dbgwcr0, SystemSlot.dbgwvr0), (.dbgwcr1, .dbgwvr1)].compactMap { control, value in
            let control = DBGWCR(rawValue: state.system(control))
            guard control.isEnabled, control.isForThisState, let range = control.range(state.system(value)) else {
                return nil
            }
            let context = control.isLinked ? linkedContext(control.linked) : nil
            if control.isLinked && context == nil { return nil }
            return GuestWatchpoint(
                address: range.address, size: range.size, levels: control.levels, accesses: control.accesses,
                context: context)
        }
    }

    // MARK: Whether debug exceptions are taken

    private var isOSLocked: Bool { state.system(.oslsr) & 2 != 0 }

    /// AArch64.GenerateDebugExceptionsFrom: at exception level `level` with PSTATE.D as in `daif`.
    func takesDebugExceptions(level: UInt64, daif: UInt64) -> Bool {
        guard !isOSLocked, state.system(.osdlr) & 1 == 0 else { return false }
        return level == 0 || state.system(.mdscr) & MDSCR.kde != 0 && daif & ProcessState.debugMasked == 0
    }

    private var takesDebugExceptions: Bool { takesDebugExceptions(level: state.exceptionLevel, daif: state.daif) }

    private func holds(_ context: UInt32?) -> Bool {
        context.map { UInt64($0) == state.system(.contextidr) & 0xFFFF_FFFF } ?? true
    }

    /// A breakpoint of the guest matches the instruction at `pc`.
    func hasGuestBreakpoint(at pc: UInt64) -> Bool {
        let (address, level) = (DebugPoints.canonical(pc), state.exceptionLevel)
        guard !points.guestBreakpoints.isEmpty, takesDebugExceptions else { return false }
        return points.guestBreakpoints.contains { point in
            point.levels & (level == 0 ? 2 : 1) != 0 && (point.address ?? address) == address && holds(point.context)
        }
    }

    /// The first byte of an access that a watchpoint of the guest matches.
    func guestWatch(_ address: UInt64, _ size: UInt64, isWrite: Bool, _ regime: AccessRegime) -> UInt64? {
        guard !points.guestWatchpoints.isEmpty, takesDebugExceptions else { return nil }
        for point in points.guestWatchpoints
        where point.levels & (regime == .user ? 2 : 1) != 0 && point.accesses & (isWrite ? 2 : 1) != 0
            && holds(point.context)
        {
            if let byte = DebugPoints.overlap(address, size, point.address, point.size) { return byte }
        }
        return nil
    }

    // MARK: Software step. Source: D2.12.

    /// Step exceptions are taken from here: the state machine is active.
    var isSoftwareStepActive: Bool { state.system(.mdscr) & MDSCR.ss != 0 && takesDebugExceptions }

    /// DebugExceptionReturnSS: PSTATE.SS after a return by `saved` to `level`.
    func stepsAfterReturn(_ saved: ProcessState, level: UInt64) -> Bool {
        state.system(.mdscr) & MDSCR.ss != 0 && !takesDebugExceptions
            && takesDebugExceptions(level: level, daif: saved.rawValue)
            && saved.rawValue & ProcessState.singleStep != 0
    }

    /// The step exception, if it is pending. The syndrome says whether an instruction was stepped, and a load exclusive.
    func takeSoftwareStep() -> Bool {
        guard isSoftwareStepActive, !isStepArmed else { return false }
        let iss = stepSyndrome | Self.debugFault
        stepSyndrome = 0
        takeSynchronous(
            state.exceptionLevel == 0 ? .softwareStepLower : .softwareStep, iss: iss, returningTo: state.pc)
        return true
    }

    /// ISV and, of a load exclusive, EX: for a step exception after the instruction at the PC.
    var syndromeOfStep: UInt64 {
        let isExclusive =
            (try? translate(state.pc, .fetch, currentRegime)).flatMap { ram.place(of: $0.physical) }.map {
                switch table.encoding(of: $0.host.load(UInt32.self)) {
                case .ldxr, .ldaxr, .ldxp, .ldaxp: true
                default: false
                }
            } ?? false
        return 1 << 24 | (isExclusive ? 1 << 6 : 0)
    }

    /// The fault status code of a debug exception.
    static let debugFault: UInt64 = 0x22
}
