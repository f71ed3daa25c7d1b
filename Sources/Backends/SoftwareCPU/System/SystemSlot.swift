internal import VMMCore

/// The system registers that are storage in the state block, in its order.
enum SystemSlot: UInt8, CaseIterable, Sendable {
    case sctlr, actlr, cpacr, ttbr0, ttbr1, tcr, esr, far, afsr0, afsr1, mair, amair, vbar, contextidr
    case tpidrEL0, tpidrroEL0, tpidrEL1, elr, spsr, par, csselr, mdscr, osdlr, oslsr, fpcr, fpsr, mdccint
    case dbgbvr0, dbgbvr1, dbgbcr0, dbgbcr1, dbgwvr0, dbgwvr1, dbgwcr0, dbgwcr1

    var stateOffset: Int { StateLayout.system + Int(rawValue) * 8 }

    /// The state block's offset of a register that `MRS` or `MSR` may access without more ado, at what `flags` say of the
    /// exception level; nil: by the general way.
    static func plainOffset(of register: SystemRegister, isRead: Bool, flags: UInt64) -> Int? {
        let isEL1 = flags & BlockFlags.el1 != 0
        if register == .tpidr_el0 { return tpidrEL0.stateOffset }
        if register == .tpidrro_el0, isRead || isEL1 { return tpidrroEL0.stateOffset }
        guard isEL1 else { return nil }
        // With SPSel 0 it is the current stack pointer, and not accessible by this name.
        if register == .sp_el0 { return flags & BlockFlags.spsel != 0 ? StateLayout.bankedSP0 : nil }
        guard let slot = plain[register] else { return nil }
        return isRead || slot.isFreelyWritable ? slot.stateOffset : nil
    }

    /// A write has no effect but that a later read sees it.
    private var isFreelyWritable: Bool {
        switch self {
        case .sctlr, .cpacr, .ttbr0, .ttbr1, .tcr, .vbar, .mair, .oslsr, .actlr, .osdlr, .mdscr: false
        case .dbgbvr0, .dbgbvr1, .dbgbcr0, .dbgbcr1, .dbgwvr0, .dbgwvr1, .dbgwcr0, .dbgwcr1: false
        default: true
        }
    }

    /// The registers of EL1 that read as what was last written.
    static let plain: [SystemRegister: SystemSlot] = [
        .sctlr_el1: .sctlr, .actlr_el1: .actlr, .cpacr_el1: .cpacr, .ttbr0_el1: .ttbr0, .ttbr1_el1: .ttbr1,
        .tcr_el1: .tcr, .esr_el1: .esr, .far_el1: .far, .afsr0_el1: .afsr0, .afsr1_el1: .afsr1, .mair_el1: .mair,
        .amair_el1: .amair, .vbar_el1: .vbar, .contextidr_el1: .contextidr, .tpidr_el1: .tpidrEL1, .elr_el1: .elr,
        .spsr_el1: .spsr, .par_el1: .par, .csselr_el1: .csselr, .mdscr_el1: .mdscr, .osdlr_el1: .osdlr,
        .oslsr_el1: .oslsr, .mdccint_el1: .mdccint,
        .debug(0, 4): .dbgbvr0, .debug(1, 4): .dbgbvr1, .debug(0, 5): .dbgbcr0, .debug(1, 5): .dbgbcr1,
        .debug(0, 6): .dbgwvr0, .debug(1, 6): .dbgwvr1, .debug(0, 7): .dbgwcr0, .debug(1, 7): .dbgwcr1,
    ]
}

// The encodings. Source: Arm DDI 0487, D23 (by name).
extension SystemRegister {
    static let sctlr_el1 = SystemRegister(3, 0, 1, 0, 0)
    static let actlr_el1 = SystemRegister(3, 0, 1, 0, 1)
    static let cpacr_el1 = SystemRegister(3, 0, 1, 0, 2)
    static let ttbr0_el1 = SystemRegister(3, 0, 2, 0, 0)
    static let ttbr1_el1 = SystemRegister(3, 0, 2, 0, 1)
    static let tcr_el1 = SystemRegister(3, 0, 2, 0, 2)
    static let spsr_el1 = SystemRegister(3, 0, 4, 0, 0)
    static let elr_el1 = SystemRegister(3, 0, 4, 0, 1)
    static let sp_el0 = SystemRegister(3, 0, 4, 1, 0)
    static let spsel = SystemRegister(3, 0, 4, 2, 0)
    static let currentEL = SystemRegister(3, 0, 4, 2, 2)
    static let pan = SystemRegister(3, 0, 4, 2, 3)
    static let afsr0_el1 = SystemRegister(3, 0, 5, 1, 0)
    static let afsr1_el1 = SystemRegister(3, 0, 5, 1, 1)
    static let esr_el1 = SystemRegister(3, 0, 5, 2, 0)
    static let far_el1 = SystemRegister(3, 0, 6, 0, 0)
    static let par_el1 = SystemRegister(3, 0, 7, 4, 0)
    static let mair_el1 = SystemRegister(3, 0, 10, 2, 0)
    static let amair_el1 = SystemRegister(3, 0, 10, 3, 0)
    static let vbar_el1 = SystemRegister(3, 0, 12, 0, 0)
    static let rvbar_el1 = SystemRegister(3, 0, 12, 0, 1)
    static let isr_el1 = SystemRegister(3, 0, 12, 1, 0)
    static let contextidr_el1 = SystemRegister(3, 0, 13, 0, 1)
    static let tpidr_el1 = SystemRegister(3, 0, 13, 0, 4)
    static let ccsidr_el1 = SystemRegister(3, 1, 0, 0, 0)
    static let clidr_el1 = SystemRegister(3, 1, 0, 0, 1)
    static let aidr_el1 = SystemRegister(3, 1, 0, 0, 7)
    static let csselr_el1 = SystemRegister(3, 2, 0, 0, 0)
    static let ctr_el0 = SystemRegister(3, 3, 0, 0, 1)
    static let dczid_el0 = SystemRegister(3, 3, 0, 0, 7)
    static let nzcv = SystemRegister(3, 3, 4, 2, 0)
    static let daif = SystemRegister(3, 3, 4, 2, 1)
    static let fpcr = SystemRegister(3, 3, 4, 4, 0)
    static let fpsr = SystemRegister(3, 3, 4, 4, 1)
    static let tpidr_el0 = SystemRegister(3, 3, 13, 0, 2)
    static let tpidrro_el0 = SystemRegister(3, 3, 13, 0, 3)
    static let cntfrq_el0 = SystemRegister(3, 3, 14, 0, 0)
    static let cntpct_el0 = SystemRegister(3, 3, 14, 0, 1)
    static let cntvct_el0 = SystemRegister(3, 3, 14, 0, 2)
    static let cntkctl_el1 = SystemRegister(3, 0, 14, 1, 0)
    static let midr_el1 = SystemRegister(3, 0, 0, 0, 0)
    static let mpidr_el1 = SystemRegister(3, 0, 0, 0, 5)
    static let revidr_el1 = SystemRegister(3, 0, 0, 0, 6)
    static let mdscr_el1 = SystemRegister(2, 0, 0, 2, 2)
    static let mdccint_el1 = SystemRegister(2, 0, 0, 2, 0)
    static let oslar_el1 = SystemRegister(2, 0, 1, 0, 4)
    static let oslsr_el1 = SystemRegister(2, 0, 1, 1, 4)
    static let osdlr_el1 = SystemRegister(2, 0, 1, 3, 4)
    static let mdrar_el1 = SystemRegister(2, 0, 1, 0, 0)
    static let dbgprcr_el1 = SystemRegister(2, 0, 1, 4, 4)
    static let dbgclaimset_el1 = SystemRegister(2, 0, 7, 8, 6)
    static let dbgclaimclr_el1 = SystemRegister(2, 0, 7, 9, 6)
    static let osdtrrx_el1 = SystemRegister(2, 0, 0, 0, 2)
    static let osdtrtx_el1 = SystemRegister(2, 0, 0, 3, 2)
    static let oseccr_el1 = SystemRegister(2, 0, 0, 6, 2)
    static let mdccsr_el0 = SystemRegister(2, 3, 0, 1, 0)
    static let dbgdtr_el0 = SystemRegister(2, 3, 0, 4, 0)
    /// A write goes to DBGDTRTX_EL0.
    static let dbgdtrrx_el0 = SystemRegister(2, 3, 0, 5, 0)
    static let dbgauthstatus_el1 = SystemRegister(2, 0, 7, 14, 6)

    /// DBGBVR (4), DBGBCR (5), DBGWVR (6), DBGWCR (7) number `index`.
    static func debug(_ index: UInt16, _ op2: UInt16) -> SystemRegister { SystemRegister(2, 0, 0, index, op2) }

    var op0: UInt16 { rawValue >> 14 }
    var op1: UInt16 { rawValue >> 11 & 7 }
    var crn: UInt16 { rawValue >> 7 & 15 }
    var crm: UInt16 { rawValue >> 3 & 15 }
    var op2: UInt16 { rawValue & 7 }
}
