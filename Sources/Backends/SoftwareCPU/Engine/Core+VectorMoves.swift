// Vector moves and bitwise operations. Source: Arm DDI 0487, C7.2.

extension Core {
    @inline(never)
    func executeVectorMove(_ op: MicroOp) -> Outcome {
        let s = state
        let size = Int(op.a)
        switch op.opcode {
        case .dupElement:
            let element = VectorLanes.extract((s.vectorLow(op.n), s.vectorHigh(op.n)), Int(op.m), size)
            if op.c != 0 {
                s.setVector(op.d, element, 0)
            } else {
                let low = VectorLanes.replicate(element, size)
                s.setVector(op.d, low, op.b != 0 ? low : 0)
            }
        case .dupGeneral:
            let low = VectorLanes.replicate(s.x(op.n), size)
            s.setVector(op.d, low, op.b != 0 ? low : 0)
        case .smov:
            let value = VectorLanes.extract((s.vectorLow(op.n), s.vectorHigh(op.n)), Int(op.m), size)
            let left = UInt64(64 - (8 << size))
            s.setX(op.d, UInt64(bitPattern: Int64(bitPattern: value << left) >> Int64(left)) & (~0 >> UInt64(op.b)))
        case .umov: s.setX(op.d, VectorLanes.extract((s.vectorLow(op.n), s.vectorHigh(op.n)), Int(op.m), size))
        case .insGeneral: insert(s.x(op.n), op)
        case .insElement: insert(VectorLanes.extract((s.vectorLow(op.n), s.vectorHigh(op.n)), Int(op.b), size), op)
        case .vectorImmediate: s.setVector(op.d, op.immediate, op.b != 0 ? op.immediate : 0)
        case .orrVectorImmediate:
            s.setVector(op.d, s.vectorLow(op.d) | op.immediate, op.b != 0 ? s.vectorHigh(op.d) | op.immediate : 0)
        case .bicVectorImmediate:
            s.setVector(op.d, s.vectorLow(op.d) & ~op.immediate, op.b != 0 ? s.vectorHigh(op.d) & ~op.immediate : 0)
        case .fmovScalar: s.setVector(op.d, s.vectorLow(op.n) & (~0 >> UInt64(op.b)), 0)
        case .fmovToGeneral: s.setX(op.d, s.vectorLow(op.n) & (~0 >> UInt64(op.b)))
        case .fmovFromGeneral: s.setVector(op.d, s.x(op.n) & (~0 >> UInt64(op.b)), 0)
        case .fmovHighToGeneral: s.setX(op.d, s.vectorHigh(op.n))
        case .fmovGeneralToHigh: s.setVector(op.d, s.vectorLow(op.d), s.x(op.n))
        default: bitwise(op)
        }
        return .next
    }

    private func insert(_ value: UInt64, _ op: MicroOp) {
        var vector = (state.vectorLow(op.d), state.vectorHigh(op.d))
        VectorLanes.insert(value, Int(op.m), Int(op.a), into: &vector)
        state.setVector(op.d, vector.0, vector.1)
    }

    private func bitwise(_ op: MicroOp) {
        let s = state
        let low = Self.bitwise(op.opcode, s.vectorLow(op.d), s.vectorLow(op.n), s.vectorLow(op.m))
        let high = Self.bitwise(op.opcode, s.vectorHigh(op.d), s.vectorHigh(op.n), s.vectorHigh(op.m))
        s.setVector(op.d, low, op.b != 0 ? high : 0)
    }

    private static func bitwise(_ opcode: Opcode, _ d: UInt64, _ n: UInt64, _ m: UInt64) -> UInt64 {
        switch opcode {
        case .andVector: n & m
        case .bicVector: n & ~m
        case .orrVector: n | m
        case .ornVector: n | ~m
        case .eorVector: n ^ m
        case .bslVector: m ^ ((m ^ n) & d)
        case .bitVector: d ^ ((d ^ n) & m)
        default: d ^ ((d ^ n) & ~m)
        }
    }
}
