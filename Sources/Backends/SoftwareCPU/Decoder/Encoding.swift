/// The instruction encodings of the decode table, by the manual's names.
enum Encoding: UInt8, CaseIterable, Sendable {
    // DataProcessing
    case adr, adrp, addImmediate, addsImmediate, subImmediate, subsImmediate, andImmediate, orrImmediate
    case eorImmediate, andsImmediate, movn, movz, movk, sbfm, bfm, ubfm, extr, udiv, sdiv, lslv, lsrv, asrv, rorv
    case crc32, rbit, rev16, rev32, rev64, clz, cls, andRegister, bicRegister, orrRegister, ornRegister
    case eorRegister, eonRegister, andsRegister, bicsRegister, addShifted, addsShifted, subShifted, subsShifted
    case addExtended, addsExtended, subExtended, subsExtended, adc, adcs, sbc, sbcs, ccmnRegister, ccmpRegister
    case ccmnImmediate, ccmpImmediate, csel, csinc, csinv, csneg, madd, msub, smaddl, smsubl, smulh, umaddl, umsubl
    case umulh
    // System
    case bCond, b, bl, cbz, cbnz, tbz, tbnz, br, blr, ret, eret, udf, svc, hvc, smc, brk, hlt, hint, clrex, dsb
    case dmb, isb, msrImmediate, sys, sysl, msr, mrs
    // LoadsAndStores
    case stxr, stlxr, ldxr, ldaxr, stxp, stlxp, ldxp, ldaxp, stlr, ldar, cas, casp, ldadd, ldclr, ldeor, ldset
    case ldsmax, ldsmin, ldumax, ldumin, swp, loadLiteral, loadLiteralVector, pair, pairVector, loadStoreUnscaled
    case loadStorePostIndex, loadStoreUnprivileged, loadStorePreIndex, loadStoreRegister, loadStoreUnsigned
    case vectorUnscaled, vectorPostIndex, vectorPreIndex, vectorRegister, vectorUnsigned, structureMultiple
    case structureMultiplePost, structureSingle, structureSinglePost
    // VectorMoves
    case dupElement, dupElementScalar, dupGeneral, smov, umov, insGeneral, insElement, modifiedImmediate, andVector
    case bicVector, orrVector, ornVector, eorVector, bslVector, bitVector, bifVector, fmovSingle, fmovDouble
    case fmovSingleToGeneral, fmovGeneralToSingle, fmovDoubleToGeneral, fmovGeneralToDouble, fmovHighToGeneral
    case fmovGeneralToHigh, fmovImmediateSingle, fmovImmediateDouble
}
