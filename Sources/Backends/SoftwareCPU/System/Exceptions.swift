internal import VMMCore

/// Exception classes, ESR_EL1.EC. Source: Arm DDI 0487, D23.2 "ESR_EL1", table "EC".
enum ExceptionClass: UInt64 {
    case unknown = 0x00
    case trappedWait = 0x01
    case trappedVector = 0x07
    case illegalState = 0x0E
    case svc = 0x15
    case trappedSystem = 0x18
    case instructionAbortLower = 0x20
    case instructionAbort = 0x21
    case pcAlignment = 0x22
    case dataAbortLower = 0x24
    case dataAbort = 0x25
    case spAlignment = 0x26
    case breakpointLower = 0x30
    case breakpoint = 0x31
    case softwareStepLower = 0x32
    case softwareStep = 0x33
    case watchpointLower = 0x34
    case watchpoint = 0x35
    case brk = 0x3C
}

/// PSTATE as SPSR_EL1 holds it. Source: Arm DDI 0487, C5.2.19.
struct ProcessState {
    var rawValue: UInt64

    static let flagsShift: UInt64 = 28
    static let pan: UInt64 = 1 << 22
    static let singleStep: UInt64 = 1 << 21
    static let illegal: UInt64 = 1 << 20
    static let daif: UInt64 = 0x3C0
    static let debugMasked: UInt64 = 1 << 9
    static let irqMasked: UInt64 = 1 << 7
    static let fiqMasked: UInt64 = 1 << 6

    /// M[4:0]: EL0t, EL1t or EL1h; else the state does not exist here.
    var isLegalMode: Bool {
        switch rawValue & 0x1F {
        case 0, 4, 5: true
        default: false
        }
    }
    var exceptionLevel: UInt64 { rawValue >> 2 & 3 }
}

extension Core {
    /// PSTATE as an exception saves it.
    var processState: UInt64 {
        get {
            let s = state
            return s.nzcv << ProcessState.flagsShift | (s.pan != 0 ? ProcessState.pan : 0)
                | (isStepArmed ? ProcessState.singleStep : 0)
                | (s.il != 0 ? ProcessState.illegal : 0) | s.daif | s.exceptionLevel << 2 | s.spsel
        }
        set {
            let s = state
            s.nzcv = newValue >> ProcessState.flagsShift & 15
            s.pan = newValue & ProcessState.pan != 0 ? 1 : 0
            s.il = newValue & ProcessState.illegal != 0 ? 1 : 0
            isStepArmed = newValue & ProcessState.singleStep != 0
            s.daif = newValue & ProcessState.daif
            setMode(level: newValue >> 2 & 1, spsel: newValue & 1)
        }
    }

    /// Changes exception level and stack pointer, and what follows from them.
    func setMode(level: UInt64, spsel: UInt64) {
        let s = state
        // The current stack pointer lives in its slot of the register file; the other is banked out.
        let usedEL1 = s.spsel != 0
        s.setWord(usedEL1 ? StateLayout.bankedSP1 : StateLayout.bankedSP0, s.x(StateLayout.spSlot))
        let usesEL1 = level != 0 && spsel != 0
        s.exceptionLevel = level
        s.spsel = usesEL1 ? 1 : 0
        s.setX(StateLayout.spSlot, s.word(usesEL1 ? StateLayout.bankedSP1 : StateLayout.bankedSP0))
        updateContext()
    }

    /// Takes an exception to EL1. `offset` is that of the vector within its group of four.
    /// Source: Arm DDI 0487, D1.3.3 "Exception entry", AArch64.TakeException.
    func takeException(vector offset: UInt64, returningTo address: UInt64) {
        let s = state
        s.setSystem(.spsr, processState)
        s.setSystem(.elr, address)
        let level = s.exceptionLevel
        let group: UInt64 = level == 0 ? 0x400 : s.spsel == 0 ? 0 : 0x200
        s.daif = ProcessState.daif
        s.il = 0
        isStepArmed = false
        // SCTLR_EL1.SPAN, bit 23: 0 sets PAN.
        if s.system(.sctlr) & 1 << 23 == 0 { s.pan = 1 }
        s.pc = s.system(.vbar) &+ group &+ offset
        statistics.exceptions &+= 1
        setMode(level: 1, spsel: 1)
        if tracer != nil { traceException(vector: offset, pc: address, fromLevel: level) }
    }

    /// A synchronous exception with a syndrome of 32-bit instruction length.
    func takeSynchronous(_ class: ExceptionClass, iss: UInt64 = 0, returningTo address: UInt64) {
        state.setSystem(.esr, `class`.rawValue << 26 | 1 << 25 | iss)
        takeException(vector: 0, returningTo: address)
    }

    /// AArch64.ExceptionReturn. Source: Arm DDI 0487, J1.1.2 "AArch64.ExceptionReturn".
    func exceptionReturn() {
        let s = state
        let saved = ProcessState(rawValue: s.system(.spsr))
        s.pc = s.system(.elr)
        clearMonitor()
        signals.setEvent()
        let isLegal = saved.isLegalMode
        let steps = stepsAfterReturn(saved, level: isLegal ? saved.exceptionLevel : s.exceptionLevel)
        stepSyndrome = 0
        if isLegal {
            processState = saved.rawValue & ~ProcessState.singleStep | (steps ? ProcessState.singleStep : 0)
        } else {
            // An illegal return keeps the mode and sets PSTATE.IL; the rest comes from SPSR.
            s.nzcv = saved.rawValue >> ProcessState.flagsShift & 15
            s.daif = saved.rawValue & ProcessState.daif
            s.il = 1
            isStepArmed = steps
            updateContext()
        }
        if tracer != nil {
            trace(.exceptionReturn(pc: s.pc, toLevel: UInt8(truncatingIfNeeded: s.exceptionLevel)))
        }
        noticeInterrupts()
    }

    /// Takes the pending interrupt that PSTATE lets through, FIQ before IRQ. Returns whether there was one.
    func takeInterrupt() -> Bool {
        let lines = signals.lines
        if lines & InterruptInputs.fiq != 0, state.daif & ProcessState.fiqMasked == 0 {
            takeException(vector: 0x100, returningTo: state.pc)
            return true
        }
        if lines & InterruptInputs.irq != 0, state.daif & ProcessState.irqMasked == 0 {
            takeException(vector: 0x80, returningTo: state.pc)
            return true
        }
        return false
    }

    /// After an unmasking: makes the engine look at the interrupt inputs if one is asserted.
    func noticeInterrupts() {
        if signals.lines != 0 { state.raiseAttention(Attention.interrupt) }
    }
}
