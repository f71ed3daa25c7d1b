// What compilers use for copying; the arithmetic of Advanced SIMD and floating point has its own groups.
// Source: Arm DDI 0487, C4.1.97; the sections named are of C7.2.

extension DecodeGroups {
    static let vectorMoves: [DecodeEntry] = [
        .init("0Q001110000iiiii000001nnnnnddddd", .dupElement),
        .init("01011110000iiiii000001nnnnnddddd", .dupElementScalar),
        .init("0Q001110000iiiii000011nnnnnddddd", .dupGeneral),
        .init("0Q001110000iiiii001011nnnnnddddd", .smov),
        .init("0Q001110000iiiii001111nnnnnddddd", .umov),
        .init("01001110000iiiii000111nnnnnddddd", .insGeneral),
        .init("01101110000iiiii0jjjj1nnnnnddddd", .insElement),
        .init("0Qo0111100000aaaccccx1dddddddddd", .modifiedImmediate),
        .init("0Q001110001mmmmm000111nnnnnddddd", .andVector),
        .init("0Q001110011mmmmm000111nnnnnddddd", .bicVector),
        .init("0Q001110101mmmmm000111nnnnnddddd", .orrVector),
        .init("0Q001110111mmmmm000111nnnnnddddd", .ornVector),
        .init("0Q101110001mmmmm000111nnnnnddddd", .eorVector),
        .init("0Q101110011mmmmm000111nnnnnddddd", .bslVector),
        .init("0Q101110101mmmmm000111nnnnnddddd", .bitVector),
        .init("0Q101110111mmmmm000111nnnnnddddd", .bifVector),
        .init("0001111000100000010000nnnnnddddd", .fmovSingle),
        .init("0001111001100000010000nnnnnddddd", .fmovDouble),
        .init("0001111000100110000000nnnnnddddd", .fmovSingleToGeneral),
        .init("0001111000100111000000nnnnnddddd", .fmovGeneralToSingle),
        .init("1001111001100110000000nnnnnddddd", .fmovDoubleToGeneral),
        .init("1001111001100111000000nnnnnddddd", .fmovGeneralToDouble),
        .init("1001111010101110000000nnnnnddddd", .fmovHighToGeneral),
        .init("1001111010101111000000nnnnnddddd", .fmovGeneralToHigh),
        .init("00011110001iiiiiiii10000000ddddd", .fmovImmediateSingle),
        .init("00011110011iiiiiiii10000000ddddd", .fmovImmediateDouble),
    ]
}
