// Vector moves. Source: Arm DDI 0487, C4.1.97 and C7.2.

extension Lowering {
    func lowerVectorMove(_ encoding: Encoding) -> MicroOp? {
        let i = instruction
        let q: UInt8 = i.bit(30) ? 1 : 0
        let imm5 = i.field(16, 5)
        switch encoding {
        case .dupElement, .dupGeneral, .dupElementScalar:
            guard let element = element(imm5), element.log2Size < 3 || q == 1 || encoding == .dupElementScalar else {
                return undefined(.reserved)
            }
            if encoding == .dupGeneral {
                return MicroOp(.dupGeneral, d: i.rd, n: Instruction.source(i.rn), a: element.log2Size, b: q)
            }
            // c = 1: to a scalar.
            return MicroOp(
                .dupElement, d: i.rd, n: i.rn, m: element.lane, a: element.log2Size, b: q,
                c: encoding == .dupElementScalar ? 1 : 0)
        case .smov:
            guard let element = element(imm5), element.log2Size < (q == 1 ? 3 : 2) else { return undefined(.reserved) }
            return MicroOp(
                .smov, d: Instruction.destination(i.rd), n: i.rn, m: element.lane, a: element.log2Size,
                b: q == 1 ? 0 : 32)
        case .umov:
            guard let element = element(imm5), (element.log2Size == 3) == (q == 1) else { return undefined(.reserved) }
            return MicroOp(
                .umov, d: Instruction.destination(i.rd), n: i.rn, m: element.lane, a: element.log2Size)
        case .insGeneral:
            guard let element = element(imm5) else { return undefined(.reserved) }
            return MicroOp(.insGeneral, d: i.rd, n: Instruction.source(i.rn), m: element.lane, a: element.log2Size)
        case .insElement:
            guard let element = element(imm5) else { return undefined(.reserved) }
            return MicroOp(
                .insElement, d: i.rd, n: i.rn, m: element.lane, a: element.log2Size,
                b: UInt8(i.field(11, 4)) >> element.log2Size)
        case .modifiedImmediate: return modifiedImmediate()
        case .andVector: return three(.andVector)
        case .bicVector: return three(.bicVector)
        case .orrVector: return three(.orrVector)
        case .ornVector: return three(.ornVector)
        case .eorVector: return three(.eorVector)
        case .bslVector: return three(.bslVector)
        case .bitVector: return three(.bitVector)
        case .bifVector: return three(.bifVector)
        case .fmovSingle: return MicroOp(.fmovScalar, d: i.rd, n: i.rn, b: 32)
        case .fmovDouble: return MicroOp(.fmovScalar, d: i.rd, n: i.rn)
        case .fmovSingleToGeneral: return MicroOp(.fmovToGeneral, d: Instruction.destination(i.rd), n: i.rn, b: 32)
        case .fmovDoubleToGeneral: return MicroOp(.fmovToGeneral, d: Instruction.destination(i.rd), n: i.rn)
        case .fmovGeneralToSingle: return MicroOp(.fmovFromGeneral, d: i.rd, n: Instruction.source(i.rn), b: 32)
        case .fmovGeneralToDouble: return MicroOp(.fmovFromGeneral, d: i.rd, n: Instruction.source(i.rn))
        case .fmovHighToGeneral: return MicroOp(.fmovHighToGeneral, d: Instruction.destination(i.rd), n: i.rn)
        case .fmovGeneralToHigh: return MicroOp(.fmovGeneralToHigh, d: i.rd, n: Instruction.source(i.rn))
        case .fmovImmediateSingle:
            return MicroOp(.vectorImmediate, d: i.rd, immediate: expandFloat(i.field(13, 8), isDouble: false))
        case .fmovImmediateDouble:
            return MicroOp(.vectorImmediate, d: i.rd, immediate: expandFloat(i.field(13, 8), isDouble: true))
        default: return nil
        }
    }

    private func three(_ opcode: Opcode) -> MicroOp {
        let i = instruction
        return MicroOp(opcode, d: i.rd, n: i.rn, m: i.rm, b: i.bit(30) ? 1 : 0)
    }

    /// The lowest set bit of imm5 gives the size, the bits above it the lane.
    private func element(_ imm5: UInt32) -> (log2Size: UInt8, lane: UInt8)? {
        let size = imm5.trailingZeroBitCount
        guard size < 4 else { return nil }
        return (UInt8(size), UInt8(imm5 >> UInt32(size + 1)))
    }

    /// MOVI, MVNI, ORR, BIC, FMOV. Source: Arm DDI 0487, C7.2 and J1.1.3 "AdvSIMDExpandImm".
    private func modifiedImmediate() -> MicroOp {
        let i = instruction
        let (op, cmode) = (i.bit(29), i.field(12, 4))
        guard !i.bit(11) else { return undefined(.notImplemented) }
        let imm8 = UInt64(i.field(16, 3) << 5 | i.field(5, 5))
        let isWide = i.bit(30)
        let q: UInt8 = isWide ? 1 : 0
        func word(_ value: UInt64) -> UInt64 { value | value << 32 }
        func half(_ value: UInt64) -> UInt64 { word(value | value << 16) }
        let value: UInt64
        switch cmode >> 1 {
        case 0...3: value = word(imm8 << UInt64(cmode >> 1 * 8))
        case 4, 5: value = half(imm8 << UInt64((cmode >> 1 & 1) * 8))
        case 6: value = word(cmode & 1 == 0 ? imm8 << 8 | 0xFF : imm8 << 16 | 0xFFFF)
        default:
            switch (cmode & 1, op) {
            case (0, false): value = half(imm8 | imm8 << 8)
            case (0, true):
                var bytes: UInt64 = 0
                for bit: UInt64 in 0..<8 where imm8 >> bit & 1 == 1 { bytes |= 0xFF << (bit * 8) }
                value = bytes
            case (_, false): value = word(expandFloat(UInt32(imm8), isDouble: false))
            default:
                guard isWide else { return undefined(.unallocated) }
                value = expandFloat(UInt32(imm8), isDouble: true)
            }
            return MicroOp(.vectorImmediate, d: i.rd, b: q, immediate: value)
        }
        // ORR and BIC for the shifted 32- and 16-bit forms.
        if cmode & 1 == 1 && cmode < 12 {
            return MicroOp(op ? .bicVectorImmediate : .orrVectorImmediate, d: i.rd, b: q, immediate: value)
        }
        return MicroOp(.vectorImmediate, d: i.rd, b: q, immediate: op ? ~value : value)
    }

    /// VFPExpandImm. Source: Arm DDI 0487, J1.1.3.
    private func expandFloat(_ imm8: UInt32, isDouble: Bool) -> UInt64 {
        let sign = UInt64(imm8 >> 7 & 1)
        let high = UInt64(imm8 >> 6 & 1)
        let low = UInt64(imm8 >> 4 & 3)
        let fraction = UInt64(imm8 & 15)
        if isDouble {
            let exponent = (high ^ 1) << 10 | (high * 0xFF) << 2 | low
            return sign << 63 | exponent << 52 | fraction << 48
        }
        let exponent = (high ^ 1) << 7 | (high * 0x1F) << 2 | low
        return sign << 31 | exponent << 23 | fraction << 19
    }
}
