internal import VMMCore

// MRS and MSR of what is no plain storage. Source: Arm DDI 0487, D23.

extension Core {
    func readSystemRegister(_ op: MicroOp) -> Outcome {
        let register = SystemRegister(rawValue: UInt16(truncatingIfNeeded: op.immediate))
        if isTrappedAsVector(register) { return stop(.trappedVector, iss: Self.vectorTrapSyndrome) }
        guard let value = systemRegister(register) else { return refuse(register, op.d, isRead: true) }
        state.setX(op.d, value)
        return .next
    }

    func writeSystemRegister(_ op: MicroOp) -> Outcome {
        let register = SystemRegister(rawValue: UInt16(truncatingIfNeeded: op.immediate))
        if isTrappedAsVector(register) { return stop(.trappedVector, iss: Self.vectorTrapSyndrome) }
        return setSystemRegister(register, state.x(op.n)) ? .next : refuse(register, op.n, isRead: false)
    }

    /// CPACR_EL1.FPEN covers the registers of floating point too.
    private func isTrappedAsVector(_ register: SystemRegister) -> Bool {
        state.blockFlags & BlockFlags.vectorsTrapped != 0 && (register == .fpcr || register == .fpsr)
    }

    /// COND is valid and always.
    static let vectorTrapSyndrome: UInt64 = 1 << 24 | 0xE << 20

    /// Undefined; or, of what a control bit of EL1 keeps EL0 from, a trap.
    private func refuse(_ register: SystemRegister, _ slot: UInt8, isRead: Bool) -> Outcome {
        guard state.exceptionLevel == 0, Self.isTrapped(register, isRead: isRead) else { return stop(.unknown) }
        return stop(.trappedSystem, iss: Self.trapSyndrome(register, slot, isRead: isRead))
    }

    /// By SCTLR_EL1.UCT and UMA, CNTKCTL_EL1 and MDSCR_EL1.TDCC. Writing a counter is undefined at every level.
    private static func isTrapped(_ register: SystemRegister, isRead: Bool) -> Bool {
        switch register {
        case .ctr_el0, .cntfrq_el0, .cntpct_el0, .cntvct_el0, .mdccsr_el0: isRead
        case .daif, .dbgdtr_el0, .dbgdtrrx_el0: true
        // CNTP and CNTV: TVAL, CTL, CVAL.
        default:
            register.op0 == 3 && register.op1 == 3 && register.crn == 14 && (2...3).contains(register.crm)
                && register.op2 < 3
        }
    }

    static func trapSyndrome(_ register: SystemRegister, _ slot: UInt8, isRead: Bool) -> UInt64 {
        UInt64(register.op0) << 20 | UInt64(register.op2) << 17 | UInt64(register.op1) << 14
            | UInt64(register.crn) << 10 | UInt64(min(slot, 31)) << 5 | UInt64(register.crm) << 1 | (isRead ? 1 : 0)
    }

    // MARK: Reading

    func systemRegister(_ register: SystemRegister) -> UInt64? {
        let s = state
        if register.op1 == 3 { return userRegister(register) }
        guard s.exceptionLevel != 0 else { return nil }
        if let slot = SystemSlot.plain[register] { return s.system(slot) }
        if let value = ids.value(register) { return value }
        switch register {
        case .currentEL: return s.exceptionLevel << 2
        case .spsel: return s.spsel
        case .pan: return s.pan != 0 ? ProcessState.pan : 0
        case .sp_el0: return s.spsel != 0 ? s.word(StateLayout.bankedSP0) : nil
        case .isr_el1:
            let lines = signals.lines
            return (lines & InterruptInputs.irq != 0 ? 1 << 7 : 0) | (lines & InterruptInputs.fiq != 0 ? 1 << 6 : 0)
        // One level of split 32 KiB caches, 64-byte lines, 4 ways.
        case .clidr_el1: return 1 << 27 | 1 << 24 | 1 << 21 | 3
        case .ccsidr_el1: return s.system(.csselr) & 0xE == 0 ? 127 << 13 | 3 << 3 | 2 : 0
        case .aidr_el1, .rvbar_el1, .mdrar_el1, .dbgauthstatus_el1, .dbgprcr_el1, .dbgclaimset_el1, .dbgclaimclr_el1,
            .osdtrrx_el1, .osdtrtx_el1, .oseccr_el1:
            return 0
        default: return deviceRegister(register)
        }
    }

    /// The registers of op1 3: those that EL0 may reach.
    private func userRegister(_ register: SystemRegister) -> UInt64? {
        let s = state
        let isEL1 = s.exceptionLevel != 0
        switch register {
        case .nzcv: return s.nzcv << ProcessState.flagsShift
        case .daif: return isEL1 || s.system(.sctlr) & SCTLR.uma != 0 ? s.daif : nil
        case .fpcr: return s.system(.fpcr)
        case .fpsr: return s.system(.fpsr)
        case .ctr_el0: return isEL1 || s.system(.sctlr) & SCTLR.uct != 0 ? IDRegisters.ctr : nil
        case .dczid_el0:
            return IDRegisters.dczid | (isEL1 || s.system(.sctlr) & SCTLR.dze != 0 ? 0 : 1 << 4)
        case .cntvct_el0, .cntpct_el0: return counterRegister(register)
        // Either counter's enable is enough.
        case .cntfrq_el0: return isEL1 || counterControl & 3 != 0 ? deviceRegister(register) : nil
        // No debugger is at the other end of the debug communications channel.
        case .mdccsr_el0, .dbgdtr_el0, .dbgdtrrx_el0:
            return isEL1 || s.system(.mdscr) & MDSCR.tdcc == 0 ? 0 : nil
        case .tpidr_el0: return s.system(.tpidrEL0)
        case .tpidrro_el0: return s.system(.tpidrroEL0)
        default: return deviceRegister(register)
        }
    }

    /// The counters are this CPU's business; who may read them says CNTKCTL_EL1, which a timer device keeps.
    private func counterRegister(_ register: SystemRegister) -> UInt64? {
        if state.exceptionLevel == 0 {
            // EL0PCTEN bit 0, EL0VCTEN bit 1.
            guard counterControl & (register == .cntpct_el0 ? 1 : 2) != 0 else { return nil }
        }
        return counter.value
    }

    private func deviceRegister(_ register: SystemRegister) -> UInt64? {
        let level = UInt8(truncatingIfNeeded: state.exceptionLevel)
        for device in devices {
            if let value = device.readSystemRegister(register, on: index, level: level) { return value }
        }
        return register == .cntfrq_el0 ? counter.frequency : nil
    }

    // MARK: Writing

    func setSystemRegister(_ register: SystemRegister, _ value: UInt64) -> Bool {
        let s = state
        if register.op1 == 3 { return setUserRegister(register, value) }
        guard s.exceptionLevel != 0 else { return false }
        switch register {
        case .sctlr_el1:
            s.setSystem(.sctlr, value & SCTLR.writable | SCTLR.res1)
            // M, A, WXN decide what the soft TLB may hold; SA what blocks do.
            flushTranslations()
            updateContext()
        case .ttbr0_el1, .ttbr1_el1:
            let slot: SystemSlot = register == .ttbr0_el1 ? .ttbr0 : .ttbr1
            if s.system(slot) != value {
                s.setSystem(slot, value)
                // Global translations stay until a TLBI.
                changeAddressSpace()
            }
        case .tcr_el1:
            s.setSystem(.tcr, value)
            flushTranslations()
        case .mair_el1:
            s.setSystem(.mair, value)
            flushTranslations()
        case .cpacr_el1:
            s.setSystem(.cpacr, value & 3 << 20)
            updateContext()
        case .vbar_el1: s.setSystem(.vbar, value & ~0x7FF)
        case .actlr_el1, .dbgprcr_el1, .dbgclaimset_el1, .dbgclaimclr_el1, .osdtrrx_el1, .osdtrtx_el1, .oseccr_el1:
            break
        case .oslsr_el1: return false
        case .spsel: setMode(level: 1, spsel: value & 1)
        case .pan:
            s.pan = value & ProcessState.pan != 0 ? 1 : 0
            updateContext()
        case .sp_el0:
            guard s.spsel != 0 else { return false }
            s.setWord(StateLayout.bankedSP0, value)
        default:
            if setDebugRegister(register, value) { return true }
            if let slot = SystemSlot.plain[register] {
                s.setSystem(slot, value)
                return true
            }
            return setDeviceRegister(register, value)
        }
        return true
    }

    private func setUserRegister(_ register: SystemRegister, _ value: UInt64) -> Bool {
        let s = state
        let isEL1 = s.exceptionLevel != 0
        switch register {
        case .nzcv: s.nzcv = value >> ProcessState.flagsShift & 15
        case .daif:
            guard isEL1 || s.system(.sctlr) & SCTLR.uma != 0 else { return false }
            s.daif = value & ProcessState.daif
            if s.system(.mdscr) & MDSCR.ss != 0 { updateContext() }
            noticeInterrupts()
        // AHP, DN, FZ, RMode.
        case .fpcr: s.setSystem(.fpcr, value & 0x07C0_0000)
        case .fpsr: s.setSystem(.fpsr, value & 0x0800_009F)
        case .dbgdtr_el0, .dbgdtrrx_el0: return isEL1 || s.system(.mdscr) & MDSCR.tdcc == 0
        case .tpidr_el0: s.setSystem(.tpidrEL0, value)
        case .tpidrro_el0:
            guard isEL1 else { return false }
            s.setSystem(.tpidrroEL0, value)
        default: return setDeviceRegister(register, value)
        }
        return true
    }

    private func setDeviceRegister(_ register: SystemRegister, _ value: UInt64) -> Bool {
        let level = UInt8(truncatingIfNeeded: state.exceptionLevel)
        for device in devices
        where device.writeSystemRegister(value, to: register, on: index, level: level) {
            if register == .cntkctl_el1 {
                counterControl = device.readSystemRegister(register, on: index, level: level) ?? 0
            }
            return true
        }
        return false
    }
}
