/// Execution by form. The caller reads the registers, calls the one function of the operation's form, writes the result.
/// Registers are passed whole; whatever the form does not use is ignored. FPSR accumulates.
extension VectorInstruction {
    /// `.vector`: the new V[d] from V[n], V[m] and V[a].
    package func executeVector(
        n: Vector128, m: Vector128, a: Vector128, _ fpcr: FPCR, _ fpsr: inout FPSR
    ) -> Vector128 {
        switch operation {
        case .threeSame(let op): return AdvSIMDThreeSame.execute(op, arrangement, n, m, a, &fpsr)
        case .threeSameFP(let op): return AdvSIMDThreeSameFP.execute(op, arrangement, n, m, a, fpcr, &fpsr)
        case .threeDifferent(let op): return AdvSIMDThreeDifferent.execute(op, arrangement, n, m, a, &fpsr)
        case .threeSameByElement(let op):
            return AdvSIMDThreeSame.execute(op, arrangement, n, indexed(m), a, &fpsr)
        case .threeSameFPByElement(let op):
            return AdvSIMDThreeSameFP.execute(op, arrangement, n, indexed(m), a, fpcr, &fpsr)
        case .threeDifferentByElement(let op):
            return AdvSIMDThreeDifferent.execute(op, arrangement, n, indexed(m), a, &fpsr)
        case .twoRegMisc(let op): return AdvSIMDTwoRegMisc.execute(op, arrangement, n, a, &fpsr)
        case .twoRegMiscFP(let op): return AdvSIMDTwoRegMiscFP.execute(op, arrangement, n, a, fpcr, &fpsr)
        case .acrossLanes(let op): return AdvSIMDAcrossLanes.execute(op, arrangement, n, fpcr, &fpsr)
        case .shiftByImmediate(let op):
            return AdvSIMDShiftByImmediate.execute(op, arrangement, n, a, shift: Int(immediate), fpcr, &fpsr)
        case .copy(let op):
            return AdvSIMDCopy.execute(
                op, arrangement, n, a, index: Int(immediate & 0xFF), sourceIndex: Int(immediate >> 8))
        case .permute(let op): return AdvSIMDPermute.execute(op, arrangement, n, m, index: Int(immediate))
        case .modifiedImmediate(let op):
            let value = AdvSIMDModifiedImmediate.expand(
                op: immediate >> 12 != 0, cmode: UInt8(immediate >> 8 & 15),
                imm8: UInt8(truncatingIfNeeded: immediate))
            return AdvSIMDModifiedImmediate.execute(op, arrangement, a, immediate: value)
        case .aes(let op): return CryptographicAES.execute(op, n, a)
        case .sha(let op): return CryptographicSHA.execute(op, n, m, a)
        case .floatingPoint(let op):
            return Vector128(
                low: FloatingPointDataProcessing.execute(
                    op, arrangement.format, n: n.low, m: m.low, a: a.low, fpcr, &fpsr))
        case .floatingPointImmediate:
            return Vector128(
                low: AdvSIMDModifiedImmediate.expandFloat(UInt8(truncatingIfNeeded: immediate), arrangement.format))
        case .tableLookup, .UMOV, .SMOV, .floatingPointToGeneral, .DUPgeneral, .INSgeneral, .generalToFloatingPoint,
            .floatingPointCompare, .FCSEL:
            preconditionFailure("an operation of another form")
        }
    }

    /// The element of V[m] that a "by element" instruction names, in all elements.
    @inline(__always) private func indexed(_ m: Vector128) -> Vector128 {
        .broadcast(m.element(Int(immediate), size: arrangement.size), size: arrangement.size)
    }

    /// `.tableLookup`: the new V[d]. `t1` to `t3` are V[n + 1] to V[n + 3], modulo 32; `immediate` says how many count.
    package func executeTableLookup(
        t0: Vector128, t1: Vector128, t2: Vector128, t3: Vector128, m: Vector128, d: Vector128
    ) -> Vector128 {
        AdvSIMDPermute.tableLookup(
            extends: operation == .tableLookup(extends: true), arrangement, registers: Int(immediate), t0, t1, t2, t3,
            indices: m, d)
    }

    /// `.toGeneral`: the new X[d].
    package func executeToGeneral(n: Vector128, _ fpcr: FPCR, _ fpsr: inout FPSR) -> UInt64 {
        let is64 = immediate & 128 != 0
        let low = Int(immediate & 127)
        switch operation {
        case .UMOV: return AdvSIMDCopy.extractUnsigned(arrangement, n, index: low)
        case .SMOV: return AdvSIMDCopy.extractSigned(arrangement, n, index: low, to64: is64)
        case .floatingPointToGeneral(let op):
            return FloatingPointConversion.toGeneral(
                op, arrangement.format, n: n, is64: is64, fractionBits: low, fpcr, &fpsr)
        default: preconditionFailure("an operation of another form")
        }
    }

    /// `.fromGeneral`: the new V[d] from X[n] (XZR for 31) and the old V[d].
    package func executeFromGeneral(x: UInt64, d: Vector128, _ fpcr: FPCR, _ fpsr: inout FPSR) -> Vector128 {
        switch operation {
        case .DUPgeneral: return AdvSIMDCopy.duplicate(arrangement, x)
        case .INSgeneral: return AdvSIMDCopy.insert(arrangement, d, index: Int(immediate), x)
        case .generalToFloatingPoint(let op):
            return FloatingPointConversion.fromGeneral(
                op, arrangement.format, x: x, d: d, is64: immediate & 128 != 0, fractionBits: Int(immediate & 127),
                fpcr,
                &fpsr)
        default: preconditionFailure("an operation of another form")
        }
    }

    /// `.compare`: the new NZCV, N in bit 3, from V[n], V[m] and the old one.
    package func executeCompare(n: Vector128, m: Vector128, nzcv: UInt8, _ fpcr: FPCR, _ fpsr: inout FPSR) -> UInt8 {
        guard case .floatingPointCompare(let op) = operation else {
            preconditionFailure("an operation of another form")
        }
        return FloatingPointCompare.execute(
            op, arrangement.format, n: n.low, m: m.low, nzcv: nzcv, condition: UInt8(immediate >> 4 & 15),
            elseNZCV: UInt8(immediate & 15), fpcr, &fpsr)
    }

    /// `.select` (FCSEL): the new V[d].
    package func executeSelect(n: Vector128, m: Vector128, nzcv: UInt8) -> Vector128 {
        let chosen = FloatingPointCompare.holds(UInt8(immediate & 15), nzcv) ? n : m
        return Vector128(low: chosen.low & arrangement.mask)
    }
}
