// Data processing, register. Source: Arm DDI 0487, C4.1.95 and C6.2.

extension Lowering {
    func lowerRegister(_ encoding: Encoding) -> MicroOp? {
        let i = instruction
        switch encoding {
        case .udiv: return three(.udivX, .udivW)
        case .sdiv: return three(.sdivX, .sdivW)
        case .lslv: return three(.lslvX, .lslvW)
        case .lsrv: return three(.lsrvX, .lsrvW)
        case .asrv: return three(.asrvX, .asrvW)
        case .rorv: return three(.rorvX, .rorvW)
        case .crc32:
            guard i.sf == (i.field(10, 2) == 3) else { return undefined(.unallocated) }
            return three(.crc32, .crc32, a: UInt8(i.field(10, 2)), b: i.bit(12) ? 1 : 0)
        case .rbit: return three(.rbitX, .rbitW)
        case .rev16: return three(.rev16, .rev16, b: i.narrowing)
        case .rev32: return three(.revWords, .revW)
        case .rev64: return three(.revX, .revX)
        case .clz: return three(.clzX, .clzW)
        case .cls: return three(.clsX, .clsW)
        case .andRegister, .bicRegister: return logical(.andX, .andW, .andShiftedX, .andShiftedW)
        case .orrRegister, .ornRegister: return logical(.orrX, .orrW, .orrShiftedX, .orrShiftedW)
        case .eorRegister, .eonRegister: return logical(.eorX, .eorW, .eorShiftedX, .eorShiftedW)
        case .andsRegister, .bicsRegister: return logical(.andsX, .andsW, .andsShiftedX, .andsShiftedW)
        case .addShifted: return arithmetic(.addX, .addW, .addShiftedX, .addShiftedW)
        case .subShifted: return arithmetic(.subX, .subW, .subShiftedX, .subShiftedW)
        case .addsShifted: return arithmetic(.addsX, .addsW, .addsShiftedX, .addsShiftedW)
        case .subsShifted: return arithmetic(.subsX, .subsW, .subsShiftedX, .subsShiftedW)
        case .addExtended: return extended(.addExtendedX, .addExtendedW, to: i.rd)
        case .subExtended: return extended(.subExtendedX, .subExtendedW, to: i.rd)
        case .addsExtended: return extended(.addsExtendedX, .addsExtendedW, to: Instruction.destination(i.rd))
        case .subsExtended: return extended(.subsExtendedX, .subsExtendedW, to: Instruction.destination(i.rd))
        case .adc: return three(.adcX, .adcW)
        case .adcs: return three(.adcsX, .adcsW)
        case .sbc: return three(.adcX, .adcW, immediate: ~0)
        case .sbcs: return three(.adcsX, .adcsW, immediate: ~0)
        case .csel: return conditional(.csel)
        case .csinc: return conditional(.csinc)
        case .csinv: return conditional(.csinv)
        case .csneg: return conditional(.csneg)
        case .ccmnRegister: return compare(isSubtract: false, isImmediate: false)
        case .ccmpRegister: return compare(isSubtract: true, isImmediate: false)
        case .ccmnImmediate: return compare(isSubtract: false, isImmediate: true)
        case .ccmpImmediate: return compare(isSubtract: true, isImmediate: true)
        case .madd: return three(.maddX, .maddW, a: Instruction.source(i.ra))
        case .msub: return three(.msubX, .msubW, a: Instruction.source(i.ra))
        case .smaddl: return three(.smaddl, .smaddl, a: Instruction.source(i.ra))
        case .smsubl: return three(.smsubl, .smsubl, a: Instruction.source(i.ra))
        case .umaddl: return three(.umaddl, .umaddl, a: Instruction.source(i.ra))
        case .umsubl: return three(.umsubl, .umsubl, a: Instruction.source(i.ra))
        case .smulh: return three(.smulh, .smulh)
        case .umulh: return three(.umulh, .umulh)
        default: return nil
        }
    }

    private func three(
        _ wide: Opcode, _ narrow: Opcode, a: UInt8 = 0, b: UInt8 = 0, immediate: UInt64 = 0
    ) -> MicroOp {
        let i = instruction
        return MicroOp(
            i.sf ? wide : narrow, d: Instruction.destination(i.rd), n: Instruction.source(i.rn),
            m: Instruction.source(i.rm), a: a, b: b, immediate: immediate)
    }

    /// `immediate` is what the shifted operand is inverted with.
    private func logical(_ wide: Opcode, _ narrow: Opcode, _ wideShifted: Opcode, _ narrowShifted: Opcode) -> MicroOp {
        let i = instruction
        let (kind, amount) = (i.field(22, 2), i.field(10, 6))
        guard i.sf || amount < 32 else { return undefined(.unallocated) }
        guard amount == 0, !i.bit(21) else {
            return three(
                wideShifted, narrowShifted, a: UInt8(kind), b: UInt8(amount), immediate: i.bit(21) ? ~0 : 0)
        }
        return three(wide, narrow)
    }

    private func arithmetic(_ wide: Opcode, _ narrow: Opcode, _ wideShifted: Opcode, _ narrowShifted: Opcode)
        -> MicroOp
    {
        let i = instruction
        let (kind, amount) = (i.field(22, 2), i.field(10, 6))
        guard kind != 3 else { return undefined(.reserved) }
        guard i.sf || amount < 32 else { return undefined(.unallocated) }
        guard amount == 0 else { return three(wideShifted, narrowShifted, a: UInt8(kind), b: UInt8(amount)) }
        return three(wide, narrow)
    }

    private func extended(_ wide: Opcode, _ narrow: Opcode, to destination: UInt8) -> MicroOp {
        let i = instruction
        guard i.field(10, 3) <= 4 else { return undefined(.reserved) }
        return MicroOp(
            i.sf ? wide : narrow, d: destination, n: i.rn, m: Instruction.source(i.rm), a: UInt8(i.field(13, 3)),
            b: UInt8(i.field(10, 3)))
    }

    private func conditional(_ opcode: Opcode) -> MicroOp {
        let i = instruction
        return MicroOp(
            opcode, d: Instruction.destination(i.rd), n: Instruction.source(i.rn), m: Instruction.source(i.rm),
            b: i.narrowing, immediate: Conditions.mask(i.field(12, 4)))
    }

    /// `a`: NZCV if the condition fails; `b`: bit 0 32-bit, bit 1 immediate (in `c`), bit 2 subtract.
    private func compare(isSubtract: Bool, isImmediate: Bool) -> MicroOp {
        let i = instruction
        return MicroOp(
            .ccmp, n: Instruction.source(i.rn), m: Instruction.source(i.rm), a: UInt8(i.field(0, 4)),
            b: (i.sf ? 0 : 1) | (isImmediate ? 2 : 0) | (isSubtract ? 4 : 0), c: i.rm,
            immediate: Conditions.mask(i.field(12, 4)))
    }
}
