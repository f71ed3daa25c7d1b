// Source: Arm DDI 0487, C4.1.96. Fields that should be one are ignored: a choice that CONSTRAINED UNPREDICTABLE allows.

extension DecodeGroups {
    static let loadsAndStores: [DecodeEntry] = [
        // Exclusive and ordered.
        .init("zz001000000sssss0xxxxxnnnnnttttt", .stxr),
        .init("zz001000000sssss1xxxxxnnnnnttttt", .stlxr),
        .init("zz001000010xxxxx0xxxxxnnnnnttttt", .ldxr),
        .init("zz001000010xxxxx1xxxxxnnnnnttttt", .ldaxr),
        .init("1z001000001sssss0uuuuunnnnnttttt", .stxp),
        .init("1z001000001sssss1uuuuunnnnnttttt", .stlxp),
        .init("1z001000011xxxxx0uuuuunnnnnttttt", .ldxp),
        .init("1z001000011xxxxx1uuuuunnnnnttttt", .ldaxp),
        .init("zz001000100xxxxx1xxxxxnnnnnttttt", .stlr),
        .init("zz001000110xxxxx1xxxxxnnnnnttttt", .ldar),
        // FEAT_LSE.
        .init("zz0010001A1sssssR11111nnnnnttttt", .cas),
        .init("0z0010000A1sssssR11111nnnnnttttt", .casp),
        .init("zz111000AR1sssss000000nnnnnttttt", .ldadd),
        .init("zz111000AR1sssss000100nnnnnttttt", .ldclr),
        .init("zz111000AR1sssss001000nnnnnttttt", .ldeor),
        .init("zz111000AR1sssss001100nnnnnttttt", .ldset),
        .init("zz111000AR1sssss010000nnnnnttttt", .ldsmax),
        .init("zz111000AR1sssss010100nnnnnttttt", .ldsmin),
        .init("zz111000AR1sssss011000nnnnnttttt", .ldumax),
        .init("zz111000AR1sssss011100nnnnnttttt", .ldumin),
        .init("zz111000AR1sssss100000nnnnnttttt", .swp),
        // PC-relative.
        .init("zz011000iiiiiiiiiiiiiiiiiiittttt", .loadLiteral),
        .init("zz011100iiiiiiiiiiiiiiiiiiittttt", .loadLiteralVector),
        // Pairs: no-allocate, post-index, offset, pre-index.
        .init("zz10100mmLiiiiiiiuuuuunnnnnttttt", .pair),
        .init("zz10110mmLiiiiiiiuuuuunnnnnttttt", .pairVector),
        // One register.
        .init("zz111000oo0iiiiiiiii00nnnnnttttt", .loadStoreUnscaled),
        .init("zz111000oo0iiiiiiiii01nnnnnttttt", .loadStorePostIndex),
        .init("zz111000oo0iiiiiiiii10nnnnnttttt", .loadStoreUnprivileged),
        .init("zz111000oo0iiiiiiiii11nnnnnttttt", .loadStorePreIndex),
        .init("zz111000oo1mmmmmeeeS10nnnnnttttt", .loadStoreRegister),
        .init("zz111001ooiiiiiiiiiiiinnnnnttttt", .loadStoreUnsigned),
        .init("zz111100oo0iiiiiiiii00nnnnnttttt", .vectorUnscaled),
        .init("zz111100oo0iiiiiiiii01nnnnnttttt", .vectorPostIndex),
        .init("zz111100oo0iiiiiiiii11nnnnnttttt", .vectorPreIndex),
        .init("zz111100oo1mmmmmeeeS10nnnnnttttt", .vectorRegister),
        .init("zz111101ooiiiiiiiiiiiinnnnnttttt", .vectorUnsigned),
        // Structures.
        .init("0Q0011000L000000oooozznnnnnttttt", .structureMultiple),
        .init("0Q0011001L0mmmmmoooozznnnnnttttt", .structureMultiplePost),
        .init("0Q0011010LR00000oooSzznnnnnttttt", .structureSingle),
        .init("0Q0011011LRmmmmmoooSzznnnnnttttt", .structureSinglePost),
    ]
}
