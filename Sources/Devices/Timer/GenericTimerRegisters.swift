internal import VMMCore

/// The generic timer's system registers that EL1 and EL0 have.
///
/// Source: Arm ARM, chapter D12 "The Generic Timer in AArch64 state", and the registers' own pages.
package enum GenericTimerRegister: UInt8, CaseIterable, Sendable {
    case CNTFRQ_EL0
    case CNTPCT_EL0
    case CNTVCT_EL0
    case CNTKCTL_EL1
    case CNTP_TVAL_EL0
    case CNTP_CTL_EL0
    case CNTP_CVAL_EL0
    case CNTV_TVAL_EL0
    case CNTV_CTL_EL0
    case CNTV_CVAL_EL0

    /// The register with this encoding in MRS and MSR, where op0 is 3 and CRn is 14; nil when it is none of these.
    package init?(op1: UInt8, crm: UInt8, op2: UInt8) {
        switch (op1, crm, op2) {
        case (3, 0, 0): self = .CNTFRQ_EL0
        case (3, 0, 1): self = .CNTPCT_EL0
        case (3, 0, 2): self = .CNTVCT_EL0
        case (0, 1, 0): self = .CNTKCTL_EL1
        case (3, 2, 0): self = .CNTP_TVAL_EL0
        case (3, 2, 1): self = .CNTP_CTL_EL0
        case (3, 2, 2): self = .CNTP_CVAL_EL0
        case (3, 3, 0): self = .CNTV_TVAL_EL0
        case (3, 3, 1): self = .CNTV_CTL_EL0
        case (3, 3, 2): self = .CNTV_CVAL_EL0
        default: return nil
        }
    }

    /// MSR is an undefined instruction.
    package var isReadOnly: Bool { self == .CNTPCT_EL0 || self == .CNTVCT_EL0 }

    var isControl: Bool { self == .CNTP_CTL_EL0 || self == .CNTV_CTL_EL0 }
}

/// CNTKCTL_EL1: Counter-timer Kernel Control Register. 64-bit, RW. Source: Arm ARM, "CNTKCTL_EL1".
///
/// Its event stream (bits 7:2) is kept for the CPU, which implements WFE.
struct CNTKCTL_EL1: RawRepresentable {
    static let writable: UInt64 = 0x3FF

    var rawValue: UInt64 = 0

    /// Bit 0. EL0 may read CNTPCT_EL0 (and CNTFRQ_EL0).
    var el0pcten: Bool { rawValue[bit: 0] }
    /// Bit 1. EL0 may read CNTVCT_EL0 (and CNTFRQ_EL0).
    var el0vcten: Bool { rawValue[bit: 1] }
    /// Bit 8. EL0 may access the virtual timer.
    var el0vten: Bool { rawValue[bit: 8] }
    /// Bit 9. EL0 may access the physical timer.
    var el0pten: Bool { rawValue[bit: 9] }
}

/// CNTP_CTL_EL0 and CNTV_CTL_EL0: timer control. 64-bit, RW. Source: Arm ARM, "CNTP_CTL_EL0".
struct CNT_CTL: RawRepresentable {
    static let writable: UInt64 = 0b011

    var rawValue: UInt64 = 0

    /// Bit 0.
    var enable: Bool { rawValue[bit: 0] }
    /// Bit 1. 1: the condition asserts no interrupt.
    var imask: Bool { rawValue[bit: 1] }
    /// Bit 2, RO. The condition is met; zero while the timer is disabled.
    var istatus: Bool {
        get { rawValue[bit: 2] }
        set { rawValue[bit: 2] = newValue }
    }
}
