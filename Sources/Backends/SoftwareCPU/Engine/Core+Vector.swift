internal import ARM64Vector

// Floating point and Advanced SIMD at large: registers in, one function of the instruction's form, registers out.

extension Core {
    @inline(never)
    func executeVector(_ op: MicroOp) -> Outcome {
        guard let instruction = VectorInstruction(packed: op.immediate) else { return stop(.unknown) }
        let s = state
        let fpcr = FPCR(rawValue: UInt32(truncatingIfNeeded: s.system(.fpcr)))
        let before = FPSR(rawValue: UInt32(truncatingIfNeeded: s.system(.fpsr)))
        var fpsr = before
        let d = instruction.d
        switch instruction.operation.form {
        case .vector:
            let result = instruction.executeVector(
                n: s.vector(instruction.n), m: s.vector(instruction.m), a: s.vector(instruction.a), fpcr, &fpsr)
            s.setVector(d, result.low, result.high)
        case .tableLookup:
            let n = instruction.n
            let result = instruction.executeTableLookup(
                t0: s.vector(n), t1: s.vector((n + 1) & 31), t2: s.vector((n + 2) & 31), t3: s.vector((n + 3) & 31),
                m: s.vector(instruction.m), d: s.vector(d))
            s.setVector(d, result.low, result.high)
        case .toGeneral:
            s.setX(Instruction.destination(d), instruction.executeToGeneral(n: s.vector(instruction.n), fpcr, &fpsr))
        case .fromGeneral:
            let result = instruction.executeFromGeneral(
                x: s.x(Instruction.source(instruction.n)), d: s.vector(d), fpcr, &fpsr)
            s.setVector(d, result.low, result.high)
        case .compare:
            s.nzcv = UInt64(
                instruction.executeCompare(
                    n: s.vector(instruction.n), m: s.vector(instruction.m), nzcv: UInt8(truncatingIfNeeded: s.nzcv),
                    fpcr,
                    &fpsr))
        case .select:
            let result = instruction.executeSelect(
                n: s.vector(instruction.n), m: s.vector(instruction.m), nzcv: UInt8(truncatingIfNeeded: s.nzcv))
            s.setVector(d, result.low, result.high)
        }
        if fpsr != before { s.setSystem(.fpsr, UInt64(fpsr.rawValue)) }
        return .next
    }
}

extension StateBlock {
    fileprivate func vector(_ register: UInt8) -> Vector128 {
        Vector128(low: vectorLow(register), high: vectorHigh(register))
    }
}
