/// What a micro-op does. `X` works on 64 bits, `W` on 32 with a zeroed upper half; without either, `MicroOp.b` says.
///
/// The first group is executed by the interpreter's flat switch, the second by functions of their own. Order matters only for
/// the density of the switch. There can be 256: it is one byte of a `MicroOp`.
enum Opcode: UInt8, CaseIterable, Sendable {
    // Data processing, immediate.
    case moveImmediate, moveKeep, adr, adrp
    case addImmediateX, addImmediateW, addsImmediateX, addsImmediateW, subsImmediateX, subsImmediateW
    case andImmediate, orrImmediateX, orrImmediateW, eorImmediateX, eorImmediateW, andsImmediateX, andsImmediateW
    case ubfx, ubfiz, sbfmX, sbfmW, bfmLeft, bfmRight, extrX, extrW
    // Data processing, registers.
    case addX, addW, subX, subW, addsX, addsW, subsX, subsW
    case andX, andW, orrX, orrW, eorX, eorW, andsX, andsW
    case addShiftedX, addShiftedW, subShiftedX, subShiftedW, addsShiftedX, addsShiftedW, subsShiftedX, subsShiftedW
    case andShiftedX, andShiftedW, orrShiftedX, orrShiftedW, eorShiftedX, eorShiftedW, andsShiftedX, andsShiftedW
    case addExtendedX, addExtendedW, subExtendedX, subExtendedW
    case addsExtendedX, addsExtendedW, subsExtendedX, subsExtendedW
    case adcX, adcW, adcsX, adcsW
    case udivX, udivW, sdivX, sdivW
    case lslvX, lslvW, lsrvX, lsrvW, asrvX, asrvW, rorvX, rorvW
    case crc32, rbitX, rbitW, rev16, revX, revW, revWords, clzX, clzW, clsX, clsW
    case csel, csinc, csinv, csneg, ccmp
    case maddX, maddW, msubX, msubW, smaddl, smsubl, umaddl, umsubl, smulh, umulh
    // Branches: the end of a block.
    case branch, branchLink, branchConditional, cbzX, cbzW, cbnzX, cbnzW, tbz, tbnz
    case branchRegister, branchLinkRegister
    /// Two in one: what sets the flags, and the conditional branch by them. See `MicroOp.fused(_:_:)`.
    case subsImmediateBranchX, subsImmediateBranchW
    case andsImmediateBranchX, andsImmediateBranchW, subsBranchX, subsBranchW, andsBranchX, andsBranchW, ccmpBranch
    /// In place of the first micro-op of a block that is dead: finds the one that is there now.
    case deadBlock
    /// The block goes on in the next one, because it grew too long or its page ended.
    case endOfBlock
    /// The same after an instruction that may have changed what the next one is: no link.
    case endOfContext
    case nop
    // Loads and stores: base plus displacement, base plus index, with writeback.
    case loadB, loadH, loadW, loadX, loadSBX, loadSBW, loadSHX, loadSHW, loadSWX, storeB, storeH, storeW, storeX
    case loadBIndexed, loadHIndexed, loadWIndexed, loadXIndexed, loadSBXIndexed, loadSBWIndexed, loadSHXIndexed
    case loadSHWIndexed, loadSWXIndexed, storeBIndexed, storeHIndexed, storeWIndexed, storeXIndexed
    case loadBWriteback, loadHWriteback, loadWWriteback, loadXWriteback, loadSBXWriteback, loadSBWWriteback
    case loadSHXWriteback, loadSHWWriteback, loadSWXWriteback
    case storeBWriteback, storeHWriteback, storeWWriteback, storeXWriteback
    case loadPairX, loadPairW, loadPairSW, storePairX, storePairW
    case loadVS, loadVD, loadVQ, storeVS, storeVD, storeVQ
    case loadPairVS, loadPairVD, loadPairVQ, storePairVS, storePairVD, storePairVQ
    case loadLiteralW, loadLiteralX, loadLiteralSW, loadLiteralVS, loadLiteralVD, loadLiteralVQ
    /// MRS and MSR of a register that is plain storage.
    case readSystemSlot, writeSystemSlot

    // Executed out of the flat switch: memory.
    case loadExclusive, storeExclusive, loadExclusivePair, storeExclusivePair, loadAcquire, storeRelease
    case compareAndSwap, compareAndSwapPair, atomic
    case loadStoreUnprivileged, loadVector, storeVector, structureMultiple, structureSingle
    // Vector moves.
    case dupElement, dupGeneral, smov, umov, insGeneral, insElement, vectorImmediate, orrVectorImmediate
    case bicVectorImmediate, andVector, bicVector, orrVector, ornVector, eorVector, bslVector, bitVector, bifVector
    case fmovToGeneral, fmovFromGeneral, fmovHighToGeneral, fmovGeneralToHigh, fmovScalar
    /// Floating point and Advanced SIMD at large: the immediate is a packed `VectorInstruction`.
    case vector
    // System.
    case undefined, svc, hvc, brk, eret, msr, mrs, msrImmediate, sys
    case wfi, wfe, sev, yield, clrex, barrier, isb
    /// What takes an exception whatever the instruction is, of the class in `a` with the syndrome in the immediate: floating
    /// point that CPACR_EL1.FPEN traps, PSTATE.IL, an access by a misaligned SP.
    case raise
    /// Not an instruction: the block ends, and the one before may have changed whether SP is aligned.
    case endOfStackChange
    /// In place of an instruction that may have a breakpoint.
    case debugPoint
    /// HLT #0xF000 where it is answered.
    case semihosting
}
