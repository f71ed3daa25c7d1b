import ARM64Vector

/// The code under test in the oracle's place: the interpreter's part for one instruction.
enum Subject {
    static func run(
        _ instruction: VectorInstruction, _ fpcr: FPCR, _ operands: Oracle.Operands, fpsr: UInt32 = 0
    ) -> Oracle.Outcome {
        let vectors = [operands.v0, operands.v1, operands.v2, operands.v3]
        let general = [operands.x0, operands.x1, operands.x2, 0]
        let n = vectors[Int(instruction.n & 3)]
        let m = vectors[Int(instruction.m & 3)]
        var outcome = Oracle.Outcome(v2: operands.v2, x2: operands.x2, fpsr: 0, nzcv: operands.nzcv)
        var fpsr = FPSR(rawValue: fpsr)
        switch instruction.operation.form {
        case .vector:
            let a = vectors[Int(instruction.a & 3)]
            outcome.v2 = instruction.executeVector(n: n, m: m, a: a, fpcr, &fpsr)
        case .tableLookup:
            outcome.v2 = instruction.executeTableLookup(
                t0: operands.v0, t1: operands.v1, t2: operands.v2, t3: operands.v3, m: m, d: operands.v2)
        case .toGeneral:
            outcome.x2 = instruction.executeToGeneral(n: n, fpcr, &fpsr)
        case .fromGeneral:
            outcome.v2 = instruction.executeFromGeneral(
                x: general[Int(instruction.n & 3)], d: operands.v2, fpcr, &fpsr)
        case .compare:
            outcome.nzcv = instruction.executeCompare(n: n, m: m, nzcv: operands.nzcv, fpcr, &fpsr)
        case .select:
            outcome.v2 = instruction.executeSelect(n: n, m: m, nzcv: operands.nzcv)
        }
        outcome.fpsr = fpsr.rawValue
        return outcome
    }
}
