// Data processing, immediate. Source: Arm DDI 0487, C4.1.93 and C6.2.

extension Lowering {
    func lowerImmediate(_ encoding: Encoding) -> MicroOp? {
        let i = instruction
        let destination = Instruction.destination(i.rd)
        switch encoding {
        case .adr:
            let displacement = i.signed(5, 19) << 2 | Int64(i.field(29, 2))
            return MicroOp(.adr, d: destination, immediate: offset &+ UInt64(bitPattern: displacement))
        case .adrp:
            let displacement = (i.signed(5, 19) << 2 | Int64(i.field(29, 2))) << 12
            return MicroOp(.adrp, d: destination, immediate: UInt64(bitPattern: displacement))
        case .addImmediate: return MicroOp(i.sf ? .addImmediateX : .addImmediateW, d: i.rd, n: i.rn, immediate: imm12)
        case .subImmediate:
            return MicroOp(i.sf ? .addImmediateX : .addImmediateW, d: i.rd, n: i.rn, immediate: 0 &- imm12)
        case .addsImmediate:
            return MicroOp(i.sf ? .addsImmediateX : .addsImmediateW, d: destination, n: i.rn, immediate: imm12)
        case .subsImmediate:
            return MicroOp(i.sf ? .subsImmediateX : .subsImmediateW, d: destination, n: i.rn, immediate: imm12)
        case .andImmediate: return logical(.andImmediate, .andImmediate, to: i.rd)
        case .orrImmediate: return logical(.orrImmediateX, .orrImmediateW, to: i.rd)
        case .eorImmediate: return logical(.eorImmediateX, .eorImmediateW, to: i.rd)
        case .andsImmediate: return logical(.andsImmediateX, .andsImmediateW, to: destination)
        case .movz, .movn, .movk: return moveWide(encoding)
        case .sbfm, .bfm, .ubfm: return bitfield(encoding)
        case .extr:
            let lsb = i.field(10, 6)
            guard i.bit(22) == i.sf, i.sf || lsb < 32 else { return undefined(.reserved) }
            return MicroOp(
                i.sf ? .extrX : .extrW, d: destination, n: Instruction.source(i.rn), m: Instruction.source(i.rm),
                a: UInt8(lsb))
        default: return nil
        }
    }

    private var imm12: UInt64 { UInt64(instruction.field(10, 12)) << (instruction.bit(22) ? 12 : 0) }

    private func logical(_ wide: Opcode, _ narrow: Opcode, to destination: UInt8) -> MicroOp {
        let i = instruction
        guard
            let mask = decodeBitMasks(n: i.field(22, 1), imms: i.field(10, 6), immr: i.field(16, 6), is64Bit: i.sf)
        else { return undefined(.reserved) }
        return MicroOp(i.sf ? wide : narrow, d: destination, n: Instruction.source(i.rn), immediate: mask)
    }

    private func moveWide(_ encoding: Encoding) -> MicroOp {
        let i = instruction
        let shift = UInt64(i.field(21, 2)) * 16
        guard i.sf || shift < 32 else { return undefined(.unallocated) }
        let value = UInt64(i.field(5, 16)) << shift
        let mask: UInt64 = i.sf ? ~0 : 0xFFFF_FFFF
        let destination = Instruction.destination(i.rd)
        switch encoding {
        case .movz: return MicroOp(.moveImmediate, d: destination, immediate: value)
        case .movn: return MicroOp(.moveImmediate, d: destination, immediate: ~value & mask)
        default:
            return MicroOp(
                .moveKeep, d: destination, n: Instruction.source(i.rd), a: UInt8(shift), b: i.narrowing,
                immediate: value)
        }
    }

    private func bitfield(_ encoding: Encoding) -> MicroOp {
        let i = instruction
        let size: UInt32 = i.sf ? 64 : 32
        let (immr, imms) = (i.field(16, 6), i.field(10, 6))
        guard i.bit(22) == i.sf, immr < size, imms < size else { return undefined(.reserved) }
        let destination = Instruction.destination(i.rd)
        let source = Instruction.source(i.rn)
        // Extracts bits imms:immr to 0, or inserts bits imms:0 at size - immr.
        let isExtract = imms >= immr
        let width = isExtract ? imms - immr + 1 : imms + 1
        let position = isExtract ? immr : size - immr
        let mask: UInt64 = ~0 >> UInt64(64 - width)
        switch encoding {
        case .ubfm:
            return MicroOp(isExtract ? .ubfx : .ubfiz, d: destination, n: source, a: UInt8(position), immediate: mask)
        case .sbfm:
            let left = 63 - imms
            let right = isExtract ? left + immr : left - position
            return MicroOp(i.sf ? .sbfmX : .sbfmW, d: destination, n: source, a: UInt8(left), b: UInt8(right))
        default:
            return MicroOp(
                isExtract ? .bfmRight : .bfmLeft, d: destination, n: source, m: Instruction.source(i.rd),
                a: UInt8(position), b: i.narrowing, immediate: isExtract ? mask : mask << UInt64(position))
        }
    }
}
