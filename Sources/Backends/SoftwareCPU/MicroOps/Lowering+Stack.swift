// SP alignment checking. Source: Arm DDI 0487, D1.3.10.3 "SP alignment checking", SCTLR_EL1.SA and SA0.
//
// No load or store looks at the stack pointer. Whether it is misaligned, and that is checked, is a flag of the block: where
// it is set, each access with SP as its base is lowered to the exception. An instruction that may change the answer ends its
// block, and `endOfStackChange` looks. Those that move SP by a multiple of 16 do not: nearly all that write it.

extension Lowering {
    /// This access takes the SP alignment exception.
    func faultsByStack(_ encoding: Encoding) -> Bool {
        guard flags & BlockFlags.stackMisaligned != 0, instruction.rn == 31 else { return false }
        return encoding.accessesMemoryByBase
    }

    /// SP may be aligned behind this instruction and not before, or the other way round.
    func mayChangeStackAlignment(_ encoding: Encoding) -> Bool {
        let i = instruction
        switch encoding {
        case .addImmediate, .subImmediate:
            guard i.rd == 31 else { return false }
            return i.rn != 31 || !i.bit(22) && i.field(10, 12) & 15 != 0
        case .orrImmediate, .eorImmediate, .addExtended, .subExtended: return i.rd == 31
        case .andImmediate:
            // AND with a mask whose low bits are clear aligns, which matters only where it was not.
            guard i.rd == 31 else { return false }
            let mask = decodeBitMasks(n: i.field(22, 1), imms: i.field(10, 6), immr: i.field(16, 6), is64Bit: i.sf)
            return flags & BlockFlags.stackMisaligned != 0 || (mask ?? 0) & 15 != 0
        case .loadStorePostIndex, .loadStorePreIndex, .vectorPostIndex, .vectorPreIndex:
            return i.rn == 31 && i.field(12, 4) != 0
        case .pair, .pairVector:
            // Post- and pre-index have bit 23 set. Scaled by 4, 8 or 16.
            return i.rn == 31 && i.bit(23) && i.field(15, 2) != 0
        case .structureMultiplePost, .structureSinglePost: return i.rn == 31
        default: return false
        }
    }
}

extension Encoding {
    /// Loads and stores but those by PC.
    var accessesMemoryByBase: Bool {
        rawValue >= Encoding.stxr.rawValue && rawValue <= Encoding.structureSinglePost.rawValue
            && self != .loadLiteral && self != .loadLiteralVector
    }
}

extension Lowering {
    /// As `lower(_:endsStackChange:)`, where blocks do not matter.
    func lower(_ table: DecodeTable) -> MicroOp {
        var endsStackChange = false
        return lower(table, endsStackChange: &endsStackChange)
    }
}

extension Core {
    /// The stack pointer is misaligned, and SCTLR_EL1 has that checked at this exception level.
    var isStackMisaligned: Bool {
        state.x(StateLayout.spSlot) & 15 != 0
            && state.system(.sctlr) & (state.exceptionLevel != 0 ? SCTLR.sa : SCTLR.sa0) != 0
    }

    /// The end of a block whose last instruction may have changed that.
    func noticeStack(_ pc: UInt64) -> Outcome {
        state.pc = pc
        if isStackMisaligned != (state.blockFlags & BlockFlags.stackMisaligned != 0) { updateContext() }
        return .jump
    }
}
