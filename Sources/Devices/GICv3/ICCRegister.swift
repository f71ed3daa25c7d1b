/// The system registers of the CPU interface as EL1 has them. All are read and written as 64 bits.
///
/// ICC_AP0R1 to 3 and ICC_AP1R1 to 3 do not exist with five priority bits: an access to them is undefined.
/// Source: GICv3, "AArch64 System register descriptions".
package enum ICCRegister: UInt8, CaseIterable, Sendable {
    case PMR_EL1
    case IAR0_EL1
    case EOIR0_EL1
    case HPPIR0_EL1
    case BPR0_EL1
    case AP0R0_EL1
    case AP1R0_EL1
    case DIR_EL1
    case RPR_EL1
    case SGI1R_EL1
    case ASGI1R_EL1
    case SGI0R_EL1
    case IAR1_EL1
    case EOIR1_EL1
    case HPPIR1_EL1
    case BPR1_EL1
    case CTLR_EL1
    case SRE_EL1
    case IGRPEN0_EL1
    case IGRPEN1_EL1

    /// What of MRS and MSR is defined; the other one is an undefined instruction.
    package enum Direction: Hashable, Sendable {
        case readOnly
        case writeOnly
        case readWrite
    }

    package var direction: Direction {
        switch self {
        case .IAR0_EL1, .IAR1_EL1, .HPPIR0_EL1, .HPPIR1_EL1, .RPR_EL1: .readOnly
        case .EOIR0_EL1, .EOIR1_EL1, .DIR_EL1, .SGI0R_EL1, .SGI1R_EL1, .ASGI1R_EL1: .writeOnly
        case .PMR_EL1, .BPR0_EL1, .BPR1_EL1, .AP0R0_EL1, .AP1R0_EL1, .CTLR_EL1, .SRE_EL1, .IGRPEN0_EL1, .IGRPEN1_EL1:
            .readWrite
        }
    }

    /// The register with this encoding in MRS and MSR, where op0 is 3 and op1 is 0; nil when it is none of these.
    package init?(crn: UInt8, crm: UInt8, op2: UInt8) {
        switch (crn, crm, op2) {
        case (4, 6, 0): self = .PMR_EL1
        case (12, 8, 0): self = .IAR0_EL1
        case (12, 8, 1): self = .EOIR0_EL1
        case (12, 8, 2): self = .HPPIR0_EL1
        case (12, 8, 3): self = .BPR0_EL1
        case (12, 8, 4): self = .AP0R0_EL1
        case (12, 9, 0): self = .AP1R0_EL1
        case (12, 11, 1): self = .DIR_EL1
        case (12, 11, 3): self = .RPR_EL1
        case (12, 11, 5): self = .SGI1R_EL1
        case (12, 11, 6): self = .ASGI1R_EL1
        case (12, 11, 7): self = .SGI0R_EL1
        case (12, 12, 0): self = .IAR1_EL1
        case (12, 12, 1): self = .EOIR1_EL1
        case (12, 12, 2): self = .HPPIR1_EL1
        case (12, 12, 3): self = .BPR1_EL1
        case (12, 12, 4): self = .CTLR_EL1
        case (12, 12, 5): self = .SRE_EL1
        case (12, 12, 6): self = .IGRPEN0_EL1
        case (12, 12, 7): self = .IGRPEN1_EL1
        default: return nil
        }
    }
}
