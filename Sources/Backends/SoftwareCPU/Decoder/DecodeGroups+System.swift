// Source: Arm DDI 0487, C4.1.94.

extension DecodeGroups {
    static let branches: [DecodeEntry] = [
        .init("01010100iiiiiiiiiiiiiiiiiii0cccc", .bCond),
        .init("000101iiiiiiiiiiiiiiiiiiiiiiiiii", .b),
        .init("100101iiiiiiiiiiiiiiiiiiiiiiiiii", .bl),
        .init("z0110100iiiiiiiiiiiiiiiiiiittttt", .cbz),
        .init("z0110101iiiiiiiiiiiiiiiiiiittttt", .cbnz),
        .init("b0110110bbbbbiiiiiiiiiiiiiittttt", .tbz),
        .init("b0110111bbbbbiiiiiiiiiiiiiittttt", .tbnz),
        .init("1101011000011111000000nnnnn00000", .br),
        .init("1101011000111111000000nnnnn00000", .blr),
        .init("1101011001011111000000nnnnn00000", .ret),
        .init("11010110100111110000001111100000", .eret),
    ]

    static let system: [DecodeEntry] = [
        .init("0000000000000000iiiiiiiiiiiiiiii", .udf),
        .init("11010100000iiiiiiiiiiiiiiii00001", .svc),
        .init("11010100000iiiiiiiiiiiiiiii00010", .hvc),
        .init("11010100000iiiiiiiiiiiiiiii00011", .smc),
        .init("11010100001iiiiiiiiiiiiiiii00000", .brk),
        .init("11010100010iiiiiiiiiiiiiiii00000", .hlt),
        .init("11010101000000110010mmmmooo11111", .hint),
        .init("11010101000000110011mmmm01011111", .clrex),
        .init("11010101000000110011mmmm10011111", .dsb),
        .init("11010101000000110011mmmm10111111", .dmb),
        .init("11010101000000110011mmmm11011111", .isb),
        .init("1101010100000ooo0100mmmmooo11111", .msrImmediate),
        .init("1101010100001ooonnnnmmmmooottttt", .sys),
        .init("1101010100101ooonnnnmmmmooottttt", .sysl),
        .init("110101010001oooonnnnmmmmooottttt", .msr),
        .init("110101010011oooonnnnmmmmooottttt", .mrs),
    ]
}
