internal import VMMCore

// Branches, exception generation and system instructions. Source: Arm DDI 0487, C4.1.94 and C6.2.

extension Lowering {
    func lowerBranchOrSystem(_ encoding: Encoding) -> MicroOp? {
        let i = instruction
        switch encoding {
        case .b: return MicroOp(.branch, immediate: target(i.signed(0, 26)))
        case .bl: return MicroOp(.branchLink, immediate: target(i.signed(0, 26)))
        case .bCond:
            // Conditions 14 and 15 both mean always.
            let condition = i.field(0, 4)
            if condition >= 14 { return MicroOp(.branch, immediate: target(i.signed(5, 19))) }
            let mask = Conditions.mask(condition)
            return MicroOp(
                .branchConditional, a: UInt8(mask & 0xFF), b: UInt8(mask >> 8), immediate: target(i.signed(5, 19)))
        case .cbz: return compareBranch(.cbzX, .cbzW)
        case .cbnz: return compareBranch(.cbnzX, .cbnzW)
        case .tbz: return testBranch(.tbz)
        case .tbnz: return testBranch(.tbnz)
        case .br, .ret: return MicroOp(.branchRegister, n: Instruction.source(i.rn))
        case .blr: return MicroOp(.branchLinkRegister, n: Instruction.source(i.rn))
        case .eret: return isEL1 ? MicroOp(.eret) : undefined(.notAccessible)
        case .udf: return undefined(.unallocated)
        case .svc: return MicroOp(.svc, immediate: UInt64(i.field(5, 16)))
        // EL2 is not there, but this machine's firmware answers to HVC as if it were; SMC without EL3 is undefined.
        case .hvc: return isEL1 ? MicroOp(.hvc, immediate: UInt64(i.field(5, 16))) : undefined(.notAccessible)
        case .smc: return undefined(.notImplemented)
        case .brk: return MicroOp(.brk, immediate: UInt64(i.field(5, 16)))
        // Without a debugger that wants it, HLT is undefined.
        case .hlt:
            let isCall = hasSemihosting && isEL1 && i.field(5, 16) == Core.semihostingCall
            return isCall ? MicroOp(.semihosting) : undefined(.notImplemented)
        case .hint: return hint()
        case .clrex: return MicroOp(.clrex)
        case .dsb: return MicroOp(.barrier, a: 1)
        case .dmb: return MicroOp(.barrier)
        case .isb: return MicroOp(.isb)
        case .msrImmediate:
            return MicroOp(
                .msrImmediate, a: UInt8(i.field(16, 3)), b: UInt8(i.field(5, 3)), immediate: UInt64(i.field(8, 4)))
        case .sys: return sys()
        case .sysl: return undefined(.unallocated)
        case .mrs: return systemRegister(isRead: true)
        case .msr: return systemRegister(isRead: false)
        default: return nil
        }
    }

    /// `a` is 1 for the operations on data caches, after which a block goes on.
    private func sys() -> MicroOp {
        let i = instruction
        // op1 3, CRn 7: DC ZVA, CVAC, CVAU, CIVAC, and IC IVAU (CRm 5), which may change what follows.
        let isData = i.field(16, 3) == 3 && i.field(12, 4) == 7 && i.field(8, 4) != 5
        return MicroOp(.sys, n: Instruction.source(i.rt), a: isData ? 1 : 0, immediate: UInt64(i.field(5, 16)))
    }

    /// Where a branch leads, in bytes from the start of the block.
    private func target(_ words: Int64) -> UInt64 { offset &+ UInt64(bitPattern: words << 2) }

    private func compareBranch(_ wide: Opcode, _ narrow: Opcode) -> MicroOp {
        let i = instruction
        return MicroOp(i.sf ? wide : narrow, n: Instruction.source(i.rt), immediate: target(i.signed(5, 19)))
    }

    private func testBranch(_ opcode: Opcode) -> MicroOp {
        let i = instruction
        return MicroOp(
            opcode, n: Instruction.source(i.rt), a: UInt8(i.field(31, 1) << 5 | i.field(19, 5)),
            immediate: target(i.signed(5, 14)))
    }

    /// Hints that this CPU has no use for are no-ops. Source: Arm DDI 0487, C6.2 "HINT".
    private func hint() -> MicroOp {
        switch instruction.field(5, 7) {
        case 1: MicroOp(.yield)
        case 2: MicroOp(.wfe)
        case 3: MicroOp(.wfi)
        case 4, 5: MicroOp(.sev, a: instruction.field(5, 7) == 5 ? 1 : 0)
        default: MicroOp(.nop)
        }
    }

    private func systemRegister(isRead: Bool) -> MicroOp {
        let i = instruction
        let register = SystemRegister(rawValue: UInt16(i.field(5, 16)))
        if let offset = SystemSlot.plainOffset(of: register, isRead: isRead, flags: flags) {
            return isRead
                ? MicroOp(.readSystemSlot, d: Instruction.destination(i.rt), immediate: UInt64(offset))
                : MicroOp(.writeSystemSlot, n: Instruction.source(i.rt), immediate: UInt64(offset))
        }
        return isRead
            ? MicroOp(.mrs, d: Instruction.destination(i.rt), immediate: UInt64(register.rawValue))
            : MicroOp(.msr, n: Instruction.source(i.rt), immediate: UInt64(register.rawValue))
    }
}
